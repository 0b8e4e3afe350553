// Bytes that wait: in memory up to a limit, then in a temporary file up to another. Filled at its end, read from any place or taken
// from its front. Holds request bodies before they are passed on and answers for clients that are slower than the peer.
import { byteString, copyBytes } from '../base/bytes.ts';
import { type FileError, isFileError } from '../base/file-error.ts';
import type { FileHandle, Files } from './ports.ts';

export interface StoreLimits {
  readonly memoryBytesMax: number;
  /** 0: no file. */
  readonly fileBytesMax: number;
  readonly folder: string;
  readonly levels: readonly number[];
  /** Deleted already, deleted at the end, or kept (client_body_in_file_only). */
  readonly file: 'unnamed' | 'clean' | 'keep';
  /** From the first byte on, whatever the memory limit. */
  readonly fileOnly: boolean;
}

export class BodyStore {
  /** All bytes ever appended. */
  length = 0;
  /** The temporary file's path, for `$request_body_file`; '' without one. */
  path = '';
  /** The log has been told of the file. */
  private told = false;
  /** Why the file could not be written; the exchange ends with 500. */
  error: FileError | undefined;
  /** Pieces in memory; those before the file's first byte when there is a file. */
  private readonly pieces: Uint8Array[] = [];
  private memoryBytes = 0;
  private file: FileHandle = -1;
  private fileBytes = 0;
  private readonly files: Files;
  private readonly limits: StoreLimits;

  constructor(files: Files, limits: StoreLimits) {
    this.files = files;
    this.limits = limits;
  }

  get inMemory(): boolean {
    return this.file === -1;
  }

  /** The path of a file that the log has not been told of. */
  takeNews(): string | undefined {
    if (this.told || this.path === '') return undefined;
    this.told = true;
    return this.path;
  }

  /** No more may be appended until something was taken. */
  get full(): boolean {
    return this.memoryBytes >= this.limits.memoryBytesMax && this.fileBytes >= this.limits.fileBytesMax;
  }

  append(bytes: Uint8Array, start: number, end: number): void {
    this.length += end - start;
    const fits = this.file === -1 && this.memoryBytes + (end - start) <= this.limits.memoryBytesMax;
    if ((fits && !this.limits.fileOnly) || this.limits.fileBytesMax === 0) {
      this.pieces.push(copyBytes(bytes, start, end));
      this.memoryBytes += end - start;
      return;
    }
    this.spill(bytes, start, end);
  }

  /** Reads up to `target.length` bytes from `position` of all that was appended; returns how many, 0 at the end, -1 on an error. */
  read(position: number, target: Uint8Array): number {
    if (position < this.memoryBytes) return this.readMemory(position, target);
    if (this.file === -1) return 0;
    const at = position - this.memoryBytes;
    const wanted = Math.min(target.length, this.fileBytes - at);
    if (wanted <= 0) return 0;
    const got = this.files.read(this.file, target, 0, wanted, at);
    if (isFileError(got)) {
      this.error = got;
      return -1;
    }
    return got;
  }

  /** All of it as a byte string, where it is in memory (`$request_body`). */
  text(): string {
    return this.pieces.map((piece) => byteString(piece)).join('');
  }

  close(): void {
    if (this.file !== -1) this.files.close(this.file);
    if (this.path !== '' && this.limits.file === 'clean') this.files.remove(this.path);
    this.file = -1;
    this.pieces.length = 0;
  }

  private readMemory(position: number, target: Uint8Array): number {
    let skip = position;
    let filled = 0;
    for (const piece of this.pieces) {
      if (skip >= piece.length) {
        skip -= piece.length;
        continue;
      }
      const part = piece.subarray(skip, Math.min(piece.length, skip + target.length - filled));
      target.set(part, filled);
      filled += part.length;
      skip = 0;
      if (filled === target.length) break;
    }
    return filled;
  }

  private spill(bytes: Uint8Array, start: number, end: number): void {
    if (this.error !== undefined) return;
    if (this.file === -1) {
      const made = this.files.temporary(
        this.limits.folder,
        this.limits.levels,
        this.limits.file !== 'unnamed',
      );
      if (isFileError(made)) {
        this.error = made;
        return;
      }
      this.file = made.file;
      this.path = made.path;
      this.moveMemoryToFile();
    }
    this.write(bytes, start, end);
  }

  /** So that the file holds the whole body, as nginx's does. */
  private moveMemoryToFile(): void {
    for (const piece of this.pieces.splice(0)) this.write(piece, 0, piece.length);
    this.memoryBytes = 0;
  }

  private write(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end && this.error === undefined) {
      const wrote = this.files.write(this.file, bytes, at, end - at, this.fileBytes);
      if (isFileError(wrote)) this.error = wrote;
      else {
        at += wrote;
        this.fileBytes += wrote;
      }
    }
  }
}
