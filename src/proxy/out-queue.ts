// What waits to be sent on one connection: bytes go out at once when they can; what the system does not take is copied and waits, in
// memory and then in a temporary file where that is allowed. Used for answers to clients and for requests to peers.
import { concatBytes, copyBytes, NO_BYTES, putBytes, writeBytes } from '../base/bytes.ts';
import { type FileError, isFileError } from '../base/file-error.ts';
import { SEND_PENDING_BYTES_MAX } from '../base/limits.ts';
import type { Ms } from '../base/time.ts';
import { type Conn, type Engine, SEND_FAILED } from '../io/engine.ts';
import type { Pace } from './pace.ts';
import type { FileHandle, Files } from './ports.ts';

export interface QueueLimits {
  /** `full` from here on. What one call brings is always taken. */
  readonly memoryBytesMax: number;
  /** 0: no file. */
  readonly fileBytesMax: number;
  readonly folder: string;
  readonly levels: readonly number[];
}

/** For what no directive bounds: heads, error pages, requests. */
export const SMALL_QUEUE: QueueLimits = {
  memoryBytesMax: SEND_PENDING_BYTES_MAX,
  fileBytesMax: 0,
  folder: '',
  levels: [],
};

export class OutQueue {
  /** As `begin` has set them. */
  limits: QueueLimits = SMALL_QUEUE;
  /** Bytes handed in since the connection began. */
  written = 0;
  /** The connection is broken: nothing more goes out. */
  broken = false;
  private readonly engine: Engine;
  private readonly conn: Conn;
  private readonly files: Files | undefined;
  /** Bytes go no faster than this says. */
  private pace: Pace | undefined;
  private readonly pieces: Uint8Array[] = [];
  private memoryBytes = 0;
  private file: FileHandle = -1;
  private fileStart = 0;
  private fileEnd = 0;
  /** A file was refused: memory is all that there is, until the next `begin`. */
  private fileRefused = false;
  private problem: FileError | undefined;
  private news: string | undefined;

  constructor(engine: Engine, conn: Conn, files: Files | undefined) {
    this.engine = engine;
    this.conn = conn;
    this.files = files;
  }

  /** From now on these limits hold. */
  begin(limits: QueueLimits, pace: Pace | undefined): void {
    this.limits = limits;
    this.pace = pace;
    this.fileRefused = false;
    if (this.fileStart === this.fileEnd) this.closeFile(); // what it held of the last answer is the disk's again
  }

  get pendingBytes(): number {
    return this.memoryBytes + (this.fileEnd - this.fileStart);
  }

  /** Taken by the system. */
  get sent(): number {
    return this.written - this.pendingBytes;
  }

  /** Whoever fills it waits. A broken one wants nothing any more: its owner is about to notice. */
  get full(): boolean {
    if (this.broken) return true;
    const { memoryBytesMax, fileBytesMax } = this.limits;
    if (this.fileEnd > this.fileStart) return this.fileEnd >= fileBytesMax; // what comes follows what waits there
    return this.memoryBytes >= memoryBytesMax && (this.fileRefused || fileBytesMax === 0);
  }

  /** Why a temporary file could not be had or used, told once. */
  takeProblem(): FileError | undefined {
    const { problem } = this;
    this.problem = undefined;
    return problem;
  }

  /** The path of the temporary file that has been begun, told once. */
  takeNews(): string | undefined {
    const { news } = this;
    this.news = undefined;
    return news;
  }

  write(bytes: Uint8Array, start: number, end: number): void {
    if (start === end || this.broken) return;
    this.written += end - start;
    let at = start;
    if (this.pendingBytes === 0) {
      const taken = this.send(bytes, start, end);
      if (taken === SEND_FAILED) {
        this.written -= end - start;
        this.breakDown();
        return;
      }
      at += taken;
    }
    if (at < end) this.keep(bytes, at, end);
  }

  writeText(text: string): void {
    const { scratch } = this.engine;
    for (let at = 0; at < text.length; at += scratch.length) {
      this.write(scratch, 0, writeBytes(scratch, text.slice(at, at + scratch.length), 0));
    }
  }

