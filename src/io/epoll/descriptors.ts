// Descriptors as the supervisor and the engine handle them beside reading and writing: limits, flags, copies, pairs, keepalive.
// Where native calls cannot be had every one answers ENOSYS, so that the supervisor runs on the portable engine too.
import type { IoError, KeepaliveOptions } from '../engine.ts';
import { ioError } from '../io-error.ts';
import {
  close,
  closesOnExec,
  dup,
  dup3,
  ENOSYS,
  getDescriptorLimit,
  loadSyscalls,
  SO_KEEPALIVE,
  SOL_SOCKET,
  SOL_TCP,
  setCloseOnExec,
  setDescriptorLimit,
  setOption,
  socketpair,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
} from './syscalls.ts';

export interface DescriptorLimit {
  readonly soft: number;
  readonly hard: number;
}

export function descriptorLimit(): DescriptorLimit | IoError {
  if (unavailable()) return ioError('getrlimit', ENOSYS);
  const limit = getDescriptorLimit();
  return typeof limit === 'number' ? ioError('getrlimit', -limit) : { soft: limit[0], hard: limit[1] };
}

/** `worker_rlimit_nofile`: both limits, as ngx_worker_process_init() sets them. Above the hard limit only root may go. */
export function setDescriptors(count: number): IoError | undefined {
  if (unavailable()) return ioError('setrlimit', ENOSYS);
  return errorOf('setrlimit', setDescriptorLimit(count, count));
}

/** The soft limit up to the hard one, which needs no right: returns what is allowed then. */
export function raiseDescriptors(): DescriptorLimit | IoError {
  const limit = descriptorLimit();
  if (!('soft' in limit) || limit.soft >= limit.hard) return limit;
  const error = errorOf('setrlimit', setDescriptorLimit(limit.hard, limit.hard));
  return error ?? descriptorLimit();
}

/** Two connected Unix stream sockets, non-blocking and close-on-exec, for an FdChannel's two ends. */
export function socketPair(): readonly [number, number] | IoError {
  if (unavailable()) return ioError('socketpair', ENOSYS);
  const pair = socketpair();
  return typeof pair === 'number' ? ioError('socketpair', -pair) : pair;
}

/** A second descriptor of the same open file, inherited by children until `closeOnExec` says otherwise. */
export function duplicate(fd: number): number | IoError {
  if (unavailable()) return ioError('dup', ENOSYS);
  const made = dup(fd);
  return made < 0 ? ioError('dup', -made) : made;
}

/** Makes `target` name what `fd` names (reopened logs: dup2). */
export function replaceDescriptor(fd: number, target: number, closeOnExec: boolean): IoError | undefined {
  if (unavailable()) return ioError('dup3', ENOSYS);
  return errorOf('dup3', dup3(fd, target, closeOnExec));
}

export function closeOnExec(fd: number, on: boolean): IoError | undefined {
  if (unavailable()) return ioError('fcntl', ENOSYS);
  return errorOf('fcntl', setCloseOnExec(fd, on));
}

/** Whether a child would not inherit it; an error for what is no open descriptor. */
export function isCloseOnExec(fd: number): boolean | IoError {
  if (unavailable()) return ioError('fcntl', ENOSYS);
  const flag = closesOnExec(fd);
  return flag < 0 ? ioError('fcntl', -flag) : flag === 1;
}

/** Not for Node's own descriptors, nor for a connection's: the engine closes those. */
export function closeDescriptor(fd: number): IoError | undefined {
  if (unavailable()) return ioError('close', ENOSYS);
  return errorOf('close', close(fd));
}

/** `so_keepalive`. Returns 0 or an errno below zero. */
export function setKeepalive(fd: number, keepalive: KeepaliveOptions | 'off'): number {
  if (keepalive === 'off') return setOption(fd, SOL_SOCKET, SO_KEEPALIVE, 0);
  let done = setOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  const set = (name: number, value: number): void => {
    if (done >= 0 && value > 0) done = setOption(fd, SOL_TCP, name, value);
  };
  set(TCP_KEEPIDLE, keepalive.idleSeconds);
  set(TCP_KEEPINTVL, keepalive.intervalSeconds);
  set(TCP_KEEPCNT, keepalive.count);
  return done;
}

function unavailable(): boolean {
  return loadSyscalls() !== undefined;
}

function errorOf(call: string, done: number): IoError | undefined {
  return done < 0 ? ioError(call, -done) : undefined;
}
