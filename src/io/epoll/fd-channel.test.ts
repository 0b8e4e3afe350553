import { closeSync, readdirSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { IoError } from '../engine.ts';
import { descriptorLimit, isCloseOnExec, socketPair } from './descriptors.ts';
import type { EpollEngine } from './epoll-engine.ts';
import { CHANNEL_FDS_MAX, FdChannel } from './fd-channel.ts';
import { setDescriptorLimit } from './syscalls.ts';
import { connectedPair, made, madeEngine, Recorder } from './test-kit.ts';

/** The end of a channel that records what comes. */
class End extends Recorder {
  readonly messages: { text: string; fds: number[] }[] = [];
  closedWith: IoError | undefined | 'open' = 'open';

  message(bytes: Uint8Array, fds: number[]): void {
    this.messages.push({ text: Buffer.from(bytes).toString('latin1'), fds });
    this.note('message');
  }
  closed(error: IoError | undefined): void {
    this.closedWith = error;
    this.note('closed');
  }
}

let engine: EpollEngine;
let here: FdChannel;
let there: FdChannel;
let hereEnd: End;
let thereEnd: End;

beforeEach(() => {
  engine = madeEngine();
  const [a, b] = made(socketPair());
  hereEnd = new End();
  thereEnd = new End();
  here = made(FdChannel.open(engine, a, hereEnd));
  there = made(FdChannel.open(engine, b, thereEnd));
});

afterEach(() => {
  here.close();
  there.close();
  engine.destroy();
});

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

describe('a channel between two processes', () => {
  it('carries messages of any size in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(300_000), { maxLength: 6 }), async (sizes) => {
        thereEnd.messages.length = 0;
        const texts = sizes.map((size, i) => String.fromCharCode(97 + i).repeat(size));
        for (const text of texts) expect(here.send(bytesOf(text))).toBeUndefined();
        await thereEnd.until(() => thereEnd.messages.length === texts.length);
        expect(thereEnd.messages.map((message) => message.text === texts.shift())).toEqual(
          sizes.map(() => true),
        );
        expect(here.pendingBytes).toBe(0);
      }),
      { numRuns: 20 },
    );
  });

  it('hands over a live socket, which goes on at the other end', async () => {
    const { client, clientSide, server } = await connectedPair(engine);
    const fd = engine.release(server);
    const open = readdirSync('/proc/self/fd').length;
    here.send(bytesOf('take this'), [fd], true);
    await thereEnd.until(() => thereEnd.messages.length === 1);
    const { text, fds } = thereEnd.messages[0]!;
    expect(text).toBe('take this');
    expect(fds).toHaveLength(1);
    expect(isCloseOnExec(fds[0]!)).toBe(true);
    expect(readdirSync('/proc/self/fd').length).toBe(open); // given away: closed here
    const side = new Recorder();
    const conn = made(engine.adopt(fds[0]!, side));
    engine.send(client, bytesOf('hello'), 0, 5);
    await side.until(() => side.text === 'hello');
    engine.send(conn, bytesOf('again'), 0, 5);
    await clientSide.until(() => clientSide.text === 'again');
  });

  it('keeps each message and its own descriptors together, also when they queue', async () => {
    const open = (): number => readdirSync('/proc/self/fd').length;
    const before = open();
    const big = 'x'.repeat(500_000);
    for (let i = 0; i < 30; i++) here.send(bytesOf(i % 3 === 0 ? big : `${i}`), Array(i).fill(1));
    expect(here.pendingBytes).toBeGreaterThan(1_000_000);
    await thereEnd.until(() => thereEnd.messages.length === 30);
    expect(thereEnd.messages.map((message) => message.fds.length)).toEqual(
      Array.from({ length: 30 }, (_, i) => i),
    );
    for (const message of thereEnd.messages) for (const fd of message.fds) closeSync(fd);
    expect(open()).toBe(before);
  });

  it('carries as many descriptors at once as the kernel allows, and refuses more', async () => {
    expect(here.send(bytesOf('many'), Array(CHANNEL_FDS_MAX).fill(0))).toBeUndefined();
    await thereEnd.until(() => thereEnd.messages.length === 1);
    expect(new Set(thereEnd.messages[0]!.fds).size).toBe(CHANNEL_FDS_MAX);
    for (const fd of thereEnd.messages[0]!.fds) closeSync(fd);
    expect(here.send(bytesOf('more'), Array(CHANNEL_FDS_MAX + 1).fill(0))).toMatchObject({
      code: 'EMSGSIZE',
    });
  });

  it('tells the other end when it closes, and takes nothing more', async () => {
    here.send(bytesOf('last words'));
    here.close();
    await thereEnd.until(() => thereEnd.closedWith !== 'open');
    expect(thereEnd.messages.map((message) => message.text)).toEqual(['last words']);
    expect(thereEnd.closedWith).toBeUndefined();
    expect(hereEnd.closedWith).toBe('open');
    expect(here.send(bytesOf('too late'))).toMatchObject({ code: 'EINVAL' });
    expect(there.send(bytesOf('too late'))).toMatchObject({ code: 'EINVAL' });
  });

  it('closes at a frame that says it is too long', async () => {
    here.close();
    there.close();
    const [a, b] = made(socketPair());
    const raw = made(engine.adopt(a, new Recorder()));
    there = made(FdChannel.open(engine, b, thereEnd));
    engine.send(raw, Buffer.from([255, 255, 255, 255, 0, 0, 0, 0]), 0, 8);
    await thereEnd.until(() => thereEnd.closedWith !== 'open');
    expect(thereEnd.closedWith).toMatchObject({ call: 'recvmsg', code: 'EMSGSIZE' });
  });

  it('closes when descriptors could not be taken in for want of descriptors', async () => {
    const limit = made(descriptorLimit());
    here.send(bytesOf('three'), [0, 1, 2]);
    setDescriptorLimit(3, limit.hard);
    try {
      await thereEnd.until(() => thereEnd.closedWith !== 'open');
    } finally {
      setDescriptorLimit(limit.soft, limit.hard);
    }
    expect(thereEnd.closedWith).toMatchObject({ code: 'EMFILE' });
    expect(thereEnd.messages).toEqual([]);
  });
});
