// Descriptors of logs and the writers on them. One writer for a path and its options; "stderr" is the descriptor that was inherited, and
// so are /dev/stdout and /dev/stderr: never process.stdout, which would make a shared pipe non-blocking for everyone.
import { chownSync, closeSync, fchmodSync, fstatSync, writeSync } from 'node:fs';
import { byteString, bytesOf } from '../base/bytes.ts';
import { LOG_TROUBLE_MS } from '../base/limits.ts';
import type { IoError } from '../io/engine.ts';
import { ioErrorOfNode, ioErrorText, isIoError } from '../io/io-error.ts';
import { type LogClock, type LogOutput, LogWriter } from '../observe/log-writer.ts';
import type { LogPlan } from '../plan/plan.ts';
import { makeFoldersFor, type PathProblem } from './folders.ts';
import { isPipe, isStandard, openLog, openStandard } from './open-log.ts';
import { systemPath } from './system-path.ts';

/** Opens a log for appending and makes its folder where it is missing. */
export function openLogFile(path: string): number | IoError {
  const standard = openStandard(path);
  if (standard !== undefined) return standard;
  try {
    return openLog(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return ioErrorOfNode('open', error);
  }
  try {
    makeFoldersFor(path);
    return openLog(path);
  } catch (error) {
    return ioErrorOfNode('open', error);
  }
}

/** All of them anew, or the first that cannot be opened, and then none. */
export function openLogFiles(paths: Iterable<string>): Map<string, number> | PathProblem {
  const opened = new Map<string, number>();
  for (const path of paths) {
    if (opened.has(path)) continue;
    const fd = openLogFile(path);
    if (!isIoError(fd)) {
      opened.set(path, fd);
      continue;
    }
    for (const each of opened.values()) closeLogFile(each);
    return { path, error: fd };
  }
  return opened;
}

export function closeLogFile(fd: number): void {
  if (fd > 2) closeSync(fd);
}

/** The user of the workers owns what was reopened, and may read and write it, as ngx_reopen_files() has it. */
export function ownLogFile(path: string, fd: number, uid: number): IoError | undefined {
  if (isStandard(path)) return undefined;
  try {
    const { uid: owner, mode } = fstatSync(fd);
    if (owner !== uid) chownSync(systemPath(path), uid, -1);
    if ((mode & 0o600) !== 0o600) fchmodSync(fd, (mode | 0o600) & 0o7777);
    return undefined;
  } catch (error) {
    return ioErrorOfNode('chown', error);
  }
}

export function logOutput(fd: number): LogOutput {
  const atOnce = isPipe(fd) ? PIPE_BUF : Number.POSITIVE_INFINITY;
  return {
    write(text) {
      let at = 0;
      try {
        while (at < text.length) {
          const end = partEnd(text, at, atOnce);
          const taken = writeSync(fd, bytesOf(text.slice(at, end)));
          at += taken;
          if (at < end) break;
        }
        return at;
      } catch (error) {
        if (at > 0) return at;
        const failure = ioErrorOfNode('write', error);
        return { code: failure.code, text: ioErrorText(failure) };
      }
    },
  };
}

/** A pipe takes so many bytes whole, between those of other processes. As Linux has it; elsewhere it is less. */
const PIPE_BUF = 4096;

/** Whole lines, as many as may be written at once; a longer line alone. */
function partEnd(text: string, at: number, atOnce: number): number {
  if (text.length - at <= atOnce) return text.length;
  const last = text.lastIndexOf('\n', at + atOnce - 1);
  if (last >= at) return last + 1;
  const first = text.indexOf('\n', at);
  return first === -1 ? text.length : first + 1;
}

const LOG_TROUBLE_SAY_MS = 10;

/** For a path that nobody has opened, and for one that is given up. */
const NOWHERE: LogOutput = { write: (text) => text.length };

interface Writer {
  readonly path: string;
  readonly writer: LogWriter;
}

function lossText({ path, writer }: Writer): string | undefined {
  const { unwritten, dropped, refusal } = writer;
  if (unwritten === 0) return undefined;
  const reason = refusal?.text ?? 'too slow';
  return `write() to "${path}" failed (${reason}); lines lost in all: ${unwritten + dropped}`;
}

/** For a process that ends. */
export function tellOnStandardError(text: string): void {
  try {
    writeSync(2, bytesOf(`holdfast: [alert] ${text}\n`));
  } catch {
    // Nobody listens.
  }
}

/** All log writers of a process, by path and options. */
export class LogFiles {
  private readonly clock: LogClock;
  private readonly defaultPath: string;
  /** Logs that are no files: by path, what takes their lines. */
  private readonly virtual: ReadonlyMap<string, LogOutput>;
  private readonly fds = new Map<string, number>();
  private readonly writers = new Map<string, Writer>();
  /** Paths whose trouble was told less than LOG_TROUBLE_MS ago. */
  private readonly told = new Set<string>();
  /** Takes the text of an alert about a log that is not written. */
  alert: (text: string) => void = () => undefined;

  /** `defaultPath` is what a plan's log without a path stands for: `-e`, or logs/error.log. */
  constructor(clock: LogClock, defaultPath: string, virtual: ReadonlyMap<string, LogOutput> = new Map()) {
    this.clock = clock;
    this.defaultPath = defaultPath;
    this.virtual = virtual;
  }

  /** The files to open for them. */
  pathsOf(plans: readonly LogPlan[]): Set<string> {
    const paths = plans.map(({ path }) => this.real(path));
    return new Set(paths.filter((path) => !this.virtual.has(path)));
  }

  paths(): string[] {
    return [...this.fds.keys()];
  }

  /** Open descriptors by path, for handing out. */
  get descriptors(): ReadonlyMap<string, number> {
    return this.fds;
  }

  /** `fd` is this object's from now on; writers of the path go on in it. */
  give(path: string, fd: number): void {
    const before = this.fds.get(path);
    this.fds.set(path, fd);
    const output = logOutput(fd);
    for (const each of this.writers.values()) if (each.path === path) each.writer.reopen(output);
    if (before !== undefined && before !== fd) closeLogFile(before);
  }

  writer({ path, options }: LogPlan): LogWriter {
    const real = this.real(path);
    const key = `${options.bufferBytes} ${options.flushMs} ${options.gzipLevel} ${real}`;
    const known = this.writers.get(key);
    if (known !== undefined) return known.writer;
    const pack = (text: string): string => {
      const { gzipSync } = process.getBuiltinModule('node:zlib'); // loaded for the first log that is packed
      return byteString(gzipSync(bytesOf(text), { level: options.gzipLevel }));
    };
    const troubled = (): void => this.troubled(real, writer, 0);
    const ports = { clock: this.clock, pack, troubled };
    const writer: LogWriter = new LogWriter(this.outputOf(real), options, ports);
    this.writers.set(key, { path: real, writer });
    return writer;
  }

  /** As ngx_http_log_write(): a line now, and none for the next minute; then one more where lines were lost meanwhile. */
  private troubled(path: string, writer: LogWriter, droppedBefore: number): void {
    if (this.told.has(path)) return;
    this.told.add(path);
    // Not at once: the line may be for the very log that is being written.
    this.clock.after(LOG_TROUBLE_SAY_MS, () => {
      const { dropped, refusal } = writer;
      const lost = dropped > droppedBefore ? `; lines lost so far: ${dropped}` : '';
      this.alert(`write() to "${path}" failed (${refusal?.text ?? 'too slow'})${lost}`);
      this.clock.after(LOG_TROUBLE_MS, () => {
        this.told.delete(path);
        if (writer.dropped > dropped) this.troubled(path, writer, dropped);
      });
    });
  }

  /** Opened for a plan that does not come after all. */
  discard(opened: ReadonlyMap<string, number>): void {
    for (const fd of opened.values()) closeLogFile(fd);
  }

  /** Nobody has a writer of the path any more. */
  drop(path: string): void {
    for (const [key, each] of this.writers) {
      if (each.path !== path) continue;
      each.writer.finish();
      const text = lossText(each);
      if (text !== undefined) this.alert(text);
      each.writer.reopen(NOWHERE);
      this.writers.delete(key);
    }
    const fd = this.fds.get(path);
    if (fd !== undefined) closeLogFile(fd);
    this.fds.delete(path);
  }

  /** For a process that goes on without it. */
  closeAll(): void {
    for (const path of this.paths()) this.drop(path);
  }

  flush(): void {
    for (const { writer } of this.writers.values()) writer.finish();
  }

  /** Before the process ends: nobody tries again. What is lost is told in the error log, or by `lastResort` where that is lost too. */
  finish(lastResort: (text: string) => void): void {
    this.flush();
    const texts = [...this.writers.values()].flatMap((each) => lossText(each) ?? []);
    const lost = this.lost;
    for (const text of texts) this.alert(text);
    this.flush();
    if (this.lost > lost) for (const text of texts) lastResort(text);
  }

  private get lost(): number {
    return [...this.writers.values()].reduce((sum, { writer }) => sum + writer.unwritten + writer.dropped, 0);
  }

  private outputOf(path: string): LogOutput {
    const fd = this.fds.get(path);
    return this.virtual.get(path) ?? (fd === undefined ? NOWHERE : logOutput(fd));
  }

  private real(path: string): string {
    return path === '' ? this.defaultPath : path;
  }
}
