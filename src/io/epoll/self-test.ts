// Proof at start that native calls do here what they should: an event through the set, bytes through a socket pair, a place in Node's
// loop. Where it fails the portable engine runs instead, and the text says why.
import { isMainThread } from 'node:worker_threads';
import { isIoError } from '../io-error.ts';
import { arena, RECEIVE, SCRATCH } from './arena.ts';
import { returnNest, takeNest } from './nest.ts';
import {
  close,
  EPOLL_ADD,
  EPOLLIN,
  epollControl,
  epollCreate,
  epollPoll,
  eventBits,
  eventKey,
  loadSyscalls,
  recv,
  send,
  socketpair,
} from './syscalls.ts';

let verdict: string | undefined;
let tested = false;

/** Why the epoll engine cannot run here, or undefined. Asked once, answered from memory then. */
export function selfTest(): string | undefined {
  if (!tested) verdict = unsuited() ?? loadSyscalls() ?? failing();
  tested = true;
  return verdict;
}

/** Where the event loop is not libuv's default one, or not libuv's. */
function unsuited(): string | undefined {
  if (process.versions.bun !== undefined) return 'it needs Node.js and this is Bun';
  if (process.versions.electron !== undefined) return 'it needs Node.js and this is Electron';
  if (!isMainThread) return 'it runs on the main thread only and this is a worker thread';
  return undefined;
}

function failing(): string | undefined {
  const pair = socketpair();
  if (typeof pair === 'number') return `socketpair() failed (errno ${-pair})`;
  const set = epollCreate();
  const failure = set < 0 ? `epoll_create1() failed (errno ${-set})` : carries(set, pair[0], pair[1]);
  for (const fd of [...pair, set]) if (fd >= 0) close(fd);
  return failure ?? nests();
}

const KEY = 0x1234567;

function carries(set: number, source: number, target: number): string | undefined {
  const added = epollControl(set, EPOLL_ADD, target, EPOLLIN, KEY);
  if (added < 0) return `epoll_ctl() failed (errno ${-added})`;
  if (epollPoll(set) !== 0) return 'epoll_wait() reports an event that nobody caused';
  for (let i = 0; i < 16; i++) arena[SCRATCH + i] = 7 * i + 1;
  const sent = send(source, SCRATCH, 16);
  if (sent !== 16) return `send() answers ${sent} instead of 16`;
  const ready = epollPoll(set);
  if (ready !== 1 || eventKey(0) !== KEY || (eventBits(0) & EPOLLIN) === 0)
    return 'epoll_wait() misses an event';
  arena.fill(0, RECEIVE, RECEIVE + 16);
  const got = recv(target, RECEIVE, 64);
  if (got !== 16) return `recv() answers ${got} instead of 16`;
  if (arena.compare(arena, SCRATCH, SCRATCH + 16, RECEIVE, RECEIVE + 16) !== 0)
    return 'recv() changes the bytes';
  return undefined;
}

function nests(): string | undefined {
  const nest = takeNest();
  if (isIoError(nest)) return `${nest.call}() failed (errno ${nest.errno})`;
  returnNest(nest);
  return undefined;
}
