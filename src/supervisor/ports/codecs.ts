// The codecs port: packing by node:zlib, digests by node:crypto, foreign password schemes by the system's crypt(3).
// Each is loaded when it is first used: most workers use none, and each costs milliseconds of a start.
import { copyBytes } from '../../base/bytes.ts';
import type { Codecs, Deflater } from '../../proxy/ports.ts';
import { systemCrypt } from './crypt.ts';

export function nodeCodecs(): Codecs {
  return {
    gzip: (level, windowBits, memLevel) => new SynchronousGzip(level, windowBits, memLevel),
    md5: (bytes) => digest('md5', bytes),
    sha1: (bytes) => digest('sha1', bytes),
    crypt: systemCrypt,
  };
}

function digest(algorithm: 'md5' | 'sha1', bytes: Uint8Array): Uint8Array {
  return process.getBuiltinModule('node:crypto').createHash(algorithm).update(bytes).digest();
}

/** The inside of zlib's streams, which npm's own tar reader goes through as well (minizlib). */
interface ZlibInside {
  _handle: { close(): void } | null;
  /** Runs at once, and closes the stream when it is done: unless its handle does not let itself be closed. */
  _processChunk(bytes: Uint8Array, flush: number): Uint8Array;
  removeAllListeners(event: 'error'): void;
}

/** zlib's own numbers: Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH. */
const MODES = { more: 0, flush: 2, finish: 4 };

class SynchronousGzip implements Deflater {
  private readonly stream: ZlibInside;
  private readonly handle: ZlibInside['_handle'];

  constructor(level: number, windowBits: number, memLevel: number) {
    this.stream = process
      .getBuiltinModule('node:zlib')
      .createGzip({ level, windowBits, memLevel }) as unknown as ZlibInside;
    this.handle = this.stream._handle;
  }

  push(bytes: Uint8Array, start: number, end: number, mode: keyof typeof MODES): Uint8Array {
    const { stream, handle } = this;
    if (handle === null) throw new Error('bug: a gzip stream without a handle');
    const { close } = handle;
    handle.close = () => undefined;
    try {
      // The first buffer of its output is used again by the next call.
      return copyBytes(stream._processChunk(bytes.subarray(start, end), MODES[mode]));
    } finally {
      handle.close = close;
      stream._handle = handle;
      stream.removeAllListeners('error'); // each call leaves one behind
    }
  }

  close(): void {
    this.handle?.close();
    this.stream._handle = null;
  }
}
