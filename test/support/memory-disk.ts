// The files port in memory: what a balancer under test serves, and where its temporary files go. Counts what is open, and refuses what a
// test tells it to refuse (a full disk, a file that cannot be read).
import { byteString, bytesOf } from '../../src/base/bytes.ts';
import type { FileError } from '../../src/base/file-error.ts';
import type { FileFacts, FileHandle, Files } from '../../src/proxy/ports.ts';

export type FileCall = 'stat' | 'open' | 'read' | 'write' | 'temporary';

export const NO_SUCH_FILE: FileError = { errno: 2, code: 'ENOENT', text: 'No such file or directory' };
export const NOT_A_FOLDER: FileError = { errno: 20, code: 'ENOTDIR', text: 'Not a directory' };
const IS_A_FOLDER: FileError = { errno: 21, code: 'EISDIR', text: 'Is a directory' };
export const NAME_TOO_LONG: FileError = { errno: 36, code: 'ENAMETOOLONG', text: 'File name too long' };
export const DISK_FULL: FileError = { errno: 28, code: 'ENOSPC', text: 'No space left on device' };
export const READ_FAILED: FileError = { errno: 5, code: 'EIO', text: 'Input/output error' };

interface Inode {
  bytes: Uint8Array;
  length: number;
  modifiedSeconds: number;
}

interface OpenFile {
  readonly path: string;
  readonly inode: Inode;
}

export class MemoryDisk implements Files {
  /** Asked before each call; what it returns is the call's answer. */
  refuses: ((call: FileCall, path: string) => FileError | undefined) | undefined;
  /** The longest piece that one `read` or `write` moves. */
  pieceBytesMax = Number.POSITIVE_INFINITY;
  /** Temporary files that were ever made. */
  temporaryCount = 0;
  private readonly inodes = new Map<string, Inode>();
  private readonly open = new Map<FileHandle, OpenFile>();
  private nextHandle = 3;

  constructor(files: Readonly<Record<string, string>> = {}) {
    for (const [path, text] of Object.entries(files)) this.put(path, text);
  }

  /** Puts a file there (`text` is a byte string), as an editor does that writes beside and renames. */
  put(path: string, text: string, modifiedSeconds = 1_700_000_000): void {
    const bytes = bytesOf(text);
    this.inodes.set(path, { bytes, length: bytes.length, modifiedSeconds });
  }

  /** The file as a byte string. */
  text(path: string): string | undefined {
    const inode = this.inodes.get(path);
    return inode === undefined ? undefined : byteString(inode.bytes, 0, inode.length);
  }

  /** Handles that were not closed, for the leak checks. */
  get openPaths(): string[] {
    return [...this.open.values()].map(({ path }) => path);
  }

  /** Closes what is open under a folder and stays so by design (open_log_file_cache), so that it is not taken for a leak. */
  closeAll(folder: string): void {
    for (const [file, { path }] of this.open) if (path.startsWith(folder)) this.open.delete(file);
  }

  stat(path: string): FileFacts | FileError {
    const refusal = this.refuses?.('stat', path);
    if (refusal !== undefined) return refusal;
    const inode = this.inodes.get(path);
    if (inode !== undefined && !path.endsWith('/')) return factsOf(inode);
    return this.isFolder(path) ? FOLDER : this.absence(path);
  }

  realpath(path: string): string | FileError {
    const facts = this.stat(path);
    return 'errno' in facts ? facts : path.replace(/(.)\/+$/, '$1');
  }

  openRead(path: string): FileHandle | FileError {
    const refusal = this.refuses?.('open', path);
    if (refusal !== undefined) return refusal;
    const inode = this.inodes.get(path);
    if (inode !== undefined) return this.handle(path, inode);
    return this.isFolder(path) ? this.handle(path, FOLDER_INODE) : this.absence(path);
  }

  facts(file: FileHandle): FileFacts | FileError {
    const { inode } = this.at(file);
    return inode === FOLDER_INODE ? FOLDER : factsOf(inode);
  }