  /** Text, bytes and text in one send where they fit the scratch memory. */
  writeAround(before: string, bytes: Uint8Array, start: number, end: number, after: string): void {
    const { scratch } = this.engine;
    if (before === '' && after === '') return this.write(bytes, start, end);
    if (before.length + (end - start) + after.length > scratch.length || bytes === scratch) {
      this.writeText(before);
      this.write(bytes, start, end);
      return this.writeText(after);
    }
    let at = writeBytes(scratch, before, 0);
    at += putBytes(scratch, at, bytes, start, end);
    this.write(scratch, 0, at + writeBytes(scratch, after, at));
  }

  /** There is room again: sends what waits. True when nothing waits any more. */
  flush(): boolean {
    while (this.pieces.length > 0 && !this.broken) {
      const [piece] = this.pieces;
      if (piece === undefined) break;
      const taken = this.send(piece, 0, piece.length);
      if (taken === SEND_FAILED) {
        this.breakDown();
        return true;
      }
      this.memoryBytes -= taken;
      if (taken < piece.length) {
        this.pieces[0] = piece.subarray(taken);
        return false;
      }
      this.pieces.shift();
    }
    return this.flushFile();
  }

  /** What waits, for another owner of the connection; a file's part is not asked for (a 101 has none). */
  takePending(): Uint8Array {
    if (this.pieces.length === 0) return NO_BYTES;
    const bytes = concatBytes(this.pieces);
    this.pieces.length = 0;
    this.memoryBytes = 0;
    return bytes;
  }

  close(): void {
    this.closeFile();
    this.pieces.length = 0;
    this.memoryBytes = 0;
    this.fileStart = this.fileEnd = 0;
  }

  /** Nothing goes out any more: what waits is dropped, what comes is not taken. */
  breakDown(): void {
    this.broken = true;
    this.written = this.sent;
    this.close();
  }

  /** When more may be sent of what waits; undefined where nothing waits for the pace. */
  get pacedUntil(): Ms | undefined {
    const { pace } = this;
    return pace !== undefined && this.pendingBytes > 0 && pace.until > this.engine.now()
      ? pace.until
      : undefined;
  }

  private send(bytes: Uint8Array, start: number, end: number): number {
    const { pace, engine, conn } = this;
    if (pace === undefined) return engine.send(conn, bytes, start, end);
    const now = engine.now();
    const room = pace.room(now);
    if (room === 0) return 0;
    const taken = engine.send(conn, bytes, start, Math.min(end, start + room));
    if (taken > 0) pace.took(taken, now);
    return taken;
  }

  private keep(bytes: Uint8Array, start: number, end: number): void {
    const spills =
      this.limits.fileBytesMax > 0 && this.memoryBytes + (end - start) > this.limits.memoryBytesMax;
    if ((spills || this.fileEnd > this.fileStart) && this.spill(bytes, start, end)) return;
    this.pieces.push(copyBytes(bytes, start, end));
    this.memoryBytes += end - start;
  }

  /** To the file; false when that cannot be had, and memory takes it after all: `full` then stops the source. */
  private spill(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.files === undefined || this.fileRefused) return false;
    if (this.file === -1) {
      const made = this.files.temporary(this.limits.folder, this.limits.levels, false);
      if (isFileError(made)) {
        this.fileRefused = true;
        this.problem = made;
        return false;
      }
      this.file = made.file;
      this.news = made.path;
    }
    let at = start;
    while (at < end) {
      const wrote = this.files.write(this.file, bytes, at, end - at, this.fileEnd);
      if (isFileError(wrote)) {
        this.problem = wrote;
        this.breakDown(); // a hole in the answer would be worse than a cut one
        return true;
      }
      at += wrote;
      this.fileEnd += wrote;
    }
    return true;
  }

  private closeFile(): void {
    if (this.file !== -1) this.files?.close(this.file);
    this.file = -1;
  }

  private flushFile(): boolean {
    const { scratch } = this.engine;
    while (this.fileStart < this.fileEnd && !this.broken) {
      const wanted = Math.min(scratch.length, this.fileEnd - this.fileStart);
      const got = this.files?.read(this.file, scratch, 0, wanted, this.fileStart) ?? 0;
      if (isFileError(got) || got === 0) {
        if (got !== 0) this.problem = got;
        this.breakDown();
        return true;
      }
      const taken = this.send(scratch, 0, got);
      if (taken === SEND_FAILED) {
        this.breakDown();
        return true;
      }
      this.fileStart += taken;
      if (taken < got) return false;
    }
    this.fileStart = this.fileEnd = 0;
    return true;
  }
}
