// What the error log adds to a line about an exchange, and says of a connection without one. As ngx_http_log_error_handler() and
// ngx_http_upstream_log_error().
import { CLIENT_TIMED_OUT } from '../base/failures.ts';
import type { IoError } from '../io/engine.ts';
import { ioErrorText } from './error-text.ts';
import type { Client, Exchange } from './exchange.ts';

/** As nginx adds to each line of an exchange's: who, where, what. */
export function contextOf(x: Exchange): string {
  const doing = x.phase === 'log' ? ' while logging request' : '';
  let text = `${doing}, client: ${x.remote.address}, server: ${x.server.name}`;
  if (x.head.requestLine !== '') text += `, request: "${x.head.requestLine}"`;
  if (x.parent !== undefined) text += `, subrequest: "${x.uri}"`;
  const peer = x.attempts.at(-1)?.peer;
  if (x.lastPass !== undefined && peer !== undefined && x.phase !== 'log')
    text += `, upstream: "http://${peer}${peer.startsWith('unix:') ? ':' : ''}${x.lastPass.uri}"`;
  const host = x.headers.get('host');
  if (host !== undefined) text += `, host: "${host}"`;
  const referer = x.headers.get('referer');
  return referer === undefined ? text : `${text}, referrer: "${referer}"`;
}

/** How a connection on which no request had begun came to its end. */
export type IdleEnd = 'closed' | 'timed out' | IoError;

/**
 * As ngx_http_wait_request_handler() before the first request, ngx_http_keepalive_handler() after one: there a reset is an end like
 * others, and the end of keepalive_timeout is not worth a line.
 */
export function idleEndText(client: Client, listener: string, how: IdleEnd): string | undefined {
  const kept = client.requests > 0;
  const where = ` while ${kept ? 'keepalive' : 'waiting for request'}, client: ${client.address}, server: ${listener}`;
  if (how === 'timed out')
    return kept ? undefined : `${CLIENT_TIMED_OUT.text} (110: Connection timed out)${where}`;
  const reset = typeof how === 'object' && how.code === 'ECONNRESET';
  if (kept && (how === 'closed' || reset))
    return `client ${client.address} closed keepalive connection${reset ? ` (${how.errno}: ${how.text})` : ''}`;
  return `${how === 'closed' ? 'client closed connection' : ioErrorText(how)}${where}`;
}
