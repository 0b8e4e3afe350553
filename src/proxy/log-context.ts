// What the error log adds to a line about an exchange. As ngx_http_log_error_handler() and ngx_http_upstream_log_error().
import type { Exchange } from './exchange.ts';

/** As nginx adds to each line of an exchange's: who, where, what. */
export function contextOf(x: Exchange): string {
  const doing = x.phase === 'log' ? ' while logging request' : '';
  let text = `${doing}, client: ${x.remote.address}, server: ${x.server.name}`;
  if (x.head.requestLine !== '') text += `, request: "${x.head.requestLine}"`;
  if (x.parent !== undefined) text += `, subrequest: "${x.uri}"`;
  const peer = x.attempts.at(-1)?.peer;
  if (x.pass !== undefined && peer !== undefined && x.phase !== 'log')
    text += `, upstream: "http://${peer}${x.pass.uri}"`;
  const host = x.headers.get('host');
  if (host !== undefined) text += `, host: "${host}"`;
  const referer = x.headers.get('referer');
  return referer === undefined ? text : `${text}, referrer: "${referer}"`;
}
