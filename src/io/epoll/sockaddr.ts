// struct sockaddr in the arena ↔ Address. Unix paths are byte strings, as every string of the data path.
import { byteString, writeBytes } from '../../base/bytes.ts';
import { ipv4Bytes, ipv4Text, ipv6Bytes, ipv6Text } from '../address.ts';
import type { Address } from '../engine.ts';
import { arena, SOCKADDR } from './arena.ts';
import { AF_INET, AF_INET6, AF_UNIX } from './syscalls.ts';

const UNIX_PATH_MAX = 107;

/** Where the system does not say (the peer is gone). */
export const NO_ADDRESS: Address = Object.freeze({ family: 4, host: '0.0.0.0', port: 0 });

export function familyOf(address: Address): number {
  return address.family === 4 ? AF_INET : address.family === 6 ? AF_INET6 : AF_UNIX;
}

/** Writes `address` to SOCKADDR; returns its length, or -1 where it is not one: a host that is no number, a path too long. */
export function encodeAddress(address: Address): number {
  arena.fill(0, SOCKADDR, SOCKADDR + 28);
  arena.writeUInt16LE(familyOf(address), SOCKADDR);
  if (address.family === 'unix') {
    const bytes = address.path.length;
    if (bytes === 0 || bytes > UNIX_PATH_MAX) return -1;
    writeBytes(arena, address.path, SOCKADDR + 2);
    arena[SOCKADDR + 2 + bytes] = 0;
    return 2 + bytes + 1;
  }
  const host = address.family === 4 ? ipv4Bytes(address.host) : ipv6Bytes(address.host);
  if (host === undefined || !(address.port >= 0 && address.port <= 65535)) return -1;
  arena.writeUInt16BE(address.port, SOCKADDR + 2);
  arena.set(host, SOCKADDR + (address.family === 4 ? 4 : 8));
  return address.family === 4 ? 16 : 28;
}

/** Reads the address of `bytes` bytes that a call has written to `at`. */
export function decodeAddress(at: number, bytes: number): Address {
  const family = bytes >= 2 ? arena.readUInt16LE(at) : AF_UNIX;
  if (family === AF_INET && bytes >= 16) {
    return { family: 4, host: ipv4Text(arena, at + 4), port: arena.readUInt16BE(at + 2) };
  }
  if (family === AF_INET6 && bytes >= 28) {
    return { family: 6, host: ipv6Text(arena, at + 8), port: arena.readUInt16BE(at + 2) };
  }
  if (family !== AF_UNIX) return NO_ADDRESS;
  let end = at + 2;
  while (end < at + bytes && (arena[end] !== 0 || end === at + 2)) end++; // an abstract name begins with a NUL
  const path = byteString(arena, at + 2, Math.max(at + 2, end));
  return { family: 'unix', path: path === '\0' ? '' : path };
}
