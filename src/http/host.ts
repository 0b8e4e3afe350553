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
  const literal = text.charCodeAt(0) === 91; // [
  const shape = literal ? /^\[[\w\-.~!$&'()*+,;=:]*\]/.exec(text) : /^[\w\-.~!$&'()*+,;=%]*/.exec(text);
  if (shape === null) return -1;
  const end = shape[0].length;
  if (end === text.length) return end;
  const port = text.slice(end + 1);
  return text.charCodeAt(end) === 58 && /^[0-9]*$/.test(port) && Number(port) <= PORT_MAX ? end : -1;
}