  read(
    file: FileHandle,
    target: Uint8Array,
    start: number,
    length: number,
    position: number,
  ): number | FileError {
    const { path, inode } = this.at(file);
    const refusal = this.refuses?.('read', path);
    if (refusal !== undefined) return refusal;
    const count = Math.max(0, Math.min(length, this.pieceBytesMax, inode.length - position));
    target.set(inode.bytes.subarray(position, position + count), start);
    return count;
  }

  temporary(
    folder: string,
    _levels: readonly number[],
    keep: boolean,
  ): { readonly file: FileHandle; readonly path: string } | FileError {
    const path = `${folder.replace(/\/$/, '')}/${String(++this.temporaryCount).padStart(10, '0')}`;
    const refusal = this.refuses?.('temporary', path);
    if (refusal !== undefined) return refusal;
    const inode = { bytes: new Uint8Array(0), length: 0, modifiedSeconds: 0 };
    if (keep) this.inodes.set(path, inode);
    return { file: this.handle(path, inode), path };
  }

  write(
    file: FileHandle,
    source: Uint8Array,
    start: number,
    length: number,
    position: number,
  ): number | FileError {
    const { path, inode } = this.at(file);
    const refusal = this.refuses?.('write', path);
    if (refusal !== undefined) return refusal;
    const count = Math.min(length, this.pieceBytesMax);
    const end = position + count;
    if (end > inode.bytes.length) {
      const larger = new Uint8Array(Math.max(end, 2 * inode.bytes.length));
      larger.set(inode.bytes);
      inode.bytes = larger;
    }
    inode.bytes.set(source.subarray(start, start + count), position);
    inode.length = Math.max(inode.length, end);
    return count;
  }

  openAppend(path: string): FileHandle | FileError {
    const refusal = this.refuses?.('open', path);
    if (refusal !== undefined) return refusal;
    if (!this.isFolder(path.slice(0, path.lastIndexOf('/') + 1))) return NO_SUCH_FILE;
    if (!this.inodes.has(path)) this.put(path, '');
    const inode = this.inodes.get(path);
    return inode === undefined ? NO_SUCH_FILE : this.handle(path, inode);
  }

  append(file: FileHandle, text: string): number | FileError {
    const bytes = bytesOf(text);
    return this.write(file, bytes, 0, bytes.length, this.at(file).inode.length);
  }

  close(file: FileHandle): void {
    if (!this.open.delete(file)) throw new Error(`file ${file} is closed twice`);
  }

  remove(path: string): void {
    this.inodes.delete(path);
  }

  readText(path: string, bytesMax: number): string | FileError {
    const refusal = this.refuses?.('read', path);
    if (refusal !== undefined) return refusal;
    return this.text(path)?.slice(0, bytesMax) ?? (this.isFolder(path) ? IS_A_FOLDER : this.absence(path));
  }

  /** Why there is nothing at a path. */
  private absence(path: string): FileError {
    const parts = path.split('/');
    if (parts.some((part) => part.length > 255)) return NAME_TOO_LONG;
    const within = parts.some((_, i) => i > 0 && this.inodes.has(parts.slice(0, i).join('/')));
    return within ? NOT_A_FOLDER : NO_SUCH_FILE;
  }

  private isFolder(path: string): boolean {
    const folder = path.endsWith('/') ? path : `${path}/`;
    for (const each of this.inodes.keys()) if (each.startsWith(folder)) return true;
    return false;
  }

  private handle(path: string, inode: Inode): FileHandle {
    const file = this.nextHandle++;
    this.open.set(file, { path, inode });
    return file;
  }

  private at(file: FileHandle): OpenFile {
    const open = this.open.get(file);
    if (open === undefined) throw new Error(`file ${file} is used and is not open`);
    return open;
  }
}

const FOLDER_INODE: Inode = { bytes: new Uint8Array(0), length: 0, modifiedSeconds: 0 };

const FOLDER: FileFacts = {
  kind: 'directory',
  bytes: 4096,
  modifiedSeconds: 1_700_000_000,
  executable: true,
};

function factsOf(inode: Inode): FileFacts {
  const { length, modifiedSeconds } = inode;
  return { kind: 'file', bytes: length, modifiedSeconds, executable: false };
}
