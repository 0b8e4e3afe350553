// The files port over node:fs, synchronous as nginx's own file access is. Paths are byte strings and reach the system byte by byte.
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  realpathSync,
  type Stats,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { byteString, bytesOf } from '../../base/bytes.ts';
import type { FileError } from '../../base/file-error.ts';
import { ioErrorOfNode } from '../../io/io-error.ts';
import type { FileFacts, Files } from '../../proxy/ports.ts';
import { makeFoldersFor } from '../folders.ts';
import { openLog } from '../open-log.ts';
import { systemPath } from '../system-path.ts';

export function nodeFiles(): Files {
  return {
    stat: (path) => attempt('stat', () => factsOf(statSync(systemPath(path)))),
    openRead: (path) => attempt('open', () => openSync(systemPath(path), READ)),
    facts: (file) => attempt('fstat', () => factsOf(fstatSync(file))),
    read: (file, target, start, length, position) =>
      attempt('pread', () => readSync(file, target, start, length, position)),
    write: (file, source, start, length, position) =>
      attempt('pwrite', () => writeSync(file, source, start, length, position)),
    openAppend: (path) => attempt('open', () => openLog(path)),
    append: (file, text) => attempt('write', () => writeSync(file, bytesOf(text))),
    temporary: (folder, levels, keep) => attempt('open', () => openTemporary(folder, levels, keep)),
    close(file) {
      attempt('close', () => closeSync(file));
    },
    realpath: (path) =>
      attempt('realpath', () => byteString(realpathSync.native(systemPath(path), 'buffer'))),
    remove(path) {
      attempt('unlink', () => unlinkSync(systemPath(path)));
    },
    readText: (path, bytesMax) => attempt('open', () => readText(path, bytesMax)),
  };
}

/** Not blocking on a FIFO that nobody writes to. */
const READ = constants.O_RDONLY | constants.O_NONBLOCK;
const CREATE = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL;

function attempt<T>(call: string, work: () => T): T | FileError {
  try {
    return work();
  } catch (error) {
    return ioErrorOfNode(call, error);
  }
}

function factsOf(stats: Stats): FileFacts {
  const kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : 'other';
  return {
    kind,
    bytes: stats.size,
    modifiedSeconds: Math.floor(stats.mtimeMs / 1000),
    executable: (stats.mode & constants.S_IXUSR) !== 0,
  };
}

let lastNumber = 0;

function openTemporary(
  folder: string,
  levels: readonly number[],
  keep: boolean,
): { file: number; path: string } {
  for (;;) {
    const path = temporaryPath(folder, levels, ++lastNumber);
    try {
      const file = openFresh(path);
      if (!keep) unlinkSync(systemPath(path));
      return { file, path };
    } catch (error) {
      // One that a run before this one has kept.
      if (codeOf(error) !== 'EEXIST') throw error;
    }
  }
}

/** As ngx_create_hashed_filename(): folders named by the last digits of the number. The process's own number keeps workers apart. */
function temporaryPath(folder: string, levels: readonly number[], number: number): string {
  const name = `${process.pid}${String(number).padStart(10, '0')}`;
  let end = name.length;
  const folders = levels.map((length) => {
    end -= length;
    return name.slice(end, end + length);
  });
  return [folder.replace(/\/$/, ''), ...folders, name].join('/');
}

function openFresh(path: string): number {
  try {
    return openSync(systemPath(path), CREATE, 0o600);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    makeFoldersFor(path, 0o700);
    return openSync(systemPath(path), CREATE, 0o600);
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function readText(path: string, bytesMax: number): string {
  const file = openSync(systemPath(path), READ);
  try {
    const bytes = new Uint8Array(Math.min(fstatSync(file).size, bytesMax));
    let filled = 0;
    while (filled < bytes.length) {
      const got = readSync(file, bytes, filled, bytes.length - filled, filled);
      if (got === 0) break;
      filled += got;
    }
    return byteString(bytes, 0, filled);
  } finally {
    closeSync(file);
  }
}
