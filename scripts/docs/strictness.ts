// Where Holdfast is stricter than nginx: each message with the status that either gives. Read by `npm run docs` for
// docs/strictness.md and by test/e2e/strictness.test.ts, which sends each of them.

export interface StrictCase {
  readonly what: string;
  readonly why: string;
  /** Of nginx 1.31.5: the status that the client gets; 0 for an answer without a status line. */
  readonly nginx: number;
  readonly holdfast: number;
}

/** What a client sends, whole. */
export interface StrictRequest extends StrictCase {
  readonly request: string;
}

/** What a peer answers. */
export interface StrictAnswer extends StrictCase {
  readonly answer: string;
}

/** A line of a configuration that nginx accepts. */
export interface StrictLine {
  readonly line: string;
  /** What Holdfast says of it. */
  readonly refusal: string;
  readonly why: string;
}

export const STRICT_LINES: readonly StrictLine[] = [
  {
    line: 'proxy_set_header "X Word" 1;',
    refusal: 'invalid header name "X Word"',
    why: 'RFC 9110, 5.1: a name is a token, and servers disagree about any other. nginx sends it as it is.',
  },
  {
    line: 'proxy_method "GET /";',
    refusal: 'invalid method "GET /"',
    why: 'RFC 9110, 9.1: a method is a token; this one would begin another request line. Where a variable makes one like it, the request ends with 500.',
  },
];

const HOST = 'Host: localhost\r\n';
const CHUNKED = `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`;
const OK = 'HTTP/1.1 200 OK\r\n';

/** What nginx does by accident, or against an RFC, where nobody's safety hangs on it. */
export interface Difference {
  readonly what: string;
  readonly nginx: string;
  readonly holdfast: string;
  readonly why: string;
}

export const DIFFERENCES: readonly Difference[] = [
  {
    what: '`Content-Length` of a 204 answer and of `return 100`',
    nginx: 'sent',
    holdfast: 'left out',
    why: 'RFC 9110, 8.6: neither has content, and a client may wait for it.',
  },
  {
    what: "a peer's `Proxy-Connection`",
    nginx: 'passed on',
    holdfast: 'left out',
    why: 'It speaks of one connection, as `Connection` does.',
  },
  {
    what: 'a status line of a peer without a reason (`HTTP/1.1 200`)',
    nginx: 'sent as it is',
    holdfast: 'sent with the space that belongs there',
    why: 'RFC 9112, 4: the space stands even where the reason is empty.',
  },
  {
    what: "a peer's `Accept-Ranges` before an `X-Accel-Redirect` to a file",
    nginx: "sent, and then the file's own line",
    holdfast: "the file's own line",
    why: 'Two lines would say two things of one answer.',
  },
  {
    what: 'a connection after a 412 of a file',
    nginx: 'closed, though the answer has said `Connection: keep-alive`',
    holdfast: 'kept',
    why: 'The client was told that it may go on.',
  },
  {
    what: 'a connection whose streamed body (`proxy_request_buffering off`) was answered before its end',
    nginx: 'closed, though the answer has said `Connection: keep-alive`',
    holdfast: 'kept, the rest of the body is read away',
    why: 'A request that was sent behind the body would get nothing.',
  },
  {
    what: "the first bytes of a peer's body whose framing is then wrong, or that is then reset",
    nginx: 'dropped when they came in one read with the head',
    holdfast: 'sent',
    why: 'How the bytes were cut into reads decides nothing.',
  },
  {
    what: '`$sent_http_connection` and `$sent_http_keep_alive` in `access_log`',
    nginx:
      '`close` for each connection that is kept, for the decision was taken back by then; `keep-alive` for one that has broken off',
    holdfast: 'what becomes of the connection',
    why: 'The line is read by people.',
  },
  {
    what: 'a peer’s connection after a request with `Connection: close` (the `map` to `$connection_upgrade` sends it), where the answer does not say `close` too',
    nginx: 'kept, and the next request fails when the peer then closes',
    holdfast: 'closed',
    why: 'RFC 9112, 9.6: no request may follow the one that said `close`.',
  },
  {
    what: '`$upstream_status` after a 103',
    nginx: '103',
    holdfast: 'the final status',
    why: 'An interim answer is not the answer.',
  },
  {
    what: '`$server_protocol` of a request line that is none',
    nginx: 'empty where it broke off behind an `H`',
    holdfast: '`-`',
    why: 'Nothing is known of it.',
  },
  {
    what: '`$tcpinfo_*` under the portable engine',
    nginx: 'what the system says',
    holdfast: '`-`',
    why: "Node's sockets do not say.",
  },
  {
    what: "control characters of a client's request in `error_log`",
    nginx: 'written as they are',
    holdfast: 'written as `\\x01`',
    why: 'A request must not be able to write on a terminal, or a line of its own.',
  },
];

