// Header names: the table of those that are met every day, so that a usual head costs one look-up a line, and the rules for the
// rest. Names are byte strings; letters are lowered as ASCII only, as ngx_strlow() does.

/** What the head parsers do with a header beyond keeping it. */
export type NameKind = number;
export const PLAIN: NameKind = 0;
/** A second line of it is refused, as ngx_http_process_unique_header_line(). */
export const UNIQUE: NameKind = 1;
export const HOST: NameKind = 2;
export const CONNECTION: NameKind = 3;
export const CONTENT_LENGTH: NameKind = 4;
export const TRANSFER_ENCODING: NameKind = 5;
export const UPGRADE: NameKind = 6;
export const EXPECT: NameKind = 7;

export interface KnownName {
  readonly name: string;
  readonly lower: string;
  readonly kind: NameKind;
}

/** The entry of the name between `at` and `end` of `text`, in its usual or its lower-case spelling: neither cut out nor hashed. */
export function knownName(text: string, at = 0, end: number = text.length): KnownName | undefined {
  const length = end - at;
  const bucket = KNOWN[bucketOf(length, text.charCodeAt(at), text.charCodeAt(end - 1))];
  if (bucket === undefined) return undefined;
  for (let i = 0; i < bucket.length; i++) {
    const known = bucket[i];
    if (known !== undefined && known.name.length === length && text.startsWith(known.name, at)) return known;
  }
  return undefined;
}

/** `name` with ASCII capitals lowered; bytes above 127 stay what they are. */
export function lowerName(name: string): string {
  return knownName(name)?.lower ?? asciiLower(name);
}

/** Lowers A to Z alone: `toLowerCase` would change bytes above 127. */
export function asciiLower(text: string): string {
  let capitals = false;
  let ascii = true;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 65 && code <= 90) capitals = true;
    else if (code > 127) ascii = false;
  }
  if (!capitals) return text;
  if (ascii) return text.toLowerCase();
  return text.replace(/[A-Z]+/g, (capitals) => capitals.toLowerCase());
}

/** RFC 9110, 5.6.2: what a method or a field name may consist of. */
export function isToken(text: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text);
}

const BUCKETS = 1024;
const KNOWN: readonly (readonly KnownName[] | undefined)[] = table();

/** By length, first and last char; few names share a place. NaN, where there is no char, counts as 0. */
function bucketOf(length: number, first: number, last: number): number {
  return (length * 67 + first * 5 + last * 31) & (BUCKETS - 1);
}

function table(): readonly (readonly KnownName[] | undefined)[] {
  const buckets: (KnownName[] | undefined)[] = Array.from({ length: BUCKETS }, () => undefined);
  const put = (name: string, lower: string, kind: NameKind): void => {
    const at = bucketOf(name.length, name.charCodeAt(0), name.charCodeAt(name.length - 1));
    const bucket = buckets[at] ?? [];
    bucket.push(Object.freeze({ name, lower, kind }));
    buckets[at] = bucket;
  };
  const enter = (name: string, kind: NameKind): void => {
    const lower = name.toLowerCase();
    put(name, lower, kind);
    put(lower, lower, kind);
  };
  const plain =
    'Accept Accept-Charset Accept-Encoding Accept-Language Accept-Ranges Access-Control-Allow-Credentials ' +
    'Access-Control-Allow-Headers Access-Control-Allow-Methods Access-Control-Allow-Origin Access-Control-Expose-Headers ' +
    'Access-Control-Max-Age Access-Control-Request-Headers Access-Control-Request-Method Age Allow Alt-Svc Cache-Control ' +
    'Content-Disposition Content-Encoding Content-Language Content-Location Content-Security-Policy Content-Type Cookie Date ' +
    'DNT ETag Expires Forwarded From Keep-Alive Last-Modified Link Location Origin Pragma Priority Proxy-Authenticate ' +
    'Proxy-Connection Range Referer Refresh Retry-After Sec-CH-UA Sec-CH-UA-Mobile Sec-CH-UA-Platform Sec-Fetch-Dest ' +
    'Sec-Fetch-Mode Sec-Fetch-Site Sec-Fetch-User Sec-WebSocket-Accept Sec-WebSocket-Extensions Sec-WebSocket-Key ' +
    'Sec-WebSocket-Protocol Sec-WebSocket-Version Server Set-Cookie Strict-Transport-Security TE Trailer ' +
    'Upgrade-Insecure-Requests User-Agent Vary Via Warning WWW-Authenticate X-Accel-Buffering X-Accel-Charset ' +
    'X-Accel-Expires X-Accel-Limit-Rate X-Accel-Redirect X-Content-Type-Options X-Forwarded-For X-Forwarded-Host ' +
    'X-Forwarded-Port X-Forwarded-Proto X-Frame-Options X-Powered-By X-Real-IP X-Request-ID X-Requested-With X-XSS-Protection';
  const unique =
    'If-Modified-Since If-Unmodified-Since If-Match If-None-Match If-Range Content-Range Authorization Proxy-Authorization';
  for (const name of plain.split(' ')) enter(name, PLAIN);
  for (const name of unique.split(' ')) enter(name, UNIQUE);
  enter('Host', HOST);
  enter('Connection', CONNECTION);
  enter('Content-Length', CONTENT_LENGTH);
  enter('Transfer-Encoding', TRANSFER_ENCODING);
  enter('Upgrade', UPGRADE);
  enter('Expect', EXPECT);
  return buckets;
}
