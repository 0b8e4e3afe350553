// Whether a client may be sent a packed answer, as ngx_http_gzip_ok() decides it.
import type { Pattern } from '../config/pcre.ts';
import { parseHttpDate } from '../http/date.ts';
import { isMsie6 } from '../http/error-page.ts';
import { listHas } from '../http/header-list.ts';
import type { Exchange } from '../proxy/exchange.ts';

export type Proxied =
  | 'off'
  | 'expired'
  | 'no-cache'
  | 'no-store'
  | 'private'
  | 'no_last_modified'
  | 'no_etag'
  | 'auth'
  | 'any';

export interface GzipAudience {
  /** 10 or 11. */
  readonly versionMin: number;
  readonly proxied: ReadonlySet<Proxied>;
  readonly disabled: readonly Pattern[];
  readonly disabledMsie6: boolean;
}

export function mayGzip(x: Exchange, audience: GzipAudience): boolean {
  const { headers } = x;
  if (x.parent !== undefined || x.head.version < audience.versionMin) return false;
  if (!acceptsGzip(headers.get('accept-encoding') ?? '')) return false;
  const agent = headers.get('user-agent');
  if (audience.disabledMsie6 && agent !== undefined && isMsie6(agent)) return false;
  if (headers.has('via') && !mayGzipProxied(x, audience.proxied)) return false;
  return agent === undefined || !audience.disabled.some((pattern) => pattern.test(agent));
}

/** The request came through another proxy, which may keep the answer for others. */
function mayGzipProxied(x: Exchange, proxied: ReadonlySet<Proxied>): boolean {
  if (proxied.has('off')) return false;
  if (proxied.has('any') || (proxied.has('auth') && x.headers.has('authorization'))) return true;
  const { headers, fromUpstream, lastModifiedSeconds } = x.answer;
  const expires = headers.get('expires');
  if (expires !== undefined) return proxied.has('expired') && hasExpired(x, expires);
  if (headers.has('cache-control')) {
    const named = (['no-cache', 'no-store', 'private'] as const).filter((name) => proxied.has(name));
    return named.some((name) => listHas(headers, 'cache-control', name));
  }
  if (proxied.has('no_last_modified') && fromUpstream) {
    if (lastModifiedSeconds >= 0 || headers.has('last-modified')) return false;
  }
  return !(proxied.has('no_etag') && headers.has('etag'));
}

function hasExpired(x: Exchange, expires: string): boolean {
  const until = parseHttpDate(expires);
  const written = x.answer.headers.get('date');
  const date = written === undefined ? Math.floor(x.wall / 1000) : parseHttpDate(written);
  return until !== undefined && date !== undefined && until < date;
}

/** As ngx_http_gzip_accept_encoding(). */
export function acceptsGzip(text: string): boolean {
  const [, rest] = /(?:^|[, ]|gzip)gzip *(.*)$/is.exec(text) ?? [];
  if (rest === undefined) return false;
  if (rest === '' || rest.startsWith(',')) return true;
  const [, weight] = /^; *(?:q=(.+))?$/is.exec(rest) ?? [];
  if (weight !== undefined) return quantity(weight) > 0;
  return /^; *$/.test(rest);
}

/** Hundredths, 0 where it is none. As ngx_http_gzip_quantity(). */
function quantity(text: string): number {
  const [, whole, digits = ''] = /^([01])(?:[, ].*|\.([0-9]*)(?:[, ].*)?)?$/s.exec(text) ?? [];
  if (whole === undefined || digits.length > 3) return 0;
  const sum = [...digits].reduce((total, digit) => total + Number(digit), Number(whole) * 100);
  return sum > 100 ? 0 : sum;
}
