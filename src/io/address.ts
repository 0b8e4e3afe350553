// Addresses as texts and bytes: what the engines read from the system and print. Names are resolved elsewhere; here are numbers only.
import type { Address } from './engine.ts';

/** The 4 bytes of a dotted IPv4 address; undefined where it is none. Leading zeros are refused: some read them as octal. */
export function ipv4Bytes(host: string): Uint8Array | undefined {
  const parts = host.split('.');
  if (parts.length !== 4) return undefined;
  const bytes = new Uint8Array(4);
  for (let i = 0; i < 4; i++) {
    const part = parts[i]!;
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    bytes[i] = Number(part);
  }
  return bytes;
}

/** The 16 bytes of an IPv6 address without brackets and zone (RFC 4291, 2.2); undefined where it is none. */
export function ipv6Bytes(host: string): Uint8Array | undefined {
  const halves = host.split('::');
  if (halves.length > 2) return undefined;
  const head = groupBytes(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? groupBytes(halves[1]!, true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const used = head.length + tail.length;
  if (halves.length === 1 ? used !== 16 : used > 14) return undefined; // "::" stands for one group at least
  const bytes = new Uint8Array(16);
  bytes.set(head, 0);
  bytes.set(tail, 16 - tail.length);
  return bytes;
}

/** The groups between colons as bytes; the last may be an IPv4 address where `last` says that the address ends here. */
function groupBytes(text: string, last: boolean): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  for (let i = 0; i < groups.length; i++) {
    const group = groups[i]!;
    if (last && i === groups.length - 1 && group.includes('.')) {
      const quad = ipv4Bytes(group);
      if (quad === undefined) return undefined;
      bytes.push(...quad);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    }
  }
  return bytes;
}

export function ipv4Text(bytes: Uint8Array, at = 0): string {
  return `${bytes[at]!}.${bytes[at + 1]!}.${bytes[at + 2]!}.${bytes[at + 3]!}`;
}

/** As ngx_inet6_ntop(): the first longest run of zero groups becomes "::", IPv4 in IPv6 keeps its dots, letters are small. */
export function ipv6Text(bytes: Uint8Array, at = 0): string {
  const groups: number[] = [];
  for (let i = 0; i < 8; i++) groups.push((bytes[at + 2 * i]! << 8) | bytes[at + 2 * i + 1]!);
  let start = -1;
  let length = 1; // one zero group alone stays "0" (RFC 5952, 4.2.2)
  for (let i = 0; i < 8; ) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > length) {
      start = i;
      length = end - i;
    }
    i = end + 1;
  }
  const dotted = start === 0 && (length === 6 || (length === 5 && groups[5] === 0xffff));
  const end = dotted ? 6 : 8;
  const head = start < 0 ? [] : groups.slice(0, start);
  const tail = start < 0 ? groups : groups.slice(start + length, end);
  const text = (list: readonly number[]): string => list.map((group) => group.toString(16)).join(':');
  if (start < 0) return text(tail);
  const quad = dotted ? (tail.length > 0 ? ':' : '') + ipv4Text(bytes, at + 12) : '';
  return `${text(head)}::${text(tail)}${quad}`;
}

/** "127.0.0.1:80", "[::1]:80", "unix:/path", as nginx prints them. */
export function addressText(address: Address): string {
  if (address.family === 'unix') return `unix:${address.path}`;
  return address.family === 6 ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** Whether both say the same; hosts are compared as bytes, so that `::1` equals `0:0:0:0:0:0:0:1`. */
export function sameAddress(a: Address, b: Address): boolean {
  if (a.family === 'unix' || b.family === 'unix') {
    return a.family === 'unix' && b.family === 'unix' && a.path === b.path;
  }
  if (a.family !== b.family || a.port !== b.port) return false;
  if (a.host === b.host) return true;
  const x = ipBytes(a.host);
  const y = ipBytes(b.host);
  return x !== undefined && y !== undefined && x.length === y.length && x.every((byte, i) => byte === y[i]);
}

/** The bytes of an address of either family. */
export function ipBytes(host: string): Uint8Array | undefined {
  return host.includes(':') ? ipv6Bytes(host) : ipv4Bytes(host);
}
