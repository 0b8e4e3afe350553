// Frames of our own, put into a tunnel at a boundary: pings, pongs, closes, and messages for tests. RFC 6455, 5.5: a control frame's
// payload is at most 125 bytes. Towards a server every frame is masked; the key is given (base/random.ts).
import { bytesOf } from '../base/bytes.ts';

export const PING = 9;
export const PONG = 10;

const CLOSE = 8;
const CONTROL_PAYLOAD_MAX = 125;

/** One whole frame. `maskKey`, 32 bits: towards a server; undefined: towards a client. */
export function frame(opcode: number, payload: Uint8Array, maskKey?: number): Uint8Array {
  const length = payload.length;
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const masked = maskKey !== undefined;
  const at = 2 + extended + (masked ? 4 : 0);
  const bytes = new Uint8Array(at + length);
  bytes[0] = 0x80 | opcode;
  bytes[1] = (masked ? 0x80 : 0) | (extended === 0 ? length : extended === 2 ? 126 : 127);
  for (let i = 0, rest = length; i < extended; i++, rest = Math.floor(rest / 256))
    bytes[1 + extended - i] = rest % 256;
  bytes.set(payload, at);
  if (masked) applyMask(bytes, at, maskKey);
  return bytes;
}

/** What is longer than a ping may carry is cut off. */
export function pingFrame(payload: string, maskKey?: number): Uint8Array {
  return frame(PING, bytesOf(payload.slice(0, CONTROL_PAYLOAD_MAX)), maskKey);
}

/** `reason` is a byte string in UTF-8; cut, between characters, to the 123 bytes that there is room for. */
export function closeFrame(code: number, reason = '', maskKey?: number): Uint8Array {
  const text = cutUtf8(reason, CONTROL_PAYLOAD_MAX - 2);
  return frame(CLOSE, bytesOf(String.fromCharCode(code >> 8, code & 0xff) + text), maskKey);
}

function applyMask(bytes: Uint8Array, from: number, key: number): void {
  for (let i = 0; i < 4; i++) bytes[from - 4 + i] = (key >>> (24 - 8 * i)) & 0xff;
  for (let i = from; i < bytes.length; i++) bytes[i] = bytes[i]! ^ bytes[from - 4 + ((i - from) & 3)]!;
}

function cutUtf8(text: string, bytesMax: number): string {
  if (text.length <= bytesMax) return text;
  let end = bytesMax;
  while (end > 0 && (text.charCodeAt(end) & 0xc0) === 0x80) end--;
  return text.slice(0, end);
}
