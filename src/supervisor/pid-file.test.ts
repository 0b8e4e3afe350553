import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { emptyFolder } from '../../test/e2e/program.ts';
import { needsLinux } from '../../test/support/skip.ts';
import { readPidFile, removePidFile, strangerName, testPidFile, writePidFile } from './pid-file.ts';

describe('the pid file', () => {
  it('is written with its folder, read and removed', () => {
    const path = join(emptyFolder(), 'run', 'deep', 'nginx.pid');
    expect(writePidFile(path, 4711)).toBeUndefined();
    expect(readFileSync(path, 'latin1')).toBe('4711\n');
    expect(readPidFile(path)).toBe(4711);
    expect(testPidFile(path)).toBeUndefined();
    expect(readPidFile(path)).toBe(4711);
    expect(removePidFile(path)).toBeUndefined();
    expect(removePidFile(path)).toMatchObject({ call: 'unlink', code: 'ENOENT' });
  });

  it.each([
    ['', ''],
    ['abc\n', 'abc'],
    ['-5\n', '-5'],
    ['12 34\n', '12 34'],
    ['0\n', '0'],
    ['1e3\n', '1e3'],
    ['2147483648\n', '2147483648'],
    ['4294967297', '4294967297'],
    ['12\n34\n', '12\n34'],
    ['\n\r\n', ''],
    [`${'9'.repeat(40)}\n`, '9'.repeat(22)],
  ])('that holds %j is refused in the words of nginx', (text, shown) => {
    const path = join(emptyFolder(), 'nginx.pid');
    writeFileSync(path, text);
    expect(readPidFile(path)).toEqual({
      level: 'error',
      text: `invalid PID number "${shown}" in "${path}"`,
    });
  });

  it('that cannot be read or written says why', () => {
    const folder = emptyFolder();
    const complaint = (path: string) => readPidFile(join(folder, path));
    expect(complaint('none')).toEqual({
      level: 'error',
      text: `open() "${folder}/none" failed (2: No such file or directory)`,
    });
    expect(readPidFile(folder)).toEqual({
      level: 'crit',
      text: `pread() "${folder}" failed (21: Is a directory)`,
    });
    writeFileSync(join(folder, 'file'), '');
    expect(writePidFile(join(folder, 'file', 'nginx.pid'), 1)).toMatchObject({ code: 'ENOTDIR' });
    expect(writePidFile('/proc/none/nginx.pid', 1)).toMatchObject({ code: 'ENOENT' });
    const closed = join(folder, 'closed');
    mkdirSync(closed);
    chmodSync(closed, 0o500);
    if (process.getuid?.() !== 0) {
      expect(writePidFile(join(closed, 'nginx.pid'), 1)).toMatchObject({ code: 'EACCES' });
    }
  });

  it('that is a FIFO or a device is not waited for', (context) => {
    context.skip(process.platform !== 'linux', 'the case needs Linux: its words for a FIFO, and /dev/zero');
    const fifo = join(emptyFolder(), 'fifo');
    execFileSync('mkfifo', [fifo]);
    expect(readPidFile(fifo)).toEqual({
      level: 'crit',
      text: `pread() "${fifo}" failed (29: Illegal seek)`,
    });
    expect(readPidFile('/dev/zero')).toMatchObject({ level: 'error' });
  });
});

describe('a process that a pid file names', () => {
  needsLinux('names of processes are read from /proc');

  it('is a stranger by its name', async () => {
    const child = spawn('sleep', ['60']);
    onTestFinished(() => void child.kill());
    await once(child, 'spawn');
    await vi.waitFor(() => expect(strangerName(child.pid ?? 0)).toBe('sleep'));
    expect(strangerName(2 ** 31 - 1)).toBeUndefined();
  });
});
