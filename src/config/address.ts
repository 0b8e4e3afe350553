// Addresses as the file writes them: `127.0.0.1:8010`, `[::1]:80`, `unix:/run/app.sock`, `localhost`, `*:80`. As ngx_parse_url().
import { parseWhole } from './units.ts';

export type WrittenAddress =
  | { readonly kind: 'unix'; readonly path: string; readonly rest: string }
  | {
      readonly kind: 'inet';
      /** A name, an IPv4 address or an IPv6 one without brackets; "*" for any address; '' where only a port was written. */
      readonly host: string;
      /** 0 where none was written. */
      readonly port: number;
      /** Where a range was written (`listen 8000-8010`), its last port. */
      readonly lastPort?: number;
      readonly family: 'name' | 4 | 6 | 'any';
      /** What follows: a URI with its slash, '' for none. */
      readonly rest: string;
    };

/** A port that was written as 0 where that is allowed: the system chooses one. */
export const ANY_PORT = -1;

/** What is wrong, in nginx's words. */
export interface AddressProblem {
  readonly problem: string;
}

export interface AddressForm {
  /** It ends at the first "/" or "?" (`unix:` paths at ":"). */
  readonly withUri?: boolean;
  /** A lone number is a port, and a port may be a range. */
  readonly listen?: boolean;
  /** Port 0 may be written and reads as ANY_PORT. */
  readonly anyPort?: boolean;
}

/** Reads an address. */
export function parseAddress(text: string, options: AddressForm = {}): WrittenAddress | AddressProblem {
  if (text.slice(0, 5).toLowerCase() === 'unix:') return parseUnix(text, options.withUri === true);
  if (text.startsWith('[')) return parseInet6(text, options);
  const end = text.search(/[/?]/);
  if (end !== -1 && !options.withUri) return { problem: 'invalid host' };
  const authority = end === -1 ? text : text.slice(0, end);
  const rest = end === -1 ? '' : text.slice(end);
  const colon = authority.indexOf(':');
  if (colon === -1 && options.listen === true && isPorts(authority)) {
    const ports = portsOf(authority, options);
    return 'problem' in ports ? ports : { kind: 'inet', host: '', ...ports, family: 'any', rest };
  }
  const host = colon === -1 ? authority : authority.slice(0, colon);
  const ports = colon === -1 ? { port: 0 } : portsOf(authority.slice(colon + 1), options);
  if ('problem' in ports) return ports;
  if (host === '') return { problem: 'no host' };
  if (host === '*' && options.listen) return { kind: 'inet', host, ...ports, family: 'any', rest };
  return { kind: 'inet', host, ...ports, family: isIpv4(host) ? 4 : 'name', rest };
}

export function isIpv4(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255);
}

/** Loosely: what may stand between brackets; the system has the last word. */
export function isIpv6(text: string): boolean {
  return ipv6Groups(text) !== undefined;
}

/** The eight 16-bit groups of an IPv6 address, or undefined. */
export function ipv6Groups(text: string): number[] | undefined {
  const embedded = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (embedded?.[1] !== undefined && embedded[2] !== undefined) {
    if (!isIpv4(embedded[2])) return undefined;
    const [a = 0, b = 0, c = 0, d = 0] = embedded[2].split('.').map(Number);
    return ipv6Groups(`${embedded[1]}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`);
  }
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [left = '', right] = halves;
  const head = left === '' ? [] : left.split(':');
  const tail = right === undefined || right === '' ? [] : right.split(':');
  const missing = 8 - head.length - tail.length;
  if (right === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...new Array<string>(right === undefined ? 0 : missing).fill('0'), ...tail];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return groups.map((group) => Number.parseInt(group, 16));
}

/** As nginx and inet_ntop print it: lower case, the longest run of zeros as "::". */
export function canonicalIpv6(text: string): string | undefined {
  const groups = ipv6Groups(text);
  if (groups === undefined) return undefined;
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && groups[i + length] === 0) length++;
    if (length > bestLength) [best, bestLength] = [i, length];
  }
  const words = groups.map((group) => group.toString(16));
  if (best === -1) return words.join(':');
  return `${words.slice(0, best).join(':')}::${words.slice(best + bestLength).join(':')}`;
}

function parseUnix(text: string, withUri: boolean): WrittenAddress | AddressProblem {
  const path = text.slice(5);
  const colon = withUri ? path.indexOf(':') : -1;
  const [file, rest] = colon === -1 ? [path, ''] : [path.slice(0, colon), path.slice(colon + 1)];
  if (file === '') return { problem: 'no path in the unix domain socket' };
  if (file.length > UNIX_PATH_BYTES_MAX) return { problem: 'too long path in the unix domain socket' };
  return { kind: 'unix', path: file, rest };
}

/** sizeof(sun_path) less its NUL. */
const UNIX_PATH_BYTES_MAX = 107;

function parseInet6(text: string, options: AddressForm): WrittenAddress | AddressProblem {
  const close = text.indexOf(']');
  if (close === -1) return { problem: 'invalid host' };
  if (close === 1) return { problem: 'no host' };
  const host = canonicalIpv6(text.slice(1, close));
  if (host === undefined) return { problem: 'invalid IPv6 address' };
  let tail = text.slice(close + 1);
  let rest = '';
  const end = options.withUri ? tail.search(/[/?]/) : -1;
  if (end !== -1) [tail, rest] = [tail.slice(0, end), tail.slice(end)];
  if (tail === '') return { kind: 'inet', host, port: 0, family: 6, rest };
  if (!tail.startsWith(':')) return { problem: 'invalid host' };
  const ports = portsOf(tail.slice(1), options);
  return 'problem' in ports ? ports : { kind: 'inet', host, ...ports, family: 6, rest };
}

/** A port, or where one is listened on a range of them. */
function portsOf(
  text: string,
  options: AddressForm,
): { readonly port: number; readonly lastPort?: number } | AddressProblem {
  const dash = options.listen === true ? text.indexOf('-') : -1;
  if (dash === -1) {
    const port = portOf(text, options);
    return port === undefined ? { problem: 'invalid port' } : { port };
  }
  const port = portOf(text.slice(0, dash), {});
  const lastPort = portOf(text.slice(dash + 1), {});
  if (port === undefined || lastPort === undefined) return { problem: 'invalid port' };
  return port > lastPort ? { problem: 'invalid port range' } : { port, lastPort };
}

/** A lone word of digits is a port; of more than fit into a number, the name of a host, as for ngx_atoi(). */
function isPorts(text: string): boolean {
  return /^\d+(?:-\d+)?$/.test(text) && text.split('-').every((each) => parseWhole(each) !== undefined);
}

function portOf(text: string, { anyPort }: AddressForm): number | undefined {
  const port = parseWhole(text);
  if (port === undefined) return undefined;
  if (port === 0 && anyPort === true) return ANY_PORT;
  return port >= 1 && port <= 65_535 ? port : undefined;
}
