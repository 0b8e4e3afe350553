import { describe, expect, it } from 'vitest';
import { ARENA_BYTES } from './arena.ts';
import { bind, EBADF, getOption, loadSyscalls, receiveMessage, recv, send, sendMessage } from './syscalls.ts';

describe('the wrappers of system calls', () => {
  it.each<[string, () => unknown]>([
    ['before the arena', () => recv(0, -1, 10)],
    ['past its end', () => recv(0, ARENA_BYTES - 10, 11)],
    ['of a length below zero', () => send(0, 0, -1)],
    ['of no number', () => send(0, Number.NaN, 1)],
    ['with an address past its end', () => bind(0, ARENA_BYTES, 1)],
    ['with a message past its end', () => sendMessage(0, ARENA_BYTES, 1, 0, [])],
    ['with control bytes past its end', () => receiveMessage(0, 0, 1, ARENA_BYTES - 8, 16, [])],
  ])('refuse memory %s, also in the release', (_name, call) => {
    expect(loadSyscalls()).toBeUndefined();
    expect(call).toThrow(/^bug: .* not in the arena/);
  });

  it('answer an errno below zero', () => {
    loadSyscalls();
    expect(recv(987, 0, 10)).toBe(-EBADF);
    expect(send(-1, 0, 10)).toBe(-EBADF);
    expect(getOption(987, 1, 3)).toBe(-EBADF);
  });
});
