// ngx_http_not_modified_filter_module: conditions on answers of our own. 304 for If-Modified-Since and If-None-Match, 412 for
// If-Unmodified-Since and If-Match.
import { parseHttpDate } from '../http/date.ts';
import type { Exchange } from '../proxy/exchange.ts';
import { defineModule } from './module.ts';

export const httpNotModified = defineModule({
  name: 'http-not-modified',
  directives: [],
  filter: { applies: () => true, head: filterHead },
});

function filterHead(x: Exchange): 'answered' | undefined {
  const { answer, headers } = x;
  if (answer.status !== 200 || x.parent !== undefined || answer.fromUpstream) return undefined;
  const unmodifiedSince = headers.get('if-unmodified-since');
  const match = headers.get('if-match');
  const modifiedSince = headers.get('if-modified-since');
  const noneMatch = headers.get('if-none-match');
  const changed = unmodifiedSince !== undefined && !isUnmodified(x, unmodifiedSince);
  const other = match !== undefined && !matches(answer.headers.get('etag'), match, false);
  if (changed || other) {
    answer.clear();
    x.clearContexts();
    x.finish(412);
    return 'answered';
  }
  if (modifiedSince === undefined && noneMatch === undefined) return undefined;
  if (modifiedSince !== undefined && isModified(x, modifiedSince)) return undefined;
  if (noneMatch !== undefined && !matches(answer.headers.get('etag'), noneMatch, true)) return undefined;
  answer.status = 304;
  answer.reason = undefined;
  answer.contentType = undefined;
  answer.contentLength = -1;
  answer.allowRanges = false;
  answer.headers.delete('content-encoding');
  return undefined;
}

function isUnmodified(x: Exchange, since: string): boolean {
  const { lastModifiedSeconds } = x.answer;
  return lastModifiedSeconds >= 0 && (parseHttpDate(since) ?? -1) >= lastModifiedSeconds;
}

function isModified(x: Exchange, since: string): boolean {
  const { lastModifiedSeconds } = x.answer;
  const { ifModifiedSince } = x.location.core;
  if (lastModifiedSeconds < 0 || ifModifiedSince === 'off') return true;
  const given = parseHttpDate(since) ?? -1;
  return given !== lastModifiedSeconds && (ifModifiedSince === 'exact' || given < lastModifiedSeconds);
}

/** Whether `etag` is in the list, or the list is `*`. As ngx_http_test_if_match(); weak comparison leaves `W/` aside. */
export function matches(etag: string | undefined, list: string, weak: boolean): boolean {
  if (list === '*') return true;
  if (etag === undefined) return false;
  const wanted = weak && etag.length > 2 && etag.startsWith('W/') ? etag.slice(2) : etag;
  let at = 0;
  while (at < list.length) {
    if (weak && list.length - at > 2 && list.startsWith('W/', at)) at += 2;
    if (wanted.length > list.length - at) return false;
    if (list.startsWith(wanted, at)) {
      at += wanted.length;
      while (list[at] === ' ' || list[at] === '\t') at++;
      if (at === list.length || list[at] === ',') return true;
    }
    while (at < list.length && list[at] !== ',') at++;
    while (list[at] === ' ' || list[at] === '\t' || list[at] === ',') at++;
  }
  return false;
}
