// nginx's words for what a system call said: "connect() failed (111: Connection refused)".
import { CONNECT_FAILED, CONNECT_IMPOSSIBLE, type Failure } from '../base/failures.ts';
import type { IoError } from '../io/engine.ts';

export function ioErrorText(error: IoError): string {
  return `${error.call}() failed (${error.errno}: ${error.text})`;
}

/** What connect() says at once, of which nothing has gone out: always on a Unix socket. */
const AT_ONCE: ReadonlySet<string> = new Set([
  'EACCES',
  'EADDRINUSE',
  'EADDRNOTAVAIL',
  'EAFNOSUPPORT',
  'EINVAL',
  'ENETUNREACH',
  'EPERM',
]);
/** These speak of the peer; the rest is for whoever runs the proxy. */
const USUAL: ReadonlySet<string> = new Set([
  'EAGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
]);

/** As ngx_event_connect_peer() tells of what failed at once, and ngx_http_upstream_test_connect() of the rest. */
export function connectFailure(
  peer: string,
  error: IoError,
): { readonly failure: Failure; readonly detail: string } {
  const atOnce = error.call === 'connect' && (peer.startsWith('unix:') || AT_ONCE.has(error.code));
  if (!atOnce) return { failure: CONNECT_FAILED, detail: ioErrorText(error) };
  return {
    failure: USUAL.has(error.code) ? CONNECT_FAILED : CONNECT_IMPOSSIBLE,
    detail: `connect() to ${peer} failed (${error.errno}: ${error.text})`,
  };
}
