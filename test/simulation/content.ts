// Bodies and streams of which every byte is known by key and place, so that whoever receives a piece can tell whether it is right.
import { byteString } from '../../src/base/bytes.ts';
import { seededRandom } from '../../src/base/random.ts';

/** A prime, so that no buffer's size divides it. */
const PERIOD = 65_521;

const random = seededRandom(65_521);
const once = byteString(Uint8Array.from({ length: PERIOD }, () => random.below(256)));
const noise = once + once;

/** What would be a request or an answer if framing slipped. */
const bait =
  'GET /bait HTTP/1.1\r\nHost: a.test\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n0\r\n\r\n';
const baits = bait.repeat(Math.ceil((2 * PERIOD) / bait.length));

/** `length` bytes as a byte string; another key gives other bytes. */
export function content(key: number, length: number): string {
  const source = key % 3 === 0 ? baits : noise;
  const start = Math.imul(key, 2_654_435) % PERIOD;
  const from = start < 0 ? start + PERIOD : start;
  if (from + length <= source.length) return source.slice(from, from + length);
  return (source.slice(from) + source.repeat(Math.ceil(length / source.length))).slice(0, length);
}

/** A stream of WebSocket frames, numbered: what one side of a socket says in its life. Masked for a client's. */
export function frames(key: number, sizes: readonly number[], masked: boolean): string {
  return sizes.map((size, index) => frame(`${index} `, content(key + index, size), masked)).join('');
}

/** A close frame with 1000. */
export function closeFrame(masked: boolean): string {
  return frameOf(0x88, '\x03\xe8', masked);
}

function frame(number: string, text: string, masked: boolean): string {
  return frameOf(0x82, number + text, masked);
}

function frameOf(first: number, payload: string, masked: boolean): string {
  const mask = masked ? 0x80 : 0;
  const { length } = payload;
  let head = String.fromCharCode(first);
  if (length < 126) head += String.fromCharCode(mask | length);
  else if (length < 65_536) head += String.fromCharCode(mask | 126, length >> 8, length & 255);
  else {
    const low = length % 2 ** 32;
    head += String.fromCharCode(
      mask | 127,
      0,
      0,
      0,
      0,
      low >>> 24,
      (low >> 16) & 255,
      (low >> 8) & 255,
      low & 255,
    );
  }
  // A key of zeros leaves the payload as it is.
  return head + (masked ? '\0\0\0\0' : '') + payload;
}
