// The codecs port over node:zlib and node:crypto.
import { createHash } from 'node:crypto';
import { constants, createGzip } from 'node:zlib';
import type { Codecs, Deflater } from '../../proxy/ports.ts';

export function nodeCodecs(): Codecs {
  return {
    gzip: gzipStream,
    md5: (bytes) => createHash('md5').update(bytes).digest(),
    sha1: (bytes) => createHash('sha1').update(bytes).digest(),
    crypt: (_password, _salt, done) => queueMicrotask(() => done(undefined)),
  };
}

/** zlib's stream with its synchronous inside, which npm's own tar reader goes through as well (minizlib). */
interface SynchronousZlib {
  _processChunk(bytes: Uint8Array, flush: number): Uint8Array | null;
  close(): void;
}

const MODES = { more: constants.Z_NO_FLUSH, flush: constants.Z_SYNC_FLUSH, finish: constants.Z_FINISH };

function gzipStream(level: number, windowBits: number, memLevel: number): Deflater {
  const stream = createGzip({ level, windowBits, memLevel }) as unknown as SynchronousZlib;
  return {
    push: (bytes, start, end, mode) =>
      stream._processChunk(bytes.subarray(start, end), MODES[mode]) ?? new Uint8Array(0),
    close: () => stream.close(),
  };
}
