// Messages of the DNS, sans IO: queries for addresses of a name, and what of a server's answer matters for them (RFC 1035, 4).
// As ngx_resolver_create_name_query(), ngx_resolver_process_response() and ngx_resolver_process_a(), wordings included.
import { byteString } from '../../base/bytes.ts';
import { canonicalIpv6 } from '../../config/address.ts';

export const A = 1;
export const AAAA = 28;
const CNAME = 5;

const FORMAT_ERROR = 1;
export const NOT_FOUND = 3;
const REFUSED = 5;

const HEADER_BYTES = 12;
const RECORD_BYTES = 10;
/** With the lengths of its labels and the root's a name has 255 (RFC 1035, 2.3.4). nginx sends longer ones, which nobody answers. */
const NAME_BYTES_MAX = 253;

/** As ngx_resolver_strerror(), with its number. */
export function problemText(code: number): string {
  const texts = [
    '',
    'Format error',
    'Server failure',
    'Host not found',
    'Unimplemented',
    'Operation refused',
  ];
  return `${code}: ${texts[code] ?? 'Unknown error'}`;
}

/** A query with recursion desired, or undefined for what cannot be a name of the DNS. `name` is a byte string without a dot at its end. */
export function writeQuery(name: string, type: number, ident: number): Uint8Array | undefined {
  const labels = name.split('.');
  if (name.length > NAME_BYTES_MAX) return undefined;
  if (labels.some(({ length }) => length === 0 || length > 63)) return undefined;
  const bytes = new Uint8Array(HEADER_BYTES + name.length + 6);
  bytes.set([ident >> 8, ident & 255, 1, 0, 0, 1]);
  let at = HEADER_BYTES;
  for (const label of labels) {
    bytes[at++] = label.length;
    for (let i = 0; i < label.length; i++) bytes[at++] = label.charCodeAt(i);
  }
  bytes.set([0, 0, type, 0, 1], at);
  return bytes;
}

export interface Reply {
  readonly ident: number;
  /** 0, or what the server says is wrong. */
  readonly code: number;
  readonly truncated: boolean;
  /** What was asked: in lower case. '' after a format error, where only the ident can be trusted. */
  readonly name: string;
  readonly type: number;
  /** How many records there are, of whatever kind. */
  readonly records: number;
  readonly addresses: readonly string[];
  /** Another name that this one stands for; the last of several. */
  readonly cname: string | undefined;
  /** The least of all records', in seconds. */
  readonly ttl: number;
}

/** A server's answer, or what is wrong with it. */
export function readReply(bytes: Uint8Array, overTcp: boolean): Reply | string {
  if (bytes.length < HEADER_BYTES) return 'short DNS response';
  const ident = number16(bytes, 0);
  const flags = number16(bytes, 2);
  const records = number16(bytes, 6);
  const truncated = (flags & 0x0200) !== 0;
  if ((flags & 0xf870) !== 0x8000 || (truncated && overTcp)) {
    const shown = flags.toString(16).toUpperCase().padStart(4, '0');
    return `invalid ${overTcp ? 'TCP' : 'UDP'} DNS response ${ident} fl:${shown}`;
  }
  const code = flags & 15;
  const nothing = { addresses: [], cname: undefined, ttl: 0 };
  if (code === FORMAT_ERROR || code > REFUSED)
    return { ident, code, truncated, name: '', type: 0, records, ...nothing };
  if (number16(bytes, 4) !== 1) return 'invalid number of questions in DNS response';
  const question = readQuestion(bytes);
  if (typeof question === 'string') return question;
  const { name, type, end } = question;
  if (end + records * (2 + RECORD_BYTES) > bytes.length) return 'short DNS response';
  const facts = { ident, code, truncated, name, type, records };
  if (code !== 0 || truncated || records === 0) return { ...facts, ...nothing };
  const answer = readRecords(bytes, end, records, type);
  return typeof answer === 'string' ? answer : { ...facts, ...answer };
}

interface Question {
  readonly name: string;
  readonly type: number;
  readonly end: number;
}

