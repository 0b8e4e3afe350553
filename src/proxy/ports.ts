// What the pure rooms need of the world, as ports: handed in at start, simulated in tests. All of it is synchronous, as nginx's own
// file access is, but for names and slow password schemes, whose answers come later.
import type { FileError } from '../base/file-error.ts';
import type { Ms } from '../base/time.ts';

export interface FileFacts {
  readonly kind: 'file' | 'directory' | 'other';
  readonly bytes: number;
  /** Whole seconds since 1970. */
  readonly modifiedSeconds: number;
  /** Its owner may execute it. */
  readonly executable: boolean;
}

/** An open file: a small integer of the port's own. */
export type FileHandle = number;

export interface Files {
  stat(path: string): FileFacts | FileError;
  /** The path without links and dots, as realpath(3). */
  realpath(path: string): string | FileError;
  openRead(path: string): FileHandle | FileError;
  facts(file: FileHandle): FileFacts | FileError;
  /** Reads into `target`; returns the bytes read, 0 at the end. */
  read(
    file: FileHandle,
    target: Uint8Array,
    start: number,
    length: number,
    position: number,
  ): number | FileError;
  /** A fresh file in `folder` (made when missing) that is deleted already, or kept under its path where `keep` says so. */
  temporary(
    folder: string,
    levels: readonly number[],
    keep: boolean,
  ): { readonly file: FileHandle; readonly path: string } | FileError;
  write(
    file: FileHandle,
    source: Uint8Array,
    start: number,
    length: number,
    position: number,
  ): number | FileError;
  /** Opens for appending, made when missing with mode 0644: logs whose names have variables. */
  openAppend(path: string): FileHandle | FileError;
  /** Writes a byte string at the file's end; returns the bytes written. */
  append(file: FileHandle, text: string): number | FileError;
  close(file: FileHandle): void;
  remove(path: string): void;
  /** The whole file, at most `bytesMax`, as a byte string (password files). */
  readText(path: string, bytesMax: number): string | FileError;
}

export interface Names {
  /** Asks the resolver servers of `resolver` for a name; `done` is called later with addresses in order, or with nginx's words for why not. */
  resolve(question: NameQuestion, done: (answer: NameAnswer) => void): void;
}

export type NameAnswer = readonly string[] | { readonly problem: string };

export interface NameQuestion {
  readonly name: string;
  readonly servers: readonly { readonly host: string; readonly port: number }[];
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  readonly timeoutMs: Ms;
  /** `valid=`: how long an answer is kept, else its TTL decides. */
  readonly validMs: Ms | undefined;
}

export interface Deflater {
  /** Compresses a piece; 'flush' ends at a byte, 'finish' ends the stream. The bytes returned are the caller's. */
  push(bytes: Uint8Array, start: number, end: number, mode: 'more' | 'flush' | 'finish'): Uint8Array;
  close(): void;
}

export interface Codecs {
  gzip(level: number, windowBits: number, memoryLevel: number): Deflater;
  md5(bytes: Uint8Array): Uint8Array;
  sha1(bytes: Uint8Array): Uint8Array;
  /** The system's crypt(3) for schemes that are not our own; `done` later with the hash, or undefined where the system has none. */
  crypt(password: string, salt: string, done: (hash: string | undefined) => void): void;
}
