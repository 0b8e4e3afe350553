// The engine interface: sockets, one clock and timers, as the driver sees them. Three implementations: epoll/, portable/, simulated/.
// It knows nothing of HTTP. The one place in the program where callbacks are used: engine → ConnectionHandler.

export type { Ms } from '../base/time.ts';

import type { Ms } from '../base/time.ts';

/** An open connection. A small integer, an index of side tables; it is used again once the turn in which it closed has ended. */
export type Conn = number;

/** `host` is a number, never a name; `path` a byte string, as in the configuration's bytes. */
export type Address =
  | { readonly family: 4 | 6; readonly host: string; readonly port: number }
  | { readonly family: 'unix'; readonly path: string };

/** A system call's "no", as a value. */
/** `$tcpinfo_rtt`, `$tcpinfo_rttvar` (microseconds), `$tcpinfo_snd_cwnd`, `$tcpinfo_rcv_space`. */
export type TcpInfo = readonly [rtt: number, rttvar: number, sendWindow: number, receiveSpace: number];

export interface IoError {
  /** "connect", "recv", "bind", … as nginx names it in a log line: `connect() failed (111: Connection refused)`. */
  readonly call: string;
  readonly errno: number;
  /** "ECONNREFUSED" */
  readonly code: string;
  /** "Connection refused" */
  readonly text: string;
}

/**
 * What a connection tells its owner. One object may own many connections (all tunnels share one).
 * A handler may close any connection, its own included, within any call; a closed one is never called again.
 */
export interface ConnectionHandler {
  /** The connect succeeded. Not called for accepted connections. */
  connected(conn: Conn): void;
  /**
   * Bytes `start` to `end` of `bytes` have come. They are valid for this call only. `bytes` is always the engine's one receive buffer
   * in the epoll engine: sending it on from there is free of copies.
   */
  received(conn: Conn, bytes: Uint8Array, start: number, end: number): void;
  /** The peer has half-closed: no more bytes come. Sending goes on until `close`. */
  ended(conn: Conn): void;
  /** After a `send` that took less than it was given: there is room again. */
  writable(conn: Conn): void;
  /** The connection broke or never came to be; the engine has closed it and `conn` is void after this call. */
  failed(conn: Conn, error: IoError): void;
}

export interface ListenerHandler {
  /** A client has come. Returns who owns it. Bytes come only after this call. */
  accepted(conn: Conn, listener: Listener): ConnectionHandler;
  /** accept() failed. After EMFILE, ENFILE or ENOBUFS the engine pauses this listener for ACCEPT_PAUSE_MS by itself. */
  acceptFailed(listener: Listener, error: IoError): void;
}

export interface ListenOptions {
  /** Default 511, as nginx on Linux. */
  readonly backlog?: number;
  readonly reusePort?: boolean;
  /** IPV6_V6ONLY, on by default as in nginx. */
  readonly ipv6Only?: boolean;
  readonly receiveBufferBytes?: number;
  readonly sendBufferBytes?: number;
  /** TCP_DEFER_ACCEPT */
  readonly deferred?: boolean;
  readonly keepalive?: KeepaliveOptions | 'off';
}

/** `so_keepalive`: seconds and counts; 0 leaves the system's. */
export interface KeepaliveOptions {
  readonly idleSeconds: number;
  readonly intervalSeconds: number;
  readonly count: number;
}

export interface Listener {
  readonly address: Address;
  /** The port that the system chose where 0 was asked for. */
  readonly port: number;
  /** The descriptor where there is one, for handing over; -1 otherwise. */
  readonly fd: number;
  pause(): void;
  resume(): void;
  /** Stops accepting. `keepOpen` leaves the socket itself open (it was handed to another process). */
  close(keepOpen?: boolean): void;
}

export interface ConnectOptions {
  /** `proxy_bind`. */
  readonly localAddress?: Address;
  readonly keepalive?: boolean;
  readonly receiveBufferBytes?: number;
  readonly sendBufferBytes?: number;
}

