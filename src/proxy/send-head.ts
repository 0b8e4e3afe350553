// From an answer that modules have prepared to the head that goes out: head filters, framing, the header lines in nginx's order.
// As ngx_http_send_header(), ngx_http_header_filter() and ngx_http_chunked_filter_module.
import { bytesOf } from '../base/bytes.ts';
import { formatHttpDate, httpDate } from '../http/date.ts';
import { shownStatus, statusLine } from '../http/error-page.ts';
import { safeHeaderValue } from '../http/header-list.ts';
import type { Answer } from './answer.ts';
import type { Exchange } from './exchange.ts';
import { type BodyFilter, chainOf } from './filters.ts';

/** Answers with a short body. A 204 or 304 drops it. */
export function respond(
  x: Exchange,
  status: number,
  body: string | Uint8Array,
  contentType: string | undefined,
): void {
  const bytes = typeof body === 'string' ? bytesOf(body) : body;
  const { answer } = x;
  const refused = x.discardBody();
  if (refused !== 0) return x.finish(refused);
  answer.status = status;
  answer.contentLength = bytes.length;
  if (contentType !== undefined) answer.contentType = contentType;
  if (!sendHead(x)) return;
  x.out.push(bytes, 0, bytes.length, true);
}

/** A redirect of our own with nginx's page under it. */
export function respondRedirect(x: Exchange, status: number, location: string): void {
  x.answer.location = safeHeaderValue(location);
  x.finish(status);
}

/** False where a filter has answered otherwise; until then the exchange is where it was, so that it may go another way (error_page). */
export function sendHead(x: Exchange, phase: 'answer' | 'relay' | 'tunnel' = 'answer'): boolean {
  const { answer } = x;
  if (x.errorStatus !== 0) {
    answer.status = shownStatus(x.errorStatus);
    answer.reason = undefined;
  }
  const filters: BodyFilter[] = [];
  for (const filter of x.location.filters) {
    const bodyFilter = filter.head(x);
    if (bodyFilter === 'answered') return false;
    if (bodyFilter !== undefined) filters.push(bodyFilter);
  }
  frame(x);
  if (answer.location !== undefined) makeLocation(x, answer.location);
  answer.headSent = true;
  x.filters = filters;
  x.out = answer.headOnly || filters.length === 0 ? x.sink : chainOf(filters, x.sink);
  x.move(phase);
  x.sink.head(x);
  return true;
}

/** How the body's end will be seen. As ngx_http_chunked_header_filter() and the rules of RFC 9112, 6.3. */
function frame(x: Exchange): void {
  const { answer } = x;
  const { status } = answer;
  const dated = status === 200 || status === 206 || status === 304;
  if (status === 204 || !dated) answer.lastModifiedSeconds = -1;
  if (status === 204) answer.contentType = undefined;
  if (status === 204 || status < 200) answer.contentLength = -1;
  const bodiless = status === 204 || status === 304 || status < 200;
  answer.headOnly = bodiless || x.method === 'HEAD' || x.head.method === 'HEAD';
  if (answer.headOnly || x.parent !== undefined) return;
  if (answer.contentLength >= 0 && answer.trailers === undefined) return;
  if (x.head.version >= 11 && x.location.core.chunkedTransferEncoding) {
    answer.chunked = true;
    answer.contentLength = -1;
    return;
  }
  if (answer.contentLength < 0) x.keepalive = false;
}

/** The head as it goes over the wire; `keepAliveSeconds` is the Keep-Alive header's, 0 for none. */
export function renderHead(x: Exchange): string {
  const { answer } = x;
  let head = `HTTP/1.1 ${answer.reason === undefined ? statusLine(answer.status) : `${answer.status} ${answer.reason}`}\r\n`;
  if (!answer.withoutServer && !answer.headers.has('server')) {
    head += `Server: ${productOf(x)}\r\n`;
  }
  if (!answer.withoutDate && !answer.headers.has('date')) head += `Date: ${httpDate(x.wall / 1000)}\r\n`;
  if (answer.contentType !== undefined && answer.contentType !== '')
    head += contentTypeLine(answer, answer.contentType);
  if (answer.contentLength >= 0) head += `Content-Length: ${answer.contentLength}\r\n`;
  if (answer.lastModifiedSeconds >= 0 && !answer.headers.has('last-modified'))
    head += `Last-Modified: ${formatHttpDate(answer.lastModifiedSeconds)}\r\n`;
  const location = answer.location === undefined ? '' : `Location: ${answer.location}\r\n`;
  if (answer.locationMade) head += location;
  if (answer.chunked) head += 'Transfer-Encoding: chunked\r\n';
  head += connectionLine(x);
  if (answer.vary) head += 'Vary: Accept-Encoding\r\n';
  if (!answer.locationMade) head += location;
  return `${head}${answer.headers.render()}\r\n`;
}

/** "holdfast/0.1.0", or the name alone under `server_tokens off`. */
export function productOf(x: Exchange): string {
  const { product } = x.program.facts;
  return x.location.core.serverTokens ? product : product.slice(0, product.indexOf('/'));
}

function contentTypeLine(answer: Answer, type: string): string {
  const charset =
    answer.charset === undefined || /;\s*charset=/i.test(type) ? '' : `; charset=${answer.charset}`;
  return `Content-Type: ${type}${charset}\r\n`;
}

function connectionLine(x: Exchange): string {
  if (x.answer.status === 101) return 'Connection: upgrade\r\n';
  if (!x.keepalive) return 'Connection: close\r\n';
  const seconds = x.location.core.keepaliveHeaderSeconds;
  return seconds > 0
    ? `Connection: keep-alive\r\nKeep-Alive: timeout=${seconds}\r\n`
    : 'Connection: keep-alive\r\n';
}

/** A path becomes a whole URI, with the name and port that the location's settings choose. As ngx_http_header_filter(). */
function makeLocation(x: Exchange, location: string): void {
  const { core } = x.location;
  if (!location.startsWith('/') || !core.absoluteRedirect) return;
  const name = x.host === '' ? x.client.localAddress : x.host;
  const host = core.serverNameInRedirect ? x.server.name : name;
  const usual = x.client.secure ? 443 : 80;
  const { localPort } = x.client;
  const port = core.portInRedirect && localPort > 0 && localPort !== usual ? `:${localPort}` : '';
  x.answer.location = `${x.client.secure ? 'https' : 'http'}://${host}${port}${location}`;
  x.answer.locationMade = true;
}
