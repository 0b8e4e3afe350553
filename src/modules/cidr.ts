// Addresses and blocks of them, as allow, deny and set_real_ip_from compare them: ngx_inet_addr(), ngx_ptocidr(), ngx_cidr_match().
// An IPv6 address that holds an IPv4 one ("::ffff:1.2.3.4") counts as that.
import { canonicalIpv6, ipv6Groups } from '../config/address.ts';
import type { Site, Word } from '../config/directive.ts';
import { parseWhole } from '../config/units.ts';

/** 32 bits of IPv4, or the eight groups of IPv6. */
export type Ip = number | readonly number[];

export type Cidr =
  | { readonly family: 4; readonly address: number; readonly mask: number }
  | { readonly family: 6; readonly address: readonly number[]; readonly mask: readonly number[] }
  | { readonly family: 'unix' };

/** nginx takes "1.2.3." and "001.2.3.4", and cannot tell 255.255.255.255 from none. */
export function parseIpv4(text: string): number | undefined {
  const match = /^(\d*)\.(\d*)\.(\d*)\.(\d*)$/.exec(text);
  if (match === null) return undefined;
  let bits = 0;
  for (const part of match.slice(1)) {
    const octet = Number(part);
    if (octet > 255) return undefined;
    bits = bits * 256 + octet;
  }
  return bits === ALL_32 ? undefined : bits;
}

const ALL_32 = 0xffff_ffff;

/** Without brackets. */
export function parseIp(text: string): Ip | undefined {
  return parseIpv4(text) ?? ipv6Groups(text);
}

/** As ngx_sock_ntop() prints it, without brackets. */
export function ipText(ip: Ip): string {
  if (typeof ip === 'number') return dotted(ip);
  const [a, b, c, d, e, f, g = 0, h = 0] = ip;
  const tail = g * 65_536 + h;
  if (a === 0 && b === 0 && c === 0 && d === 0 && e === 0) {
    if (f === 0xffff) return `::ffff:${dotted(tail)}`;
    if (f === 0 && g !== 0) return `::${dotted(tail)}`;
  }
  const text = ip.map((group) => group.toString(16)).join(':');
  return canonicalIpv6(text) ?? text;
}

/** The IPv4 address within a mapped one. */
export function unmapped(ip: Ip): Ip {
  if (typeof ip === 'number') return ip;
  const [a, b, c, d, e, f, g = 0, h = 0] = ip;
  const mapped = a === 0 && b === 0 && c === 0 && d === 0 && e === 0 && f === 0xffff;
  return mapped ? g * 65_536 + h : ip;
}

/** A block as a directive's word; undefined where it is none. Warns of bits that the mask hides. */
export function readCidr(word: Word, site: Site): Cidr | undefined {
  if (word.text === 'unix:') return { family: 'unix' };
  const slash = word.text.indexOf('/');
  const ip = parseIp(slash === -1 ? word.text : word.text.slice(0, slash));
  const most = typeof ip === 'number' ? 32 : 128;
  const bits = slash === -1 ? most : parseWhole(word.text.slice(slash + 1));
  if (ip === undefined || bits === undefined || bits > most) return undefined;
  const cidr = cidrOf(ip, bits);
  if (!inCidr(cidr, ip, true)) site.warn(`low address bits of ${word.text} are meaningless`, word);
  return cidr;
}

/** The block of the first `bits` bits. */
export function cidrOf(ip: Ip, bits: number): Cidr {
  if (typeof ip === 'number') {
    const mask = maskOf(Math.min(bits, 32), 32);
    return { family: 4, address: and(ip, mask), mask };
  }
  const mask = ip.map((_, i) => maskOf(Math.min(16, Math.max(0, bits - 16 * i)), 16));
  return { family: 6, address: ip.map((group, i) => group & (mask[i] ?? 0)), mask };
}

/** Whether the address, unmapped before, lies in the block; `exactly`: no bit of it is hidden by the mask. */
export function inCidr(cidr: Cidr, ip: Ip, exactly = false): boolean {
  if (cidr.family === 4)
    return typeof ip === 'number' && (exactly ? ip : and(ip, cidr.mask)) === cidr.address;
  if (cidr.family === 'unix' || typeof ip === 'number') return false;
  const { address, mask } = cidr;
  return ip.every((group, i) => (exactly ? group : group & (mask[i] ?? 0)) === address[i]);
}

/** The upper `bits` of `width`. */
function maskOf(bits: number, width: number): number {
  return 2 ** width - 2 ** (width - bits);
}

/** `&` of 32 bits without a sign. */
function and(one: number, two: number): number {
  return (one & two) >>> 0;
}

function dotted(bits: number): string {
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join('.');
}
