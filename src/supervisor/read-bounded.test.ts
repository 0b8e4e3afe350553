import { Buffer } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { disk } from './disk.ts';
import { readBounded } from './read-bounded.ts';

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-read-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const NOT_ON_WINDOWS = 'Windows has neither FIFOs nor devices in its folders';

describe('a file that the master reads', () => {
  it.each([0, 1, 65_535, 65_536, 65_537, 200_000])('of %d bytes comes whole', (bytes) => {
    const path = join(folder(), 'file');
    writeFileSync(path, Buffer.alloc(bytes, 'abc'));
    expect(readBounded(Buffer.from(path)).equals(Buffer.alloc(bytes, 'abc'))).toBe(true);
  });

  it('may be /dev/null, and is not /dev/zero', (context) => {
    context.skip(process.platform === 'win32', NOT_ON_WINDOWS);
    expect(disk.read('/dev/null')).toBe('');
    expect(disk.read('/dev/zero')).toMatchObject({ code: 'EFBIG', text: 'File too large' });
  });

  it('is no FIFO that nobody writes to', (context) => {
    context.skip(process.platform === 'win32', NOT_ON_WINDOWS);
    const path = join(folder(), 'fifo');
    execFileSync('mkfifo', [path]);
    expect(disk.read(path)).toMatchObject({ errno: 61, text: 'No data available' });
  });

  it('may be a FIFO with a writer, which is not waited for for ever', (context) => {
    context.skip(process.platform === 'win32', NOT_ON_WINDOWS);
    const path = join(folder(), 'fifo');
    execFileSync('mkfifo', [path]);
    const held = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    writeSync(held, 'worker_processes 1;');
    expect(disk.read(path)).toMatchObject({ code: 'ETIMEDOUT' });
    closeSync(held);
  });
});
