// Why a head or a body of a client cannot be served: a frozen value with the status and nginx's own wording for the log.

export interface HeadError {
  /** 494 is nginx's own number for a head too large: error pages may be given for it, the client is shown 400. */
  readonly status: number;
  /** The error log's line, without what the parser's `detail` adds. */
  readonly reason: string;
  /** Nothing more can be read from this connection. */
  readonly close: true;
}

export function headError(status: number, reason: string): HeadError {
  return Object.freeze({ status, reason, close: true });
}

export const TOO_LONG_URI = headError(414, 'client sent too long URI');
export const TOO_LONG_LINE = headError(494, 'client sent too long header line');
export const TOO_LARGE_REQUEST = headError(494, 'client sent too large request');
export const TOO_MANY_LINES = headError(494, 'client sent too many header lines');
export const INVALID_LINE = headError(400, 'client sent invalid header line');
export const DUPLICATE_HOST = headError(400, 'client sent duplicate host header');
export const DUPLICATE_LINE = headError(400, 'client sent duplicate header line');
export const INVALID_TARGET = headError(400, 'client sent invalid request');
export const INVALID_LINE_HOST = headError(400, 'client sent invalid host in request line');
export const INVALID_HOST = headError(400, 'client sent invalid host header');
export const NO_HOST = headError(400, 'client sent HTTP/1.1 request without "Host" header');
export const INVALID_LENGTH = headError(400, 'client sent invalid "Content-Length" header');
export const ENCODING_IN_10 = headError(400, 'client sent HTTP/1.0 request with "Transfer-Encoding" header');
export const LENGTH_AND_ENCODING = headError(
  400,
  'client sent "Content-Length" and "Transfer-Encoding" headers at the same time',
);
export const UNKNOWN_ENCODING = headError(501, 'client sent unknown "Transfer-Encoding"');
export const CONNECT_METHOD = headError(405, 'client sent CONNECT method');
export const TRACE_METHOD = headError(405, 'client sent TRACE method');
