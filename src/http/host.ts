// What may stand in Host or as the authority of a request's target, as ngx_http_validate_host().

/**
 * The host as the choice of a server wants it: lower case, without port, without the dot that ends a rooted name. An IPv6 address
 * keeps its brackets. Undefined where `text` is no host.
 */
export function validHost(text: string): string | undefined {
  const end = hostEnd(text);
  if (end <= 0) return undefined;
  const host = text.slice(0, end);
  if (host === '.' || host.includes('..')) return undefined;
  return (host.charCodeAt(end - 1) === DOT ? host.slice(0, -1) : host).toLowerCase();
}

/** The port written in a valid host, 0 where there is none. */
export function portOf(text: string): number {
  const end = hostEnd(text);
  return end === -1 || end + 1 >= text.length ? 0 : Number(text.slice(end + 1));
}

const DOT = 46;
const PORT_MAX = 65_535;

/** Where the host ends in `host`, `host:` or `host:port`; -1 where this is none of them. */
function hostEnd(text: string): number {
  const { length } = text;
  let end = 0;
  if (text.charCodeAt(0) === BRACKET) {
    while (end + 1 < length && isLiteral(text.charCodeAt(end + 1))) end++;
    if (text.charCodeAt(++end) !== BRACKET_END) return -1;
    end++;
  } else while (end < length && IN_NAME[text.charCodeAt(end)] === 1) end++;
  if (end === length) return end;
  if (text.charCodeAt(end) !== COLON) return -1;
  let port = 0;
  for (let i = end + 1; i < length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    port = port * 10 + digit;
    if (port > PORT_MAX) return -1;
  }
  return end;
}

const COLON = 58;
const BRACKET = 91;
const BRACKET_END = 93;
const PERCENT = 37;

/** What a name or an address may consist of, by code. */
const IN_NAME = new Uint8Array(256);
for (let code = 0; code < 256; code++) {
  if (/[\w\-.~!$&'()*+,;=%]/.test(String.fromCharCode(code))) IN_NAME[code] = 1;
}

/** What an address in brackets may consist of. */
function isLiteral(code: number): boolean {
  return code === COLON || (code !== PERCENT && IN_NAME[code] === 1);
}
