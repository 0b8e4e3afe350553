import { Buffer } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
} from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { emptyFolder } from '../../test/e2e/program.ts';
import { isIoError } from '../io/io-error.ts';
import type { LogPlan } from '../plan/plan.ts';
import { closeLogFile, LogFiles, logOutput, openLogFile, openLogFiles, ownLogFile } from './log-files.ts';
import { reopenLogs } from './log-reopen.ts';

const NOW = {
  atTurnEnd: (work: () => void) => work(),
  after: () => undefined,
};

function plan(path: string, options: Partial<LogPlan['options']> = {}): LogPlan {
  return { path, options: { bufferBytes: 0, flushMs: 0, gzipLevel: 0, ...options } };
}

function opened(logs: LogFiles, ...plans: readonly LogPlan[]): void {
  const files = openLogFiles(logs.pathsOf(plans));
  if (!(files instanceof Map)) throw new Error(files.path);
  for (const [path, fd] of files) logs.give(path, fd);
}

function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

const SILENT = { say: () => undefined, configuration: () => undefined };

const NOT_ON_WINDOWS = 'Windows has neither FIFOs nor devices in its folders';

describe('opening logs', () => {
  it('makes their folders and opens each path once', () => {
    const folder = emptyFolder();
    const paths = ['a/b/c.log', 'd.log', 'd.log'].map((name) => join(folder, name));
    const files = openLogFiles(paths);
    expect(files instanceof Map ? [...files.keys()] : files).toEqual(paths.slice(0, 2));
    if (files instanceof Map) for (const fd of files.values()) closeSync(fd);
  });

  it('opens none where one cannot be opened, and says which', () => {
    const folder = emptyFolder();
    const before = descriptors();
    expect(openLogFiles([join(folder, 'a.log'), folder])).toMatchObject({
      path: folder,
      error: { code: 'EISDIR', text: 'Is a directory' },
    });
    expect(openLogFiles(['/proc/none/x.log'])).toMatchObject({ error: { code: 'ENOENT' } });
    expect(descriptors()).toBe(before);
  });

  it.each([
    ['stderr', 2],
    ['/dev/stderr', 2],
    ['/dev/stdout', 1],
  ])('%s is the descriptor that was inherited, or the same pipe anew', (path, fd) => {
    const opened = openLogFile(path);
    if (isIoError(opened)) throw new Error(opened.code);
    expect(fstatSync(opened).ino).toBe(fstatSync(fd).ino);
    expect(opened === fd).toBe(!fstatSync(fd).isFIFO());
    closeLogFile(opened);
  });
});

