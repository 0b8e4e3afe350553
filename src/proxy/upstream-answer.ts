// What of a peer's head becomes the client's: hidden, passed, obeyed or dropped. As ngx_http_upstream_process_headers().
import { parseWhole } from '../config/units.ts';
import { parseHttpDate } from '../http/date.ts';
import type { ResponseHead } from '../http/head.ts';
import type { Answer } from './answer.ts';
import type { Exchange } from './exchange.ts';
import type { Pass, PassSettings } from './pass.ts';

/** What nginx is doing then, for the log. */
export const READING_HEAD = ' while reading response header from upstream';

/** Ends at this hop, or is kept in a field of the answer. */
const NOT_PASSED: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'content-type',
  'proxy-connection',
]);

/** A second line of these is left out, with a warning. */
const SINGLE: ReadonlySet<string> = new Set([
  'status',
  'content-type',
  'date',
  'last-modified',
  'etag',
  'server',
  'location',
  'refresh',
  'x-accel-redirect',
  'expires',
  'x-accel-expires',
  'x-accel-limit-rate',
]);

/** Headers that X-Accel-Redirect's target keeps: those marked `redirect` in ngx_http_upstream_headers_in. */
const KEPT_BY_REDIRECT: ReadonlySet<string> = new Set([
  'set-cookie',
  'content-disposition',
  'cache-control',
  'expires',
  'accept-ranges',
]);

/** Fills `x.answer`, which may hold what an X-Accel-Redirect has kept; returns the target of one that is to be obeyed. */
export function adoptHead(x: Exchange, head: ResponseHead, pass: Pass): string | undefined {
  const { answer } = x;
  const { hideHeaders, ignoreHeaders } = pass.settings;
  const { headers } = head;
  warnOfDuplicates(x, head);
  const rate = parseWhole(headers.get('x-accel-limit-rate') ?? '');
  if (rate !== undefined && !ignoreHeaders.has('x-accel-limit-rate')) x.main.limitRate = rate;
  const redirect = headers.get('x-accel-redirect');
  if (redirect !== undefined && !ignoreHeaders.has('x-accel-redirect')) {
    copyHeaders(x, head, (lower) => KEPT_BY_REDIRECT.has(lower));
    if (headers.has('content-type')) answer.contentType = headers.get('content-type');
    pass.rewriteAnswer?.(x, head);
    return redirect;
  }
  answer.fromUpstream = true;
  answer.status = head.status;
  answer.reason = head.reason;
  if (headers.has('content-type') && !hideHeaders.has('content-type')) {
    answer.contentType = headers.get('content-type');
  }
  answer.withoutServer = !hideHeaders.has('server') && !headers.has('server');
  answer.withoutDate = !hideHeaders.has('date') && !headers.has('date');
  answer.contentLength = head.status === 101 ? -1 : head.contentLength;
  const named = head.connectionTokens();
  copyHeaders(
    x,
    head,
    (lower) =>
      !NOT_PASSED.has(lower) && !hideHeaders.has(lower) && (!named.includes(lower) || lower === 'upgrade'), // RFC 9110, 7.6.1
  );
  readLastModified(answer);
  takeAccelHeaders(x, head, pass.settings);
  pass.rewriteAnswer?.(x, head);
  return undefined;
}

function copyHeaders(
  { answer }: Exchange,
  { headers }: ResponseHead,
  wanted: (lower: string) => boolean,
): void {
  for (let i = 0; i < headers.length; i++) {
    const lower = headers.lowerAt(i);
    if (!wanted(lower) || (SINGLE.has(lower) && headers.indexOf(lower) !== i)) continue;
    answer.headers.addLowered(headers.nameAt(i), lower, headers.valueAt(i));
  }
}

/** As ngx_http_upstream_process_header_line(). */
function warnOfDuplicates(x: Exchange, { headers }: ResponseHead): void {
  for (let i = 0; i < headers.length; i++) {
    const lower = headers.lowerAt(i);
    if (!SINGLE.has(lower)) continue;
    const first = headers.indexOf(lower);
    if (first === i) continue;
    const line = (at: number): string => `"${headers.nameAt(at)}: ${headers.valueAt(at)}"`;
    const values = `${line(i)}, previous value: ${line(first)}`;
    x.log('warn', `upstream sent duplicate header line: ${values}, ignored${READING_HEAD}`);
  }
}

/** The line stays where the peer put it; the time is for those who ask (expires modified). */
function readLastModified(answer: Answer): void {
  const text = answer.headers.get('last-modified');
  answer.lastModifiedSeconds = text === undefined ? -1 : (parseHttpDate(text) ?? -1);
}

function takeAccelHeaders(x: Exchange, { headers }: ResponseHead, settings: PassSettings): void {
  const { ignoreHeaders } = settings;
  const charset = headers.get('x-accel-charset') ?? '';
  const typed = (x.answer.contentType ?? '') !== ''; // else nginx does not look at it
  if (charset !== '' && typed && !ignoreHeaders.has('x-accel-charset')) {
    x.log('error', `unknown charset "${charset}" to override${READING_HEAD}`); // no charset is known without the charset module
  }
  x.unbuffered = !settings.buffering;
  const buffering = headers.get('x-accel-buffering')?.toLowerCase();
  if (buffering === undefined || ignoreHeaders.has('x-accel-buffering')) return;
  if (buffering === 'yes') x.unbuffered = false;
  else if (buffering === 'no') x.unbuffered = true;
}