export const STRICT_REQUESTS: readonly StrictRequest[] = [
  {
    what: 'a header line without a colon',
    why: 'RFC 9112, 5: it is no header line. nginx drops it and passes the rest on.',
    request: `GET / HTTP/1.1\r\n${HOST}X-Word\r\n\r\n`,
    nginx: 200,
    holdfast: 400,
  },
  {
    what: 'a name that is no token, where `ignore_invalid_headers off` keeps it',
    why: 'RFC 9110, 5.1: servers disagree about such names. nginx passes them on; with the default, `on`, both drop the line.',
    request: `GET / HTTP/1.1\r\nHost: keeps-invalid\r\nX(Word: a\r\n\r\n`,
    nginx: 200,
    holdfast: 400,
  },
  {
    what: 'a bare CR before the line end of a header',
    why: 'RFC 9112, 2.2: a bare CR is either an error or a space. nginx takes CR CR LF for a line end.',
    request: `GET / HTTP/1.1\r\n${HOST}X-Word: a\r\r\n\r\n`,
    nginx: 200,
    holdfast: 400,
  },
  {
    what: 'a bare CR before the request line',
    why: 'RFC 9112, 2.2 lets empty lines be skipped, which end with a line feed.',
    request: `\rGET / HTTP/1.1\r\n${HOST}\r\n`,
    nginx: 200,
    holdfast: 400,
  },
  {
    what: 'a control character in a chunk extension',
    why: 'RFC 9112, 7.1.1 has none there; a server that stops at one reads another chunk.',
    request: `${CHUNKED}1;a\x01b\r\nx\r\n0\r\n\r\n`,
    nginx: 200,
    holdfast: 400,
  },
  {
    what: 'a chunk extension of more than 4,096 bytes',
    why: 'What nobody reads must not be endless (RFC 9112, 7.1.1).',
    request: `${CHUNKED}1;${'a'.repeat(5000)}\r\nx\r\n0\r\n\r\n`,
    nginx: 200,
    holdfast: 400,
  },
  {
    what: 'a trailer line without a colon',
    why: 'RFC 9112, 7.1.2: a trailer is made of header lines.',
    request: `${CHUNKED}1\r\nx\r\n0\r\nword\r\n\r\n`,
    nginx: 200,
    holdfast: 400,
  },
  {
    what: 'a folded trailer line',
    why: 'RFC 9112, 5.2: folding is refused as it is in a head.',
    request: `${CHUNKED}1\r\nx\r\n0\r\nA: b\r\n c\r\n\r\n`,
    nginx: 200,
    holdfast: 400,
  },
  {
    what: 'trailers of more than 8,192 bytes',
    why: 'They are held in memory and so have a limit.',
    request: `${CHUNKED}1\r\nx\r\n0\r\nA: ${'b'.repeat(9000)}\r\n\r\n`,
    nginx: 200,
    holdfast: 400,
  },
];

export const STRICT_ANSWERS: readonly StrictAnswer[] = [
  {
    what: 'a 101 that the client did not ask for',
    why: 'RFC 9110, 15.2.2: the client would read tunnel bytes as answers.',
    answer: 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: bytes\r\n\r\n',
    nginx: 101,
    holdfast: 502,
  },
  {
    what: 'chunked framing in an HTTP/1.0 answer',
    why: 'RFC 9112, 6.1: its framing is faulty.',
    answer: 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n',
    nginx: 200,
    holdfast: 502,
  },
  {
    what: 'a header line without a colon, of a peer',
    why: 'RFC 9112, 5: it is no header line.',
    answer: `${OK}word\r\nContent-Length: 1\r\n\r\nx`,
    nginx: 200,
    holdfast: 502,
  },
  {
    what: 'a name that is no token, of a peer',
    why: 'RFC 9110, 5.1: clients disagree about such names.',
    answer: `${OK}X(Word: a\r\nContent-Length: 1\r\n\r\nx`,
    nginx: 200,
    holdfast: 502,
  },
  {
    what: 'a status of two digits',
    why: 'RFC 9112, 4: a status has three digits, and the first is 1 to 9.',
    answer: 'HTTP/1.1 20 OK\r\nContent-Length: 1\r\n\r\nx',
    nginx: 20,
    holdfast: 502,
  },
  {
    what: 'a status of four digits',
    why: 'RFC 9112, 4.',
    answer: 'HTTP/1.1 2000 OK\r\nContent-Length: 1\r\n\r\nx',
    nginx: 2000,
    holdfast: 502,
  },
  {
    what: 'a status that begins with 0',
    why: 'RFC 9110, 15.',
    answer: 'HTTP/1.1 099 OK\r\nContent-Length: 1\r\n\r\nx',
    nginx: 99,
    holdfast: 502,
  },
  {
    what: 'an answer without a status line',
    why: 'HTTP/0.9 is not an answer to an HTTP/1.1 request (RFC 9112, 2.3).',
    answer: 'hello',
    nginx: 0,
    holdfast: 502,
  },
  {
    what: 'a bare CR in the reason phrase',
    why: 'RFC 9112, 4: a reader that takes it for a line end reads another head.',
    answer: 'HTTP/1.1 200 O\rK\r\nContent-Length: 1\r\n\r\nx',
    nginx: 200,
    holdfast: 502,
  },
  {
    what: 'a NUL in the reason phrase',
    why: 'RFC 9112, 4.',
    answer: 'HTTP/1.1 200 O\0K\r\nContent-Length: 1\r\n\r\nx',
    nginx: 200,
    holdfast: 502,
  },
  {
    what: 'more than 1,000 interim answers',
    why: 'Heads that nobody reads must not be endless (RFC 9110, 15.2). nginx waits for the last one as long as `proxy_read_timeout` says.',
    answer: `${'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(1001)}${OK}Content-Length: 1\r\n\r\nx`,
    nginx: 200,
    holdfast: 502,
  },
];