describe('the logs of a process', () => {
  it('have one writer for a path and its options', () => {
    const folder = emptyFolder();
    const logs = new LogFiles(NOW, join(folder, 'error.log'));
    const path = join(folder, 'a.log');
    opened(logs, plan(path), plan(''));
    expect(logs.writer(plan(path))).toBe(logs.writer(plan(path)));
    expect(logs.writer(plan(path))).not.toBe(logs.writer(plan(path, { bufferBytes: 100 })));
    expect(logs.writer(plan(''))).toBe(logs.writer(plan(join(folder, 'error.log'))));
    logs.writer(plan('')).write('line\n');
    expect(readFileSync(join(folder, 'error.log'), 'latin1')).toBe('line\n');
    logs.closeAll();
  });

  it('pack what is written where the options say so', () => {
    const path = join(emptyFolder(), 'a.gz');
    const logs = new LogFiles(NOW, '');
    opened(logs, plan(path));
    const writer = logs.writer(plan(path, { gzipLevel: 1, bufferBytes: 3 }));
    writer.write('one\n');
    writer.write('two\n');
    expect(gunzipSync(readFileSync(path)).toString()).toBe('one\ntwo\n');
    logs.closeAll();
  });

  it('go on in the new file after a rename and a reopening, and leave no descriptor behind', () => {
    const folder = emptyFolder();
    const path = join(folder, 'a.log');
    const logs = new LogFiles(NOW, '');
    const start = descriptors();
    opened(logs, plan(path));
    const writer = logs.writer(plan(path));
    writer.write('old\n');
    renameSync(path, `${path}.1`);
    writer.write('still old\n');
    expect([...reopenLogs(logs, undefined, SILENT).keys()]).toEqual([path]);
    writer.write('new\n');
    expect(readFileSync(`${path}.1`, 'latin1')).toBe('old\nstill old\n');
    expect(readFileSync(path, 'latin1')).toBe('new\n');
    expect(descriptors()).toBe(start + 1);
    logs.drop(path);
    expect(descriptors()).toBe(start);
    writer.write('into nothing\n');
    expect(readFileSync(path, 'latin1')).toBe('new\n');
  });

  it('tell at the end of what is lost, in the error log or else at last', (context) => {
    context.skip(process.platform !== 'linux', 'the case needs Linux: /dev/full');
    const logs = new LogFiles(NOW, '');
    opened(logs, plan('/dev/full'), plan('/dev/null'));
    const writer = logs.writer(plan('/dev/full'));
    const said: string[] = [];
    let errorLog = logs.writer(plan('/dev/null'));
    logs.alert = (text) => {
      said.push(text);
      errorLog.write(`${text}\n`);
    };
    for (let count = 0; count < 3; count++) writer.write('line\n');
    const refused: string[] = [];
    logs.finish((text) => void refused.push(text));
    const loss = (lines: number): string =>
      `write() to "/dev/full" failed (28: No space left on device); lines lost in all: ${lines}`;
    expect(said.at(-1)).toBe(loss(3));
    expect(refused).toEqual([]);
    errorLog = writer;
    logs.finish((text) => void refused.push(text));
    expect(refused).toEqual([loss(3)]);
    logs.drop('/dev/full');
    expect(said.at(-1)).toBe(loss(4));
    logs.closeAll();
  });

  it('go to a pipe in whole lines, so that those of several workers do not mix', (context) => {
    context.skip(process.platform === 'win32', NOT_ON_WINDOWS);
    const path = join(emptyFolder(), 'fifo');
    execFileSync('mkfifo', [path]);
    const pipe = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    const heard = Buffer.alloc(1_000_000);
    const line = `${'x'.repeat(999)}\n`;
    const output = logOutput(pipe);
    const taken = output.write(line.repeat(100));
    expect(taken).toBe(64_000); // 16 pages of four lines each
    expect(readSync(pipe, heard)).toBe(64_000);
    const long = `${'y'.repeat(9_999)}\n`;
    expect(output.write(line + long + line)).toBe(12_000);
    closeSync(pipe);
  });

  it('keep the old file where a log cannot be opened again', () => {
    const folder = emptyFolder();
    const path = join(folder, 'sub', 'a.log');
    const logs = new LogFiles(NOW, '');
    opened(logs, plan(path));
    renameSync(join(folder, 'sub'), join(folder, 'moved'));
    chmodSync(folder, 0o755);
    const said: string[] = [];
    const taken = openLogFile(join(folder, 'sub')); // a file where the folder was
    reopenLogs(logs, undefined, { ...SILENT, say: (_level, text) => void said.push(text) });
    expect(said).toEqual([expect.stringContaining(`"${path}" failed (20: Not a directory)`)]);
    logs.writer(plan(path)).write('kept\n');
    expect(readFileSync(join(folder, 'moved', 'a.log'), 'latin1')).toBe('kept\n');
    logs.closeAll();
    if (!isIoError(taken)) closeSync(taken);
  });

  it('that are FIFOs hold nobody up, unread and full', (context) => {
    context.skip(process.platform === 'win32', NOT_ON_WINDOWS);
    const path = join(emptyFolder(), 'fifo');
    execFileSync('mkfifo', [path]);
    const logs = new LogFiles(NOW, '');
    opened(logs, plan(path));
    const writer = logs.writer(plan(path));
    const line = `${'x'.repeat(9_999)}\n`;
    for (let count = 0; count < 1000; count++) writer.write(line);
    expect(writer.dropped).toBeGreaterThan(0);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const heard = Buffer.alloc(line.length);
    expect(readSync(reader, heard)).toBe(line.length);
    expect(heard.toString('latin1')).toBe(line);
    closeSync(reader);
    logs.closeAll();
  });

  it('that are no files take lines without being opened', () => {
    const lines: string[] = [];
    const virtual = new Map([['the event', { write: (text: string) => lines.push(text) && text.length }]]);
    const logs = new LogFiles(NOW, 'the event', virtual);
    expect(logs.pathsOf([plan('')])).toEqual(new Set());
    logs.writer(plan('')).write('a line\n');
    expect(lines).toEqual(['a line\n']);
  });
});

describe('a log that was reopened', () => {
  it("is the workers' user's, who may read and write it", () => {
    const path = join(emptyFolder(), 'a.log');
    const fd = openLogFile(path);
    if (isIoError(fd)) throw new Error(fd.text);
    chmodSync(path, 0o040);
    const uid = process.getuid?.() === 0 ? 65534 : (process.getuid?.() ?? 0);
    expect(ownLogFile(path, fd, uid)).toBeUndefined();
    expect(fstatSync(fd)).toMatchObject({ uid, mode: 0o100640 });
    closeSync(fd);
    expect(ownLogFile('stderr', 2, uid)).toBeUndefined();
  });
});
