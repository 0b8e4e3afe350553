// Descriptors of logs and the writers on them. One writer for a path and its options; "stderr" is the descriptor that was inherited, and
// so are /dev/stdout and /dev/stderr: never process.stdout, which would make a shared pipe non-blocking for everyone.
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { constants, gzipSync } from 'node:zlib';
import { byteString, bytesOf, unicodeOf } from '../base/bytes.ts';
import type { IoError } from '../io/engine.ts';
import { ioErrorOfNode, isIoError } from '../io/io-error.ts';
import { type LogClock, type LogOutput, LogWriter } from '../observe/log-writer.ts';
import type { LogPlan } from '../plan/plan.ts';

/** Opens a log for appending and makes its folder where it is missing. Descriptors 1 and 2 stand for themselves. */
export function openLogFile(path: string): number | IoError {
  if (path === 'stderr' || path === '/dev/stderr') return 2;
  if (path === '/dev/stdout') return 1;
  const file = unicodeOf(path);
  try {
    return openSync(file, 'a', 0o644);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return ioErrorOfNode('open', error);
  }
  try {
    mkdirSync(dirname(file), { recursive: true });
    return openSync(file, 'a', 0o644);
  } catch (error) {
    return ioErrorOfNode('open', error);
  }
}

export function closeLogFile(fd: number): void {
  if (fd > 2) closeSync(fd);
}

export function logOutput(fd: number): LogOutput {
  return {
    write(text) {
      try {
        return writeSync(fd, bytesOf(text));
      } catch (error) {
        return { code: (error as NodeJS.ErrnoException).code ?? 'EIO' };
      }
    },
  };
}

/** What is known of a path that cannot be written: lines wait in vain and are dropped at the limit. */
const NOWHERE: LogOutput = { write: () => ({ code: 'EBADF' }) };

/** All log writers of a process, by path and options. */
export class LogFiles {
  private readonly fds = new Map<string, number>();
  private readonly writers = new Map<string, { readonly path: string; readonly writer: LogWriter }>();
  private readonly clock: LogClock;

  constructor(clock: LogClock) {
    this.clock = clock;
  }

  /** Opens what the plan names; the first that cannot be opened is returned with its error, and nothing has changed for the rest. */
  openAll(plans: readonly LogPlan[]): { readonly path: string; readonly error: IoError } | undefined {
    for (const { path } of plans) {
      if (this.fds.has(path)) continue;
      const fd = openLogFile(path);
      if (isIoError(fd)) return { path, error: fd };
      this.fds.set(path, fd);
    }
    return undefined;
  }

  /** Descriptors that another process opened. */
  give(path: string, fd: number): void {
    const before = this.fds.get(path);
    this.fds.set(path, fd);
    for (const each of this.writers.values()) if (each.path === path) each.writer.reopen(logOutput(fd));
    if (before !== undefined && before !== fd) closeLogFile(before);
  }

  writer({ path, options }: LogPlan): LogWriter {
    const key = `${options.bufferBytes} ${options.flushMs} ${options.gzipLevel} ${path}`;
    const known = this.writers.get(key);
    if (known !== undefined) return known.writer;
    const fd = this.fds.get(path);
    const pack = (text: string): string =>
      byteString(gzipSync(bytesOf(text), { level: options.gzipLevel, finishFlush: constants.Z_FINISH }));
    const writer = new LogWriter(fd === undefined ? NOWHERE : logOutput(fd), options, this.clock, pack);
    this.writers.set(key, { path, writer });
    return writer;
  }

  /** USR1: the same paths anew. A log that cannot be opened again keeps its old file. */
  reopen(failed: (path: string, error: IoError) => void): void {
    for (const path of [...this.fds.keys()]) {
      const fd = openLogFile(path);
      if (isIoError(fd)) failed(path, fd);
      else this.give(path, fd);
    }
  }

  /** Closes what the plans in use do not name any more. */
  keepOnly(plans: readonly LogPlan[]): void {
    const wanted = new Set(plans.map(({ path }) => path));
    for (const [key, { path, writer }] of this.writers) {
      if (wanted.has(path)) continue;
      writer.flush();
      this.writers.delete(key);
    }
    for (const [path, fd] of this.fds) {
      if (wanted.has(path)) continue;
      closeLogFile(fd);
      this.fds.delete(path);
    }
  }

  flush(): void {
    for (const { writer } of this.writers.values()) writer.flush();
  }
}
