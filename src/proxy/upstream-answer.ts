// What of a peer's head becomes the client's: hidden, passed, obeyed or dropped. As ngx_http_upstream_process_headers().
import { parseHttpDate } from '../http/date.ts';
import type { ResponseHead } from '../http/head.ts';
import type { Exchange } from './exchange.ts';
import type { Pass } from './pass.ts';

/** Ends at this hop, or is made anew by us. */
const NOT_PASSED: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'content-type',
  'last-modified',
  'proxy-connection',
]);

/** Headers that X-Accel-Redirect's target keeps. */
const KEPT_BY_REDIRECT: ReadonlySet<string> = new Set([
  'cache-control',
  'expires',
  'set-cookie',
  'content-disposition',
  'p3p',
  'accept-ranges',
]);

/** Fills `x.answer`; returns the target of an X-Accel-Redirect that is to be obeyed. */
export function adoptHead(x: Exchange, head: ResponseHead, pass: Pass): string | undefined {
  const { answer } = x;
  const { hideHeaders, ignoreHeaders } = pass.settings;
  const { headers } = head;
  const redirect = headers.get('x-accel-redirect');
  if (redirect !== undefined && redirect !== '' && !ignoreHeaders.has('x-accel-redirect')) {
    keepForRedirect(x, head);
    return redirect;
  }
  answer.clear();
  answer.fromUpstream = true;
  answer.status = head.status;
  answer.reason = head.reason === '' ? undefined : head.reason;
  answer.contentType = headers.get('content-type');
  answer.contentLength = head.status === 101 ? -1 : head.contentLength;
  const modified = headers.get('last-modified');
  if (modified !== undefined) answer.lastModifiedSeconds = parseHttpDate(modified) ?? -1;
  const named = head.connectionTokens();
  for (let i = 0; i < headers.length; i++) {
    const lower = headers.lowerAt(i);
    if (NOT_PASSED.has(lower) || hideHeaders.has(lower)) continue;
    if (named.includes(lower) && lower !== 'upgrade') continue; // RFC 9110, 7.6.1
    answer.headers.add(headers.nameAt(i), headers.valueAt(i));
  }
  if (modified !== undefined && answer.lastModifiedSeconds < 0) answer.headers.add('Last-Modified', modified);
  answer.allowRanges = headers.get('accept-ranges')?.toLowerCase() === 'bytes' && answer.contentLength >= 0;
  const charset = headers.get('x-accel-charset');
  if (charset !== undefined && !ignoreHeaders.has('x-accel-charset')) answer.charset = charset;
  x.unbuffered = !pass.settings.buffering;
  const buffering = headers.get('x-accel-buffering')?.toLowerCase();
  if (buffering !== undefined && !ignoreHeaders.has('x-accel-buffering')) {
    if (buffering === 'yes') x.unbuffered = false;
    else if (buffering === 'no') x.unbuffered = true;
  }
  pass.rewriteAnswer?.(x, head);
  return undefined;
}

/** As the headers marked `redirect` in ngx_http_upstream_headers_in. */
function keepForRedirect(x: Exchange, head: ResponseHead): void {
  x.answer.clear();
  const { headers } = head;
  x.answer.contentType = headers.get('content-type');
  for (let i = 0; i < headers.length; i++) {
    if (KEPT_BY_REDIRECT.has(headers.lowerAt(i))) x.answer.headers.add(headers.nameAt(i), headers.valueAt(i));
  }
}
