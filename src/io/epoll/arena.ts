// The one piece of native memory that system calls read and write: receive buffer, scratch, event array, addresses, message headers.
// It lives as long as the process and is referenced from this module's export: memory that a local variable alone holds is collected
// while the kernel or libuv still uses it. Places in it are offsets; syscalls.ts alone turns them into addresses.
import { Buffer } from 'node:buffer';
import { RECEIVE_BYTES } from '../../base/limits.ts';

export const SCRATCH_BYTES = 131_072;
export const STAGE_BYTES = 65_536;
/** Events of one epoll_wait(): few enough that the clock is read often, many enough that the call costs nothing. */
export const EVENTS_MAX = 64;
export const SOCKADDR_BYTES = 128;
/** A message header of 253 descriptors, the most that the kernel takes in one call (SCM_MAX_FD). */
export const CONTROL_BYTES = 16 + 1016;

export const RECEIVE = 0;
export const SCRATCH = RECEIVE + RECEIVE_BYTES;
export const STAGE = SCRATCH + SCRATCH_BYTES;
export const EVENTS = STAGE + STAGE_BYTES;
export const SOCKADDR = EVENTS + EVENTS_MAX * 16;
export const PEER_SOCKADDR = SOCKADDR + SOCKADDR_BYTES;
export const MESSAGE_HEADER = PEER_SOCKADDR + SOCKADDR_BYTES;
export const CONTROL = MESSAGE_HEADER + 128;
export const WORDS = CONTROL + CONTROL_BYTES + 8; // option values, lengths, pairs of descriptors
export const ARENA_BYTES = WORDS + 512;

export const arena: Buffer = Buffer.allocUnsafeSlow(ARENA_BYTES);
/** The same memory as 32-bit words. */
export const arenaWords: Int32Array = new Int32Array(arena.buffer, arena.byteOffset, ARENA_BYTES >> 2);

/** What `received` hands up, always this object; `send` from it copies nothing. */
export const receiveBuffer: Buffer = arena.subarray(RECEIVE, RECEIVE + RECEIVE_BYTES);
export const scratchBuffer: Buffer = arena.subarray(SCRATCH, SCRATCH + SCRATCH_BYTES);
