// Bytes and the strings that carry them. In the data path a string holds bytes: one char, 0 to 255, is one byte ("latin1"),
// so heads, variables and regular expressions see exactly what came over the wire, as nginx does. The only wrapper of Buffer.
import { Buffer } from 'node:buffer';

/** Node's own fast paths, absent from its types: no options object, no encoding to look up. */
type RawBuffer = Buffer & {
  latin1Slice(start?: number, end?: number): string;
  utf8Slice(start?: number, end?: number): string;
  latin1Write(text: string, at: number): number;
};

export const NO_BYTES: Uint8Array = new Uint8Array(0);

/** Zeroes, of which byte strings are made and to which they are written without a wrapper. */
export function newBytes(count: number): Uint8Array {
  return Buffer.alloc(count);
}

/** Bytes `start` to `end` as a byte string. */
export function byteString(bytes: Uint8Array, start = 0, end: number = bytes.length): string {
  return asBuffer(bytes).latin1Slice(start, end);
}

/** A byte string as fresh bytes. */
export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

/** Writes a byte string into `target` at `at`; returns how many bytes fitted. */
export function writeBytes(target: Uint8Array, text: string, at: number): number {
  return asBuffer(target).latin1Write(text, at);
}

/** A Unicode string (a name from the API, a file path) as a byte string in UTF-8. */
export function utf8ByteString(text: string): string {
  return asBuffer(Buffer.from(text, 'utf8')).latin1Slice();
}

/** A byte string that holds UTF-8, as a Unicode string for a person's eyes or a path. */
export function unicodeOf(byteText: string): string {
  return asBuffer(Buffer.from(byteText, 'latin1')).utf8Slice();
}

/** A copy of bytes `start` to `end`, for keeping beyond the call that lent them. */
export function copyBytes(bytes: Uint8Array, start = 0, end: number = bytes.length): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes, start, end);
}

/** Copies bytes `start` to `end` into `target` at `at`; returns how many. A view of a few bytes would cost more than they do. */
export function putBytes(
  target: Uint8Array,
  at: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  if (end - start > FEW_BYTES) target.set(bytes.subarray(start, end), at);
  else for (let i = start; i < end; i++) target[at + i - start] = bytes[i] ?? 0;
  return end - start;
}

const FEW_BYTES = 128;

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts as Uint8Array[]);
}

/** Bytes in base 64, with its padding. */
export function base64Text(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('base64');
}

export function base64Bytes(text: string): Uint8Array {
  return Buffer.from(text, 'base64');
}

/** The engine's shared buffers are Buffers already; anything else is wrapped without a copy. */
function asBuffer(bytes: Uint8Array): RawBuffer {
  const buffer =
    bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer as RawBuffer;
}
