import { describe, expect, it } from 'vitest';
import { type Flags, parseFlags } from './flags.ts';

const NONE: Flags = {
  file: undefined,
  prefix: undefined,
  globals: undefined,
  errorLog: undefined,
  test: false,
  dump: false,
  quiet: false,
  signal: undefined,
  version: false,
  configure: false,
  help: false,
};

describe('flags', () => {
  it.each<[readonly string[], Partial<Flags>]>([
    [[], {}],
    [['-c', 'a.conf', '-p', '/x'], { file: 'a.conf', prefix: '/x' }],
    [['-ca.conf', '-p/x', '-e/log'], { file: 'a.conf', prefix: '/x', errorLog: '/log' }],
    [['-g', 'daemon off;'], { globals: 'daemon off;' }],
    [['-t'], { test: true }],
    [['-T'], { test: true, dump: true }],
    [['-tq'], { test: true, quiet: true }],
    [['-qtca.conf'], { test: true, quiet: true, file: 'a.conf' }],
    [['-tc', 'a.conf'], { test: true, file: 'a.conf' }],
    [['-v'], { version: true }],
    [['-V'], { version: true, configure: true }],
    [['-h'], { version: true, help: true }],
    [['-?'], { version: true, help: true }],
    [['-s', 'reload'], { signal: 'reload' }],
    [['-sstop'], { signal: 'stop' }],
    [['-c', '-t'], { file: '-t' }],
  ])('%j', (args, expected) => {
    expect(parseFlags(args)).toEqual({ ...NONE, ...expected });
  });

  it.each([
    [['file'], 'invalid option: "file"'],
    [['-z'], 'invalid option: "z"'],
    [['-tz'], 'invalid option: "z"'],
    [['-c'], 'option "-c" requires file name'],
    [['-p'], 'option "-p" requires directory name'],
    [['-g'], 'option "-g" requires parameter'],
    [['-e'], 'option "-e" requires file name'],
    [['-s'], 'option "-s" requires parameter'],
    [['-s', 'dance'], 'invalid option: "-s dance"'],
    [['--version'], 'invalid option: "-"'],
  ])('%j is refused in the words of nginx', (args, complaint) => {
    expect(parseFlags(args)).toBe(complaint);
  });
});