/** Woken by the timer wheel. `slot` is what `add` returned. */
export interface TimerOwner {
  expired(slot: TimerSlot, now: Ms): void;
}
export type TimerSlot = number;

/**
 * Deadlines. A slot is had once per owner's row and then armed and disarmed without allocation. Precision: fires at or after the
 * deadline, at most 10 ms late in an idle process. A hundred thousand armed slots cost memory, no CPU.
 */
export interface Timers {
  /** A slot for `owner`, disarmed. */
  add(owner: TimerOwner): TimerSlot;
  /** Gives the slot back; disarms it first. */
  remove(slot: TimerSlot): void;
  /** Sets or moves the deadline. Cheap: moving it later than it was costs one store. */
  arm(slot: TimerSlot, at: Ms): void;
  disarm(slot: TimerSlot): void;
  /** The armed deadline, or Infinity. */
  deadline(slot: TimerSlot): Ms;
}

/** Bytes taken, or SEND_FAILED. */
export const SEND_FAILED = -1;

export interface Engine {
  readonly kind: 'epoll' | 'portable' | 'simulated';
  readonly timers: Timers;

  /** Monotonic milliseconds, fractional; one value per turn. */
  now(): Ms;
  /** Milliseconds since 1970; one value per turn. */
  wallNow(): Ms;

  /** Binds and listens. Port 0 is allowed; in the portable engine the bind may finish later: `listening` is called when it has. */
  listen(
    address: Address,
    options: ListenOptions,
    handler: ListenerHandler,
    listening: (result: Listener | IoError) => void,
  ): void;
  /** Accepts on a listening socket that another process made (descriptor inherited or received). */
  adoptListener(fd: number, address: Address, handler: ListenerHandler): Listener | IoError;

  /** Begins a connect; `connected` or `failed` follows in a later turn, never within this call. */
  connect(address: Address, options: ConnectOptions, handler: ConnectionHandler): Conn;
  /** Takes over a live socket that another process handed over. */
  adopt(fd: number, handler: ConnectionHandler): Conn | IoError;
  /** Gives the live socket away: the descriptor, no longer watched, `conn` void; -1 where the engine has none to give. */
  release(conn: Conn): number;

  /** Hands the connection to another owner, from the next callback on. */
  attach(conn: Conn, handler: ConnectionHandler): void;

  /**
   * Sends `bytes` from `start` to `end`; returns how many were taken (they are the system's now; the caller may reuse the memory).
   * Less than all: keep the rest, wait for `writable`. SEND_FAILED: the connection is broken; `close` it (`lastError` says why).
   */
  send(conn: Conn, bytes: Uint8Array, start: number, end: number): number;
  /** Scratch memory from which `send` copies nothing: 64 KiB and more, valid until the next call of anything that may use it. */
  readonly scratch: Uint8Array;
  lastError(conn: Conn): IoError | undefined;

  /** Stops `received` and `ended` until `resume`. A paused connection whose peer resets it costs no CPU. */
  pause(conn: Conn): void;
  resume(conn: Conn): void;

  /** Half-close: our side sends no more; reading goes on. */
  shutdown(conn: Conn): void;
  /** Closes after what was taken; `conn` is void at once. */
  close(conn: Conn): void;
  /** Closes with a TCP reset (`reset_timedout_connection`). */
  reset(conn: Conn): void;

  /** Of a client's connection unknown before; said within `accepted` it may cost nothing. */
  setNoDelay(conn: Conn, on: boolean): void;
  remoteAddress(conn: Conn): Address;
  localAddress(conn: Conn): Address;
  /** Undefined where the system does not say: on a Unix socket, and never by the portable engine. */
  tcpInfo(conn: Conn): TcpInfo | undefined;

  /** Runs `work` after the callbacks of this turn, before the next poll. Never within this call. */
  defer(work: () => void): void;
  /** Runs `work` when this turn's callbacks are done, each turn that it was asked for (log flushes). One hook. */
  atTurnEnd(work: () => void): void;

  /** How many connections are open, for the leak checks. */
  readonly openCount: number;
  /** Lets go of everything: listeners, connections, timers. For tests and the library. */
  destroy(): void;
}
