// A whole file for the master, which must go on serving whatever the file is: a FIFO is not waited for without end, a device not read
// without end. As the configuration and what it includes are read.
import { Buffer } from 'node:buffer';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { CONFIG_FILE_BYTES_MAX, CONFIG_FILE_WAIT_MS } from '../base/limits.ts';
import { ioErrorOfNode } from '../io/io-error.ts';

const CHUNK_BYTES = 65_536;
const POLL_MS = 10;

/** Throws as node:fs does, with a `code`. */
export function readBounded(path: Buffer): Buffer {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(file);
    if (stats.size > CONFIG_FILE_BYTES_MAX) throw failure('EFBIG');
    const bytes = readAll(file, Math.min(stats.size, CONFIG_FILE_BYTES_MAX) + 1);
    // An empty configuration is one: a FIFO that nobody writes to must not be taken for it.
    if (bytes.length === 0 && stats.isFIFO()) throw failure('ENODATA');
    return bytes;
  } finally {
    closeSync(file);
  }
}

function readAll(file: number, bytesExpected: number): Buffer {
  const parts: Buffer[] = [];
  let total = 0;
  let part = Buffer.allocUnsafe(Math.max(bytesExpected, CHUNK_BYTES));
  let filled = 0;
  for (let waitedMs = 0; ; ) {
    const count = readSome(file, part, filled);
    if (count === 0) break;
    if (count === undefined) {
      if (waitedMs >= CONFIG_FILE_WAIT_MS) throw failure('ETIMEDOUT');
      pause(POLL_MS);
      waitedMs += POLL_MS;
      continue;
    }
    filled += count;
    total += count;
    if (total > CONFIG_FILE_BYTES_MAX) throw failure('EFBIG');
    if (filled < part.length) continue;
    parts.push(part);
    part = Buffer.allocUnsafe(CHUNK_BYTES);
    filled = 0;
  }
  parts.push(part.subarray(0, filled));
  return parts.length === 1 ? (parts[0] ?? part) : Buffer.concat(parts, total);
}

/** Undefined: nothing is there yet, and may come. */
function readSome(file: number, into: Buffer, at: number): number | undefined {
  try {
    return readSync(file, into, at, into.length - at, null);
  } catch (error) {
    if (ioErrorOfNode('pread', error).code === 'EAGAIN') return undefined;
    throw error;
  }
}

/** The master waits for files synchronously. */
function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}
