// Bound and listening sockets without an engine: the master makes them, workers accept on them (`adoptListener`).
import { chmodSync } from 'node:fs';
import { unicodeOf } from '../../base/bytes.ts';
import type { Address, IoError, ListenOptions } from '../engine.ts';
import { ioError } from '../io-error.ts';
import { SOCKADDR, SOCKADDR_BYTES } from './arena.ts';
import { setKeepalive } from './descriptors.ts';
import { decodeAddress, encodeAddress, familyOf, NO_ADDRESS } from './sockaddr.ts';
import {
  addressBytes,
  bind,
  close,
  EINVAL,
  ENOSYS,
  getsockname,
  IPV6_V6ONLY,
  listen,
  loadSyscalls,
  SO_RCVBUF,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SO_SNDBUF,
  SOL_IPV6,
  SOL_SOCKET,
  SOL_TCP,
  setOption,
  socket,
  TCP_DEFER_ACCEPT,
} from './syscalls.ts';

const BACKLOG = 511; // NGX_LISTEN_BACKLOG on Linux
const DEFER_SECONDS = 1; // as ngx_configure_listening_sockets(): a second, after which the client is accepted without a request

/** A listening socket's descriptor (non-blocking, close-on-exec). */
export function listenSocket(address: Address, options: ListenOptions): number | IoError {
  const fd = bindSocket(address, options);
  if (typeof fd !== 'number') return fd;
  const error = startListening(fd, options.backlog);
  if (error === undefined) return fd;
  close(fd);
  return error;
}

/** From now on clients wait in the socket's queue; called again it changes how long that may be. */
export function startListening(fd: number, backlog = BACKLOG): IoError | undefined {
  const done = listen(fd, backlog);
  return done < 0 ? ioError('listen', -done) : undefined;
}

/** What a reload has changed in a `listen` line, for a socket that listens. As ngx_configure_listening_sockets(). */
export function reconfigureSocket(fd: number, address: Address, options: ListenOptions): IoError | undefined {
  setBuffers(fd, options);
  if (address.family !== 'unix') {
    setOption(fd, SOL_TCP, TCP_DEFER_ACCEPT, options.deferred === true ? DEFER_SECONDS : 0);
    if (options.keepalive !== undefined) setKeepalive(fd, options.keepalive);
  }
  return startListening(fd, options.backlog);
}

/**
 * Whether another program holds the address: with SO_REUSEPORT alone two programs of one user would silently share it. Asked once
 * for an address that is new, before its sockets are made; never for a Unix path, where a bind leaves a file.
 */
export function probeAddress(address: Address, options: ListenOptions): IoError | undefined {
  if (address.family === 'unix') return undefined;
  const fd = bindSocket(address, { ...options, reusePort: false });
  if (typeof fd !== 'number') return fd;
  close(fd);
  return undefined;
}

/** The address that a socket is bound to, port included. */
export function boundAddress(fd: number): Address {
  return getsockname(fd, SOCKADDR, SOCKADDR_BYTES) < 0 ? NO_ADDRESS : decodeAddress(SOCKADDR, addressBytes());
}

/** A bound socket that does not listen yet: it takes no client from those of the same address that do. */
export function bindSocket(address: Address, options: ListenOptions): number | IoError {
  if (loadSyscalls() !== undefined) return ioError('socket', ENOSYS);
  const fd = socket(familyOf(address));
  if (fd < 0) return ioError('socket', -fd);
  const error = setOptions(fd, address, options) ?? bindTo(fd, address);
  if (error === undefined) return fd;
  close(fd);
  return error;
}

/** What sharing the address hangs on must succeed; the rest is asked for, and ignored where the system refuses, as in nginx. */
function setOptions(fd: number, address: Address, options: ListenOptions): IoError | undefined {
  setBuffers(fd, options);
  if (address.family === 'unix') return undefined;
  if (address.family === 6) setOption(fd, SOL_IPV6, IPV6_V6ONLY, options.ipv6Only === false ? 0 : 1);
  if (options.deferred === true) setOption(fd, SOL_TCP, TCP_DEFER_ACCEPT, DEFER_SECONDS);
  if (options.keepalive !== undefined) setKeepalive(fd, options.keepalive);
  let done = setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (done >= 0 && options.reusePort === true) done = setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  return done < 0 ? ioError('setsockopt', -done) : undefined;
}

function setBuffers(fd: number, options: ListenOptions): void {
  if (options.receiveBufferBytes !== undefined) {
    setOption(fd, SOL_SOCKET, SO_RCVBUF, options.receiveBufferBytes);
  }
  if (options.sendBufferBytes !== undefined) setOption(fd, SOL_SOCKET, SO_SNDBUF, options.sendBufferBytes);
}

function bindTo(fd: number, address: Address): IoError | undefined {
  const bytes = encodeAddress(address);
  const done = bytes < 0 ? -EINVAL : bind(fd, SOCKADDR, bytes);
  if (done < 0) return ioError('bind', -done);
  // As ngx_open_listening_sockets(): whoever reaches the path may connect. It is advice where the file system has no modes.
  if (address.family === 'unix' && address.path[0] !== '\0') {
    try {
      chmodSync(unicodeOf(address.path), 0o666);
    } catch {
      return undefined;
    }
  }
  return undefined;
}
