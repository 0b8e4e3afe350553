// What hostile clients and peers say: messages right and wrong, put together from a seed, then cut, repeated and changed byte by byte.
import { byteString } from '../../src/base/bytes.ts';
import type { Random } from '../../src/base/random.ts';

export function pick<T>(random: Random, from: readonly T[]): T {
  return from[random.below(from.length)] as T;
}

export function chance(random: Random, one: number): boolean {
  return random.below(one) === 0;
}

const PATHS = [
  '/', '/unbuffered', '/gzip', '/file/a.txt', '/auth', '/intercept', '/small', '/recorded', '/nope%', '/file/../a', '//x',
  '/%0d%0aEvil:1', '/set/%0d%0aEvil:1', '/recorded/%0d%0aEvil:1', 'http://b/', '*', '/%00', `/${'long/'.repeat(900)}`,
]; // biome-ignore format: a table

const LINES = [
  'Connection: close', 'Connection: keep-alive, X-A', 'Accept-Encoding: gzip', 'Range: bytes=0-1,3-4', 'Range: bytes=-0',
  'Expect: 100-continue', 'Host: again', 'Content-Length: 5', 'Content-Length: +5', 'Transfer-Encoding: chunked',
  'Transfer-Encoding: gzip, chunked', 'X-A: b\r\n folded', 'X-A: b\rX-B: c', 'X-A: b\0c', 'X-A : b', ': empty', 'no colon',
  'If-Modified-Since: never', 'TE: trailers', 'Upgrade: h2c', `X-Big: ${'y'.repeat(9_000)}`,
  'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13',
]; // biome-ignore format: a table

const CHUNKED = [
  '0\r\n\r\n', '4\r\nfour\r\n0\r\n\r\n', '4;a="b"\r\nfour\r\n0\r\nX-T: 1\r\n\r\n', '4\nfour\n0\n\n', '-1\r\n', 'fffffffffffffffff\r\n',
  '4\r\nfourX\r\n0\r\n\r\n', '0\r\nGET / HTTP/1.1\r\n\r\n', `1;${'e'.repeat(5_000)}\r\nx\r\n0\r\n\r\n`, '1\r\nx\r\n'.repeat(500),
]; // biome-ignore format: a table

export function request(random: Random): string {
  const method = pick(random, ['GET', 'POST', 'HEAD', 'PUT', 'GET', 'OPTIONS', 'TRACE', 'CONNECT', 'get']);
  const lines = [
    `${method} ${pick(random, PATHS)} HTTP/1.${pick(random, ['0', '1', '1', '1', '10'])}`,
    'Host: a',
  ];
  for (let left = random.below(3); left > 0; left--) lines.push(pick(random, LINES));
  let body = '';
  if (method === 'POST' || method === 'PUT') {
    if (chance(random, 2)) {
      body = 'q'.repeat(random.below(300));
      lines.push(`Content-Length: ${body.length}`);
    } else {
      body = pick(random, CHUNKED);
      lines.push('Transfer-Encoding: chunked');
    }
  }
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const CHUNKED_HEAD = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
const ANSWERS = [
  OK, OK, OK + OK, `${OK}and more`, 'HTTP/1.1 200 OK\r\n\r\nuntil the close', 'HTTP/1.0 200 OK\r\n\r\n', 'GARBAGE', '\r\n', '\0',
  'HTTP/1.1 404 N\r\nContent-Length: 0\r\n\r\n', 'HTTP/1.1 502 N\r\nContent-Length: 3\r\n\r\nerr', 'HTTP/1.1 204 N\r\n\r\nextra',
  'HTTP/1.1 304 N\r\nContent-Length: 10\r\n\r\n', 'HTTP/1.1 100 C\r\n\r\n', `${'HTTP/1.1 100 C\r\n\r\n'.repeat(300)}${OK}`,
  `HTTP/1.1 103 E\r\nLink: x\r\n\r\n${OK}`, 'HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n\x81\x03abc',
  'HTTP/1.1 101 S\r\nContent-Length: 5\r\n\r\n\x89\x7f\xff', 'HTTP/1.1 200 OK\r\nX-Accel-Redirect: /file/a.txt\r\n\r\n',
  'HTTP/1.1 200 OK\r\nX-Accel-Redirect: /\r\n\r\n', 'HTTP/1.1 200 OK\r\nX-Accel-Redirect: @none\r\n\r\n',
  'HTTP/1.1 200 OK\r\nX-Accel-Redirect: /%00\r\n\r\n', 'HTTP/1.1 200 OK\r\nX-Accel-Limit-Rate: 9999999999999\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 302 F\r\nLocation: http://u/x\r\nSet-Cookie: ;=;Path;Domain=\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n',
  `HTTP/1.1 200 OK\r\nX: ${'y'.repeat(9_000)}\r\n\r\n`, `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(3_000)}`,
  `HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n${'z'.repeat(200_000)}`, `HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut`,
]; // biome-ignore format: a table

export function answer(random: Random): string {
  return chance(random, 4) ? CHUNKED_HEAD + pick(random, CHUNKED) : pick(random, ANSWERS);
}

/** Mostly as it is; else with bytes changed, cut off, or a part of it twice. */
export function spoiled(random: Random, text: string): Uint8Array {
  let bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
  if (chance(random, 5)) {
    for (let left = 1 + random.below(3); left > 0; left--)
      bytes[random.below(bytes.length)] = random.below(256);
  }
  if (chance(random, 6)) bytes = bytes.slice(0, random.below(bytes.length));
  if (chance(random, 12)) {
    const from = random.below(bytes.length + 1);
    bytes = Uint8Array.from([...bytes.slice(0, from), ...bytes.slice(Math.max(0, from - random.below(64)))]);
  }
  return bytes;
}

/** For a failure's text. */
export function shown(bytes: Uint8Array): string {
  return JSON.stringify(byteString(bytes, 0, Math.min(bytes.length, 300)));
}
