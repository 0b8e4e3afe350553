// ip_hash: a client's network (IPv4 /24, a whole IPv6 address) stays with its peer. As ngx_http_upstream_get_ip_hash_peer().
import { DRAWS_MAX, peerAtWeight } from './draw.ts';
import { isLive, type Peer, take } from './peer.ts';
import { chooseByRoundRobin } from './round-robin.ts';
import type { Chooser, Selection } from './selection.ts';

const FIRST_HASH = 89;

export const IP_HASH: Chooser = {
  begin(selection) {
    selection.hash = FIRST_HASH;
  },
  choose,
};

function choose(selection: Selection, second: number): Peer | undefined {
  const { group } = selection;
  if (selection.draws > DRAWS_MAX || group.peers.length < 2) return chooseByRoundRobin(selection, second);
  const length = readAddress(selection.clientAddress);
  let hash = selection.hash;
  for (;;) {
    for (let i = 0; i < length; i++) hash = (hash * 113 + OCTETS[i]!) % 6271;
    const index = peerAtWeight(group, hash % group.totalWeight);
    const peer = group.peers[index]!;
    if (!selection.isTried(index) && isLive(peer, second)) {
      selection.hash = hash;
      selection.markTried(index);
      take(peer, second);
      return peer;
    }
    if (++selection.draws > DRAWS_MAX) return chooseByRoundRobin(selection, second);
  }
}

/** Scratch of `readAddress`: one address is hashed at a time. */
const OCTETS = new Uint8Array(16);

/** Fills OCTETS with what counts of the address and returns how many that are: 3 or 16. */
function readAddress(address: Uint8Array | string): 3 | 16 {
  if (typeof address !== 'string') {
    if (address.length === 16) {
      OCTETS.set(address);
      return 16;
    }
    return setThree(address.length === 4 ? address : NO_ADDRESS);
  }
  if (address.includes(':')) return readIpv6(address) ? 16 : setThree(NO_ADDRESS);
  return readIpv4(address, 0) ? 3 : setThree(NO_ADDRESS);
}

/** A client over a Unix socket. */
const NO_ADDRESS = new Uint8Array(3);

function setThree(bytes: Uint8Array): 3 {
  OCTETS[0] = bytes[0]!;
  OCTETS[1] = bytes[1]!;
  OCTETS[2] = bytes[2]!;
  return 3;
}

/** "192.0.2.1" into OCTETS from `at` on. */
function readIpv4(text: string, at: number, start = 0): boolean {
  let octet = 0;
  let digits = 0;
  let count = 0;
  for (let i = start; i <= text.length; i++) {
    const digit = i < text.length ? text.charCodeAt(i) - 0x30 : -2;
    if (digit >= 0 && digit <= 9) {
      octet = octet * 10 + digit;
      if (++digits > 3 || octet > 255) return false;
    } else if (digit === -2 && digits > 0 && count < 4) {
      OCTETS[at + count++] = octet;
      octet = digits = 0;
    } else return false;
  }
  return count === 4;
}

/** "2001:db8::1", with "::", an IPv4 tail and a zone ("%eth0") where there is one, into OCTETS. */
function readIpv6(text: string): boolean {
  const zone = text.indexOf('%');
  const end = zone < 0 ? text.length : zone;
  let count = 0;
  let gap = -1;
  let i = 0;
  if (text.startsWith('::')) {
    gap = 0;
    i = 2;
  }
  while (i < end) {
    let group = 0;
    const start = i;
    for (; i < end && i - start < 5; i++) {
      const digit = hexDigit(text.charCodeAt(i));
      if (digit < 0) break;
      group = group * 16 + digit;
    }
    if (i === start || i - start > 4 || count > 14) return false;
    if (text.charCodeAt(i) === 0x2e) {
      if (count > 12 || !readIpv4(text.slice(0, end), count, start)) return false;
      count += 4;
      i = end;
      break;
    }
    OCTETS[count++] = group >>> 8;
    OCTETS[count++] = group & 0xff;
    if (i === end) break;
    if (text.charCodeAt(i) !== 0x3a || i + 1 === end) return false;
    i++;
    if (text.charCodeAt(i) === 0x3a) {
      if (gap >= 0) return false;
      gap = count;
      i++;
    }
  }
  if (gap < 0) return count === 16;
  if (count > 14) return false;
  OCTETS.copyWithin(16 - (count - gap), gap, count);
  OCTETS.fill(0, gap, 16 - (count - gap));
  return true;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
