// The files port over node:fs, synchronous as nginx's own file access is.
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  realpathSync,
  type Stats,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { byteString, bytesOf, unicodeOf, utf8ByteString } from '../../base/bytes.ts';
import { ioErrorOfNode } from '../../io/io-error.ts';
import type { FileError, FileFacts, Files } from '../../proxy/ports.ts';

export function nodeFiles(): Files {
  let serial = 0;
  return {
    stat: (path) => attempt('stat', () => factsOf(statSync(unicodeOf(path)))),
    // Not blocking on a FIFO that nobody writes to.
    openRead: (path) =>
      attempt('open', () => openSync(unicodeOf(path), constants.O_RDONLY | constants.O_NONBLOCK)),
    facts: (file) => attempt('fstat', () => factsOf(fstatSync(file))),
    read: (file, target, start, length, position) =>
      attempt('pread', () => readSync(file, target, start, length, position)),
    write: (file, source, start, length, position) =>
      attempt('pwrite', () => writeSync(file, source, start, length, position)),
    openAppend: (path) =>
      attempt('open', () =>
        openSync(unicodeOf(path), constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, 0o644),
      ),
    append: (file, text) => attempt('write', () => writeSync(file, bytesOf(text))),
    temporary: (folder, levels, keep) =>
      attempt('open', () => {
        const path = temporaryPath(folder, levels, ++serial);
        const file = openTemporary(unicodeOf(path));
        if (!keep) unlinkSync(unicodeOf(path));
        return { file, path: keep ? path : '' };
      }),
    close: (file) => closeSync(file),
    realpath: (path) => attempt('realpath', () => utf8ByteString(realpathSync(unicodeOf(path)))),
    remove: (path) => {
      attempt('unlink', () => unlinkSync(unicodeOf(path)));
    },
    readText: (path, bytesMax) => attempt('read', () => readText(unicodeOf(path), bytesMax)),
  };
}

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

/** As ngx_create_hashed_filename(): folders named by the last digits of the serial number. */
function temporaryPath(folder: string, levels: readonly number[], serial: number): string {
  const name = `${process.pid}${String(serial).padStart(10, '0')}`;
  let end = name.length;
  const folders = levels.map((length) => {
    end -= length;
    return name.slice(end, end + length);
  });
  return [folder.replace(/\/$/, ''), ...folders, name].join('/');
}

function openTemporary(path: string): number {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL;
  try {
    return openSync(path, flags, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    mkdirSync(path.slice(0, path.lastIndexOf('/')), { recursive: true, mode: 0o700 });
    return openSync(path, flags, 0o600);
  }
}

function readText(path: string, bytesMax: number): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
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
