import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesOf } from '../base/bytes.ts';
import {
  REQUEST_HEAD_DEFAULTS,
  type RequestHeadOptions,
  RequestHeadParser,
  ResponseHeadParser,
} from './head.ts';

function request(
  text: string,
  options: Partial<RequestHeadOptions> = {},
): RequestHeadParser & { verdict: string } {
  const parser = new RequestHeadParser({ ...REQUEST_HEAD_DEFAULTS, ...options });
  const bytes = bytesOf(text);
  const verdict = parser.push(bytes, 0, bytes.length);
  const said = typeof verdict === 'string' ? verdict : `${verdict.status} ${verdict.reason}${parser.detail}`;
  return Object.assign(parser, { verdict: said });
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n';

describe('a request head', () => {
  test('in one read is taken apart and what follows it is left', () => {
    const { verdict, head, consumed } = request(
      'POST /chat?x=1 HTTP/1.1\r\nHost: Example.COM:8080\r\nContent-Length: 5\r\nX-A:  b c \r\n\r\nhello',
    );
    expect(verdict).toBe('head');
    expect(head).toMatchObject({
      method: 'POST',
      target: '/chat?x=1',
      version: 11,
      protocol: 'HTTP/1.1',
      requestLine: 'POST /chat?x=1 HTTP/1.1',
      host: 'example.com',
      port: 8080,
      contentLength: 5,
      chunked: false,
      keepAlive: true,
    });
    expect(head.headers.get('x-a')).toBe('b c');
    expect(head.headers.nameAt(2)).toBe('X-A');
    expect(consumed).toBe(head.headBytes);
  });

  const refused: [string, string, string][] = [
    [
      'a missing Host in HTTP/1.1',
      'GET / HTTP/1.1\r\n\r\n',
      '400 client sent HTTP/1.1 request without "Host" header',
    ],
    [
      'two Host lines',
      `${GET}Host: b\r\n\r\n`,
      '400 client sent duplicate host header: "Host: b", previous value: "Host: a"',
    ],
    ['an invalid Host', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n', '400 client sent invalid host header'],
    [
      'two lengths',
      `${GET}Content-Length: 1\r\ncontent-length: 1\r\n\r\n`,
      '400 client sent duplicate header line: "content-length: 1", previous value: "Content-Length: 1"',
    ],
    [
      'length and chunked',
      `${GET}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
      '400 client sent "Content-Length" and "Transfer-Encoding" headers at the same time',
    ],
    [
      'a coding but chunked',
      `${GET}Transfer-Encoding: gzip, chunked\r\n\r\n`,
      '501 client sent unknown "Transfer-Encoding": "gzip, chunked"',
    ],
    [
      'chunked in HTTP/1.0',
      'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n',
      '400 client sent HTTP/1.0 request with "Transfer-Encoding" header',
    ],
    [
      'a length with a sign',
      `${GET}Content-Length: +1\r\n\r\n`,
      '400 client sent invalid "Content-Length" header',
    ],
    [
      'a length beyond 2^63',
      `${GET}Content-Length: 9223372036854775808\r\n\r\n`,
      '400 client sent invalid "Content-Length" header',
    ],
    ['a space before a colon', `${GET}X : a\r\n\r\n`, '400 client sent invalid header line: "X\\x20..."'],
    ['a folded line', `${GET}X: a\r\n b\r\n\r\n`, '400 client sent invalid header line: "\\x20..."'],
    ['a bare CR', `${GET}X: a\rY: b\r\n\r\n`, '400 client sent invalid header line: "X: a\\x0d..."'],
    ['a NUL', `${GET}X: a\0b\r\n\r\n`, '400 client sent invalid header line: "X: a\\x00..."'],
    ['a line without a colon', `${GET}X\r\n\r\n`, '400 client sent invalid header line: "X"'],
    ['HTTP/2.0', 'GET / HTTP/2.0\r\n', '505 client sent invalid version'],
    ['a lower-case method', 'get / HTTP/1.1\r\n', '400 client sent invalid method'],
    ['a TLS hello', '\x16\x03\x01\x02\x00', '400 client sent invalid method'],
    ['CONNECT', 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n', '405 client sent CONNECT method'],
    ['TRACE', 'TRACE / HTTP/1.1\r\nHost: a\r\n\r\n', '405 client sent TRACE method'],
  ];
  test.each(refused)('with %s is refused', (_name, text, verdict) => {
    expect(request(text).verdict).toBe(verdict);
  });
});

describe('the law of the request head parser', () => {
  const heads: [string, string][] = [
    ['a usual head', `\r\n\n${GET}Connection: keep-alive\r\nUpgrade: websocket\r\nX: y\n\r\nbody \0\r bytes`],
    ['absolute form and bare line feeds', 'GET http://Host.example:81/a?b HTTP/1.0\nAccept: */*\n\n'],
    ['HTTP/0.9', 'GET /old\r\n'],
    ['a bare CR', `${GET}X: a\rb\r\n\r\n`],
    ['a long line', `${GET}X: ${'y'.repeat(5000)}\r\n\r\n`],
    ['a line too long', `${GET}X: ${'y'.repeat(9000)}\r\n\r\n`],
    ['a URI too long', `GET /${'y'.repeat(9000)} HTTP/1.1\r\n`],
    ['too many lines', `\r\n${GET}${'X: y\r\n'.repeat(1001)}\r\n`],
  ];
  test.each(heads)('whole = any cuts = byte by byte: %s', (_name, text) => {
    const bytes = bytesOf(text);
    const events = (cuts: readonly number[]): unknown => {
      const parser = new RequestHeadParser(REQUEST_HEAD_DEFAULTS);
      let at = 0;
      for (const cut of [...cuts, bytes.length]) {
        if (cut <= at) continue;
        const verdict = parser.push(bytes, at, cut);
        if (verdict === 'head')
          return { head: { ...parser.head }, text: parser.head.headers.render(), end: at + parser.consumed };
        if (verdict !== 'more') return { verdict, detail: parser.detail };
        at = cut;
      }
      return 'more';
    };
    const whole = events([]);
    expect(events(Array.from(bytes, (_, i) => i + 1))).toEqual(whole);
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 8 }), (cuts) => {
        expect(events(cuts.sort((a, b) => a - b))).toEqual(whole);
      }),
      { numRuns: 50 },
    );
  });
});

describe('an answer head', () => {
  const verdictOf = (text: string): [string, ResponseHeadParser] => {
    const parser = new ResponseHeadParser({ headBytesMax: 4096 });
    const bytes = bytesOf(text);
    const verdict = parser.push(bytes, 0, bytes.length);
    return [typeof verdict === 'string' ? verdict : parser.detail, parser];
  };
  test('is taken apart', () => {
    const [verdict, { head, consumed }] = verdictOf(
      'HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 2\r\n\r\nhi',
    );
    expect(verdict).toBe('head');
    expect(consumed).toBe(49);
    expect(head).toMatchObject({
      status: 200,
      reason: 'OK',
      version: 11,
      contentLength: 2,
      keepAlive: true,
      headBytes: 49,
    });
    expect(head.framing('GET')).toBe('length');
    expect(head.framing('HEAD')).toBe('none');
  });
  test.each([
    ['SSH-2.0-OpenSSH', 'upstream sent no valid HTTP/1.0 header'],
    [
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n',
      'upstream sent "Content-Length" and "Transfer-Encoding" headers at the same time',
    ],
    ['HTTP/1.1 200 OK\r\nX: a\r\n b\r\n', 'upstream sent invalid header: "\\x20..."'],
    [`HTTP/1.1 200 OK\r\nX: ${'a'.repeat(5000)}\r\n`, 'upstream sent too big header'],
  ])('is refused (%#)', (text, detail) => {
    expect(verdictOf(text)[0]).toBe(detail);
  });
});

describe('a parser of requests', () => {
  const feed = (parser: RequestHeadParser, text: string): unknown =>
    parser.push(bytesOf(text), 0, text.length);

  test('serves one head after the other', () => {
    const parser = new RequestHeadParser(REQUEST_HEAD_DEFAULTS);
    const bytes = bytesOf('GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\n\r\n');
    expect(parser.push(bytes, 0, bytes.length)).toBe('head');
    const first = parser.head;
    const at = parser.consumed;
    parser.reset();
    expect(parser.push(bytes, at, bytes.length)).toBe('head');
    expect([first.target, first.keepAlive, parser.head.target, parser.head.keepAlive]).toEqual([
      '/1',
      true,
      '/2',
      false,
    ]);
    expect(at + parser.consumed).toBe(bytes.length);
  });

  test('is idle until a byte has come, be it of an empty line', () => {
    const parser = new RequestHeadParser(REQUEST_HEAD_DEFAULTS);
    expect(parser.started).toBe(false);
    expect([feed(parser, '\r\n'), parser.started]).toEqual(['more', true]);
    parser.reset();
    expect(parser.started).toBe(false);
  });

  test.each([
    ['\r\n', '', '', 0],
    ['GET /a HT', 'GET /a HT', '', 0],
    ['\r\nGET /a HTTP/1.1\r\nA: b', 'GET /a HTTP/1.1', 'GET', 17],
    ['GET /a HTTP/1.1\r\nA: b\r\nC', 'GET /a HTTP/1.1', 'GET', 23],
  ])('tells what it knows of a head that is cut: %j', (text, requestLine, method, headBytes) => {
    const parser = new RequestHeadParser(REQUEST_HEAD_DEFAULTS);
    expect(feed(parser, text)).toBe('more');
    expect(parser.unfinishedHead()).toMatchObject({ requestLine, method, headBytes });
  });

  test('takes the options of the server that the host chooses', () => {
    const open = { ...REQUEST_HEAD_DEFAULTS, underscoresInHeaders: true };
    const parser = new RequestHeadParser(REQUEST_HEAD_DEFAULTS, (host) =>
      host === 'a' ? open : REQUEST_HEAD_DEFAULTS,
    );
    expect(feed(parser, 'GET / HTTP/1.1\r\nx_1: 1\r\nHost: a\r\nx_2: 2\r\n\r\n')).toBe('head');
    expect(parser.head.headers.render()).toBe('Host: a\r\nx_2: 2\r\n');
    expect(parser.ignored).toEqual(['x_1: 1']);
  });

  test('keeps what it had read of a head that is refused', () => {
    const { verdict, head } = request('GET /a HTTP/1.1\r\nX: 1\r\nHost: a b\r\n\r\n');
    expect(verdict).toBe('400 client sent invalid host header');
    expect([head.requestLine, head.method, head.headers.get('x')]).toEqual(['GET /a HTTP/1.1', 'GET', '1']);
    expect(request('G\0T /a').head.requestLine).toBe('G\0T /a');
  });
});

test('any bytes give the same in any cuts, for requests and answers', () => {
  const piece = fc.constantFrom(
    ...[
      'GET / HTTP/1.1',
      'HTTP/1.1 200 OK',
      '\r\n',
      '\r\n',
      '\n',
      '\r',
      '\0',
      'Host: a',
      'X: b',
      ' ',
      ':',
      'é',
    ],
    ...[
      'Content-Length: 1',
      'Transfer-Encoding: chunked',
      'http://a',
      '/',
      'HTTP/',
      'x'.repeat(40),
      'Connection: close',
    ],
  );
  const limits = { headerBufferBytes: 48, largeBuffers: { count: 2, bytes: 96 } };
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 14 }).map((pieces) => bytesOf(pieces.join(''))),
      fc.array(fc.nat(200), { maxLength: 6 }),
      fc.boolean(),
      (bytes, cuts, answer) => {
        const told = (reads: readonly number[]): unknown => {
          const parser = answer
            ? new ResponseHeadParser({ headBytesMax: 128 })
            : new RequestHeadParser({ ...REQUEST_HEAD_DEFAULTS, ...limits });
          let at = 0;
          for (const cut of [...reads, bytes.length]) {
            if (cut <= at) continue;
            const verdict = parser.push(bytes, at, cut);
            if (verdict === 'head') return [at + parser.consumed, parser.head];
            if (verdict !== 'more') return [verdict, parser.detail];
            at = cut;
          }
          return 'more';
        };
        const whole = told([]);
        const inBounds = cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b);
        expect(told(inBounds)).toEqual(whole);
        expect(told(Array.from(bytes, (_, i) => i + 1))).toEqual(whole);
      },
    ),
    { numRuns: 1000 },
  );
});
