// Requests that are none: what a client may send and no peer may ever be sent as a whole request.
import type { Exchange } from './ledger.ts';

export interface Malformed {
  readonly name: string;
  /** The head is wrong: the answer can only be a refusal. Otherwise the body is. */
  readonly inHead: boolean;
  text(target: string): string;
}

function head(name: string, make: (target: string) => string): Malformed {
  return { name, inHead: true, text: make };
}

function body(name: string, rest: string): Malformed {
  return {
    name,
    inHead: false,
    text: (target) => `POST ${target} HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n${rest}`,
  };
}

const LINES: readonly (readonly [name: string, lines: string])[] = [
  ['two hosts', 'Host: a.test\r\nHost: b.test\r\n'],
  ['length and encoding', 'Host: a.test\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n'],
  ['two lengths', 'Host: a.test\r\nContent-Length: 4\r\nContent-Length: 5\r\n'],
  ['a signed length', 'Host: a.test\r\nContent-Length: +4\r\n'],
  ['a list of lengths', 'Host: a.test\r\nContent-Length: 4, 4\r\n'],
  ['two codings', 'Host: a.test\r\nTransfer-Encoding: gzip, chunked\r\n'],
  ['a coding with a parameter', 'Host: a.test\r\nTransfer-Encoding: chunked;q=1\r\n'],
  ['a space before the colon', 'Host: a.test\r\nContent-Length : 4\r\n'],
  ['a folded line', 'Host: a.test\r\nX-A: b\r\n c\r\n'],
  ['a zero byte', 'Host: a.test\r\nX-A: b\0c\r\n'],
  ['a bare CR', 'Host: a.test\r\nX-A: b\rContent-Length: 4\r\n'],
  ['a line without a colon', 'Host: a.test\r\nContent-Length\r\n'],
  ['a huge line', `Host: a.test\r\nX-A: ${'x'.repeat(40_000)}\r\n`],
];

export const MALFORMED: readonly Malformed[] = [
  ...LINES.map(([name, lines]) => head(name, (target) => `POST ${target} HTTP/1.1\r\n${lines}\r\n`)),
  head('no host', (target) => `GET ${target} HTTP/1.1\r\n\r\n`),
  head('another version', (target) => `GET ${target} HTTP/3.7\r\nHost: a.test\r\n\r\n`),
  head(
    'an encoding in 1.0',
    (target) => `POST ${target} HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ),
  head('a method of its own', (target) => `CONNECT ${target} HTTP/1.1\r\nHost: a.test\r\n\r\n`),
  head('a long target', (target) => `GET ${target}?${'y'.repeat(40_000)} HTTP/1.1\r\nHost: a.test\r\n\r\n`),
  body('no chunk size', 'GET /bait HTTP/1.1\r\nHost: a.test\r\n\r\n'),
  body('a chunk size with a sign', '-1\r\na\r\n0\r\n\r\n'),
  body('a bare LF after the size', '4\nabcd\r\n0\r\n\r\n'),
  body('a CR without its LF after the size', '4\rxabcd\r\n0\r\n\r\n'),
  body('a CR without its LF after the chunk', '4\r\nabcd\rx0\r\n\r\n'),
  body('a bare LF after the chunk', '4\r\nabcd\n0\r\n\r\n'),
  body('a chunk that is too long', '4\r\nabcdef\r\n0\r\n\r\n'),
  body('a huge chunk size', 'ffffffffffffffffff\r\nabcd\r\n0\r\n\r\n'),
  body('a trailer that is none', '0\r\nGET /bait HTTP/1.1\r\n\r\n'),
];

export function malformedOf({ plan }: Exchange): Malformed {
  return MALFORMED[plan.malformed % MALFORMED.length]!;
}