function readQuestion(bytes: Uint8Array): Question | string {
  let at = HEADER_BYTES;
  while (at < bytes.length && bytes[at] !== 0) {
    const length = bytes[at] ?? 0;
    if ((length & 0xc0) !== 0) return 'unexpected compression pointer in DNS response';
    at += 1 + length;
  }
  if (at === HEADER_BYTES) return 'zero-length domain name in DNS response';
  if (at + 5 > bytes.length) return 'short DNS response';
  const name = nameAt(bytes, HEADER_BYTES);
  if ('problem' in name) return name.problem;
  const type = number16(bytes, at + 1);
  const kind = number16(bytes, at + 3);
  if (kind !== 1) return `unknown query class ${kind} in DNS response`;
  if (type !== A && type !== AAAA) return `unknown query type ${type} in DNS response`;
  return { name: name.name, type, end: at + 5 };
}

type Answer = Pick<Reply, 'addresses' | 'cname' | 'ttl'>;

function readRecords(bytes: Uint8Array, from: number, count: number, asked: number): Answer | string {
  const addresses: string[] = [];
  let cname: string | undefined;
  let ttl = Number.POSITIVE_INFINITY;
  let at = from;
  for (let record = 0; record < count; record++) {
    const start = at;
    while (at < bytes.length && bytes[at] !== 0 && ((bytes[at] ?? 0) & 0xc0) === 0)
      at += 1 + (bytes[at] ?? 0);
    if (at >= bytes.length) return 'short DNS response';
    if (bytes[at] !== 0) at += 2;
    else if (++at - start < 2) return 'invalid name in DNS response';
    if (at + RECORD_BYTES >= bytes.length) return 'short DNS response';
    const type = number16(bytes, at);
    const kind = number16(bytes, at + 2);
    const length = number16(bytes, at + 8);
    if (kind !== 1) return `unexpected RR class ${kind} in DNS response`;
    const seconds = number16(bytes, at + 4) * 65_536 + number16(bytes, at + 6);
    ttl = Math.min(ttl, seconds >= 2 ** 31 ? 0 : seconds); // RFC 2181, 8
    at += RECORD_BYTES;
    if (type === A || type === AAAA) {
      const shown = type === A ? 'A' : 'AAAA';
      if (type !== asked) return `unexpected ${shown} record in DNS response`;
      if (length !== (type === A ? 4 : 16)) return `invalid ${shown} record in DNS response`;
      if (at + length > bytes.length) return 'short DNS response';
      addresses.push(addressAt(bytes, at, length));
    } else if (type === CNAME) {
      const target = nameAt(bytes, at);
      if ('problem' in target) return target.problem;
      cname = target.name;
    } // others, a DNAME or a signature, say nothing about addresses
    at += length;
  }
  return { addresses, cname, ttl };
}

function addressAt(bytes: Uint8Array, at: number, length: number): string {
  if (length === 4) return bytes.subarray(at, at + 4).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => number16(bytes, at + 2 * i).toString(16));
  return canonicalIpv6(groups.join(':')) ?? '';
}

/** Pointers may make a loop: more than these are in no name of 255 bytes. */
const POINTERS_MAX = 128;

/** A name that may be compressed (RFC 1035, 4.1.4), in lower case, without a dot at its end. As ngx_resolver_copy(). */
function nameAt(bytes: Uint8Array, from: number): { readonly name: string } | { readonly problem: string } {
  const labels: string[] = [];
  let at = from;
  for (let steps = 0; steps < POINTERS_MAX; steps++) {
    const length = bytes[at];
    if (length === undefined) return { problem: 'name is out of DNS response' };
    if (length === 0) return { name: lowerAscii(labels.join('.')) };
    if ((length & 0xc0) === 0xc0) {
      const low = bytes[at + 1];
      if (low === undefined) return { problem: 'name is out of DNS response' };
      at = (length & 0x3f) * 256 + low;
    } else if ((length & 0xc0) !== 0) return { problem: 'invalid label type in DNS response' };
    else {
      if (at + 1 + length > bytes.length) return { problem: 'name is out of DNS response' };
      labels.push(byteString(bytes, at + 1, at + 1 + length));
      at += 1 + length;
    }
  }
  return { problem: 'compression pointers loop in DNS response' };
}

function number16(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
}

/** Letters from A to Z only, as ngx_strlow(): the other chars are bytes of who knows what. */
export function lowerAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
