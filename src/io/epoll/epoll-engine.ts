// The epoll engine: raw Linux sockets driven by an epoll set inside Node's event loop (nest.ts). Node's poll wakes when the set is
// ready and runs its immediates, of which ours is always one; that turn drains the set until it is empty or DRAIN_MS have gone.
// A turn is one batch of events and what follows from it: callbacks, timers, deferred work, and then closed rows are free again.
import { DRAIN_MS, RECEIVE_BYTES } from '../../base/limits.ts';
import type {
  Address,
  Conn,
  ConnectionHandler,
  ConnectOptions,
  Engine,
  IoError,
  Listener,
  ListenerHandler,
  ListenOptions,
  Ms,
  TcpInfo,
  Timers,
} from '../engine.ts';
import { SEND_FAILED } from '../engine.ts';
import { ioError, isIoError } from '../io-error.ts';
import { TimerWheel } from '../timer-wheel.ts';
import {
  arena,
  PEER_SOCKADDR,
  RECEIVE,
  receiveBuffer,
  SCRATCH,
  SOCKADDR,
  SOCKADDR_BYTES,
  scratchBuffer,
} from './arena.ts';
import {
  CONNECTING,
  ConnectionTable,
  DOOMED,
  ENDED,
  LISTENING,
  OPEN,
  PAUSED,
  WANTS_ROOM,
  WATCHED,
} from './connection-table.ts';
import { EpollListener } from './epoll-listener.ts';
import { boundAddress, listenSocket } from './listen-socket.ts';
import type { Nest } from './nest.ts';
import { ALARM_KEY, returnNest, setAlarm, takeNest } from './nest.ts';
import { decodeAddress, encodeAddress, familyOf, NO_ADDRESS } from './sockaddr.ts';
import * as system from './syscalls.ts';

const { EAGAIN, EINPROGRESS, EINTR, EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT } = system;

/** Reads of one event while they come back full: one fast sender must not hold up the others. */
const READS_MAX = 4;

// Taken before a test of somebody's can put fakes in their place: the loop would stop with them.
const monotonic = performance.now.bind(performance);
const wall = Date.now;
const afterPoll = setImmediate;
const cancel = clearImmediate;

/** A descriptor that its owner reads and writes itself (fd-channel.ts). */
export interface Watcher {
  ready(events: number): void;
}

/** An engine, or why there can be none. The self-test has been passed (choose.ts). */
export function epollEngine(): EpollEngine | IoError {
  const nest = takeNest();
  return isIoError(nest) ? nest : new EpollEngine(nest);
}

export class EpollEngine implements Engine {
  readonly kind = 'epoll';
  readonly scratch: Uint8Array = scratchBuffer;
  readonly timers: Timers;
  readonly table: ConnectionTable;

  private readonly nest: Nest;
  private readonly wheel: TimerWheel;
  private readonly listeners = new Map<Conn, EpollListener>();
  private readonly watchers = new Map<Conn, Watcher>();
  private immediate: NodeJS.Immediate | undefined;
  private kicked = false; // a turn is coming though nothing may be ready
  private destroyed = false;
  private inTurn = false;
  private turnNow: Ms = 0;
  private turnWall: Ms = 0; // 0: not asked in this turn
  private alarmAt: Ms = Infinity;
  private newcomer: Conn = -1; // whose address accept() has just written to the arena
  private newcomerBytes = 0;
  private newcomerNoDelay = false;
  private deferred: (() => void)[] = [];
  private endings: (() => void)[] = [];

  constructor(nest: Nest) {
    this.nest = nest;
    this.table = new ConnectionTable(nest.set);
    this.wheel = new TimerWheel(monotonic(), () => {
      if (!this.inTurn) this.setAlarm(monotonic());
    });
    this.timers = this.wheel;
    this.rearm();
  }

  now(): Ms {
    return this.inTurn ? this.turnNow : monotonic();
  }

  wallNow(): Ms {
    if (!this.inTurn) return wall();
    if (this.turnWall === 0) this.turnWall = wall();
    return this.turnWall;
  }

  get openCount(): number {
    return this.table.openCount;
  }

  // ---- the loop

  /** Unref'ed, so that it does not keep Node from sleeping: Node runs it after each poll. */
  private rearm(): void {
    this.immediate = afterPoll(this.wake);
    this.immediate.unref();
  }

  private readonly wake = (): void => {
    this.rearm();
    this.drain();
  };

  private readonly kick = (): void => {
    this.kicked = false;
    this.drain();
  };

  private kickLater(): void {
    if (this.kicked || this.destroyed) return;
    this.kicked = true;
    afterPoll(this.kick);
  }

  private drain(): void {
    if (this.inTurn || this.destroyed) return;
    const { set } = this.nest;
    let now = monotonic();
    const end = now + DRAIN_MS;
    this.inTurn = true;
    try {
      do {
        this.turnNow = now;
        this.turnWall = 0;
        const count = system.epollPoll(set);
        for (let i = 0; i < count; i++) this.dispatch(system.eventKey(i), system.eventBits(i));
        if (now >= this.wheel.nextWake()) this.wheel.advance(now);
        if (this.deferred.length > 0) this.runDeferred();
        this.table.recycle();
        if (count <= 0) break;
        now = monotonic();
      } while (now < end && !this.destroyed);
      if (this.endings.length > 0) this.runEndings();
    } finally {
      this.inTurn = false;
      if (this.deferred.length > 0 || this.endings.length > 0) this.kickLater();
      if (!this.destroyed) this.setAlarm(now);
    }
  }

  /** One alarm for the wheel; one that rings too early costs less than moving it each time. */
  private setAlarm(now: Ms): void {
    const wake = this.wheel.nextWake();
    if (wake >= this.alarmAt && this.alarmAt > now) return;
    this.alarmAt = wake;
    if (wake !== Infinity) setAlarm(this.nest, Math.max(0.001, wake - monotonic()));
  }

  private runDeferred(): void {
    const work = this.deferred;
    this.deferred = [];
    for (const each of work) each();
  }

  private runEndings(): void {
    const work = this.endings;
    this.endings = [];
    for (const each of work) each();
  }

  private dispatch(conn: Conn, events: number): void {
    if (conn === ALARM_KEY) return; // it has done its work by waking
    switch (this.table.states[conn]) {
      case OPEN:
        return this.openReady(conn, events);
      case CONNECTING:
        return this.connectReady(conn, events);
      case LISTENING:
        return this.listeners.get(conn)?.ready();
      case WATCHED:
        return this.watchers.get(conn)?.ready(events);
      default: // closed in this very batch
        return;
    }
  }

  private openReady(conn: Conn, events: number): void {
    const { table } = this;
    const broken = (events & (EPOLLERR | EPOLLHUP)) !== 0;
    if ((table.flags[conn]! & WANTS_ROOM) !== 0 && (broken || (events & EPOLLOUT) !== 0)) {
      table.flags[conn]! &= ~WANTS_ROOM;
      table.handlers[conn]!.writable(conn);
      if (table.states[conn] !== OPEN) return;
    }
    if (broken || (events & EPOLLIN) !== 0) {
      const flags = table.flags[conn]!;
      if ((flags & (PAUSED | ENDED)) === 0) this.read(conn);
      else if (broken) return this.hungUp(conn, flags);
      if (table.states[conn] !== OPEN) return;
    }
    table.update(conn);
  }

  private read(conn: Conn): void {
    const { table } = this;
    for (let reads = 0; reads < READS_MAX; reads++) {
      const got = system.recv(table.fds[conn]!, RECEIVE, RECEIVE_BYTES);
      if (got > 0) {
        table.handlers[conn]!.received(conn, receiveBuffer, 0, got);
        if (got < RECEIVE_BYTES || table.states[conn] !== OPEN || (table.flags[conn]! & PAUSED) !== 0) return;
      } else if (got === 0) {
        table.flags[conn]! |= ENDED;
        return table.handlers[conn]!.ended(conn);
      } else if (got === -EAGAIN) {
        return;
      } else if (got !== -EINTR) {
        return this.fail(conn, ioError('recv', -got));
      }
    }
  }

  /**
   * Broken, but nobody reads: paused or already ended. While it is paused it leaves the set, and `resume` puts it back and reports.
   * After its end the owner is told, unless both sides have merely ended.
   */
  private hungUp(conn: Conn, flags: number): void {
    if ((flags & PAUSED) === 0) {
      const errno = system.getOption(this.table.fds[conn]!, system.SOL_SOCKET, system.SO_ERROR);
      if (errno > 0) return this.fail(conn, ioError('recv', errno));
    }
    this.table.takeOut(conn);
  }

  private connectReady(conn: Conn, events: number): void {
    const { table } = this;
    if ((events & (EPOLLERR | EPOLLHUP)) !== 0) {
      const errno = system.getOption(table.fds[conn]!, system.SOL_SOCKET, system.SO_ERROR);
      if (errno > 0) return this.fail(conn, ioError('connect', errno));
    }
    table.states[conn] = OPEN;
    table.handlers[conn]!.connected(conn);
    if (table.states[conn] === OPEN) table.update(conn);
  }

  /** The descriptor goes first: whatever the owner does within the call, it is done with a dead connection. */
  private fail(conn: Conn, error: IoError): void {
    const { table } = this;
    table.closeFd(conn);
    table.states[conn] = DOOMED;
    table.errors.set(conn, error);
    table.handlers[conn]!.failed(conn, error);
    if (table.states[conn] === DOOMED) table.drop(conn);
  }

  // ---- listeners

  listen(
    address: Address,
    options: ListenOptions,
    handler: ListenerHandler,
    listening: (result: Listener | IoError) => void,
  ): void {
    const fd = listenSocket(address, options);
    if (typeof fd !== 'number') return listening(fd);
    const listener = this.listenOn(fd, address, handler);
    if (isIoError(listener)) system.close(fd);
    listening(listener);
  }

  adoptListener(fd: number, address: Address, handler: ListenerHandler): Listener | IoError {
    const accepting = system.getOption(fd, system.SOL_SOCKET, system.SO_ACCEPTCONN);
    if (accepting < 0) return ioError('getsockopt', -accepting);
    if (accepting === 0) return ioError('listen', system.EINVAL);
    const done = system.setNonBlocking(fd);
    system.setCloseOnExec(fd, true);
    return done < 0 ? ioError('fcntl', -done) : this.listenOn(fd, address, handler);
  }

  private listenOn(fd: number, address: Address, handler: ListenerHandler): Listener | IoError {
    const row = this.table.take(fd, LISTENING);
    const added = this.table.want(row, EPOLLIN);
    if (added < 0) {
      this.table.drop(row);
      return ioError('epoll_ctl', -added);
    }
    const bound = boundAddress(fd);
    const port = bound.family === 'unix' ? 0 : bound.port;
    const listener = new EpollListener(this, row, fd, address, port, handler);
    this.listeners.set(row, listener);
    return listener;
  }

  /** For the listener. */
  closeListener(row: Conn, keepOpen: boolean): void {
    this.listeners.delete(row);
    this.table.takeOut(row); // another process may hold the socket: closing alone would leave it in the set
    if (!keepOpen) this.table.closeFd(row);
    this.table.drop(row);
  }

  /** For the listener: a client that accept() has just brought. */
  welcome(fd: number, listener: EpollListener): void {
    const { table } = this;
    this.newcomerBytes = system.addressBytes();
    const conn = table.take(fd, OPEN);
    this.newcomer = conn;
    this.newcomerNoDelay = listener.noDelay;
    const handler = listener.handler.accepted(conn, listener);
    this.newcomer = -1;
    if (table.states[conn] !== OPEN) return;
    table.handlers[conn] ??= handler; // unless `attach` has already named another
    const added = table.update(conn);
    if (added < 0) this.doom(conn, ioError('epoll_ctl', -added));
  }

  // ---- connections

  connect(address: Address, options: ConnectOptions, handler: ConnectionHandler): Conn {
    const fd = system.socket(familyOf(address));
    const conn = this.table.take(fd < 0 ? -1 : fd, CONNECTING);
    this.table.handlers[conn] = handler;
    if (fd < 0) this.doom(conn, ioError('socket', -fd));
    else {
      const error = prepare(fd, options) ?? begin(fd, address);
      if (error !== undefined) this.doom(conn, error);
      else {
        const added = this.table.want(conn, EPOLLOUT);
        if (added < 0) this.doom(conn, ioError('epoll_ctl', -added));
      }
    }
    return conn;
  }

  adopt(fd: number, handler: ConnectionHandler): Conn | IoError {
    const type = system.getOption(fd, system.SOL_SOCKET, system.SO_TYPE);
    if (type < 0) return ioError('getsockopt', -type);
    const done = system.setNonBlocking(fd);
    if (done < 0) return ioError('fcntl', -done);
    system.setCloseOnExec(fd, true);
    const conn = this.table.take(fd, OPEN);
    const added = this.table.update(conn);
    if (added < 0) {
      this.table.drop(conn);
      return ioError('epoll_ctl', -added);
    }
    this.table.handlers[conn] = handler;
    return conn;
  }

  /** It never came to be; the owner is told after this turn's callbacks. */
  private doom(conn: Conn, error: IoError): void {
    const { table } = this;
    table.closeFd(conn);
    table.states[conn] = DOOMED;
    table.errors.set(conn, error);
    this.defer(() => {
      const kept = table.errors.get(conn);
      if (table.states[conn] === DOOMED && kept !== undefined) this.fail(conn, kept);
    });
  }

  release(conn: Conn): number {
    const fd = this.table.fds[conn]!;
    if (this.table.states[conn] !== OPEN) return -1;
    this.table.takeOut(conn);
    this.table.drop(conn);
    return fd;
  }

  attach(conn: Conn, handler: ConnectionHandler): void {
    this.table.handlers[conn] = handler;
  }

  send(conn: Conn, bytes: Uint8Array, start: number, end: number): number {
    const { table } = this;
    if (table.states[conn] !== OPEN) return this.sendUnready(conn);
    const length = end - start;
    const taken = sendFrom(table.fds[conn]!, bytes, start, end);
    return taken === length ? taken : this.sentLess(conn, bytes, start, end, taken);
  }

  /** Before `connected` nothing is taken, and `writable` follows it. */
  private sendUnready(conn: Conn): number {
    if (this.table.states[conn] !== CONNECTING) return SEND_FAILED;
    this.table.flags[conn]! |= WANTS_ROOM;
    return 0;
  }

  /** The kernel took less than all: there is no room, a signal came, or it is broken. */
  private sentLess(conn: Conn, bytes: Uint8Array, start: number, end: number, result: number): number {
    const { table } = this;
    if (end <= start) return 0;
    if (result === -EINTR) return this.send(conn, bytes, start, end);
    if (result < 0 && result !== -EAGAIN) {
      table.errors.set(conn, ioError('send', -result));
      return SEND_FAILED;
    }
    table.flags[conn]! |= WANTS_ROOM;
    table.update(conn);
    return Math.max(result, 0);
  }

  lastError(conn: Conn): IoError | undefined {
    return this.table.errors.get(conn);
  }

  /** The set is told when an event comes in spite of it: pauses that end before the next bytes cost no system call. */
  pause(conn: Conn): void {
    this.table.flags[conn]! |= PAUSED;
  }

  resume(conn: Conn): void {
    this.table.flags[conn]! &= ~PAUSED;
    // Within `accepted` the row is not in the set yet and `welcome` puts it there.
    if (this.table.states[conn] === OPEN && conn !== this.newcomer) this.table.comeBack(conn);
  }

  shutdown(conn: Conn): void {
    system.shutdownSending(this.table.fds[conn]!);
  }

  close(conn: Conn): void {
    this.table.closeFd(conn);
    this.table.drop(conn);
  }

  reset(conn: Conn): void {
    system.setReset(this.table.fds[conn]!);
    this.close(conn);
  }

  setNoDelay(conn: Conn, on: boolean): void {
    if (conn === this.newcomer && on === this.newcomerNoDelay) return;
    system.setOption(this.table.fds[conn]!, system.SOL_TCP, system.TCP_NODELAY, on ? 1 : 0);
  }

  remoteAddress(conn: Conn): Address {
    if (conn === this.newcomer) return decodeAddress(PEER_SOCKADDR, this.newcomerBytes);
    const got = system.getpeername(this.table.fds[conn]!, SOCKADDR, SOCKADDR_BYTES);
    return got < 0 ? NO_ADDRESS : decodeAddress(SOCKADDR, system.addressBytes());
  }

  localAddress(conn: Conn): Address {
    return boundAddress(this.table.fds[conn]!);
  }

  tcpInfo(conn: Conn): TcpInfo | undefined {
    return system.tcpInfo(this.table.fds[conn]!);
  }

  // ---- beside connections

  /** Watches a descriptor for its owner, who reads and writes it: EPOLLIN and, after `watchRoom`, EPOLLOUT. */
  watch(fd: number, watcher: Watcher): Conn | IoError {
    const row = this.table.take(fd, WATCHED);
    const added = this.table.want(row, EPOLLIN);
    if (added >= 0) {
      this.watchers.set(row, watcher);
      return row;
    }
    this.table.drop(row);
    return ioError('epoll_ctl', -added);
  }

  watchRoom(row: Conn, on: boolean): void {
    this.table.want(row, on ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }

  /** The descriptor stays open; it is its owner's. */
  unwatch(row: Conn): void {
    if (!this.watchers.delete(row)) return;
    this.table.takeOut(row);
    this.table.drop(row);
  }

  defer(work: () => void): void {
    this.deferred.push(work);
    if (!this.inTurn) this.kickLater();
  }

  atTurnEnd(work: () => void): void {
    this.endings.push(work);
    if (!this.inTurn) this.kickLater();
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    cancel(this.immediate);
    for (const listener of [...this.listeners.values()]) listener.close();
    for (const row of [...this.watchers.keys()]) this.unwatch(row);
    for (const conn of this.table.rows()) this.close(conn);
    this.deferred = [];
    this.endings = [];
    returnNest(this.nest);
  }
}

/** The arena's own memory goes by its place there; what lies beside a view of it is somebody else's and must not be reached. */
function sendFrom(fd: number, bytes: Uint8Array, start: number, end: number): number {
  if (!(start >= 0 && end <= bytes.length))
    throw new Error(`bug: ${start} to ${end} of ${bytes.length} bytes`);
  const length = end - start;
  if (bytes === receiveBuffer) return system.send(fd, RECEIVE + start, length);
  if (bytes === scratchBuffer) return system.send(fd, SCRATCH + start, length);
  if (bytes.buffer === arena.buffer)
    return system.send(fd, bytes.byteOffset - arena.byteOffset + start, length);
  return system.sendBytes(fd, bytes, start, end);
}

/** The socket's options before it connects. */
function prepare(fd: number, options: ConnectOptions): IoError | undefined {
  const { localAddress } = options;
  if (options.keepalive === true) system.setOption(fd, system.SOL_SOCKET, system.SO_KEEPALIVE, 1);
  if (options.receiveBufferBytes !== undefined) {
    system.setOption(fd, system.SOL_SOCKET, system.SO_RCVBUF, options.receiveBufferBytes);
  }
  if (options.sendBufferBytes !== undefined) {
    system.setOption(fd, system.SOL_SOCKET, system.SO_SNDBUF, options.sendBufferBytes);
  }
  if (localAddress === undefined) return undefined;
  if (localAddress.family !== 'unix' && localAddress.port === 0) {
    // The port is chosen with the connect: 28,000 ports for each peer and not for all together (as ngx_event_connect_peer()).
    system.setOption(fd, system.SOL_IP, system.IP_BIND_ADDRESS_NO_PORT, 1);
  }
  const bytes = encodeAddress(localAddress);
  const done = bytes < 0 ? -system.EINVAL : system.bind(fd, SOCKADDR, bytes);
  return done < 0 ? ioError('bind', -done) : undefined;
}

/** A Unix socket whose queue is full says EAGAIN, and no event follows: that is a failure, as in ngx_event_connect_peer(). */
function begin(fd: number, address: Address): IoError | undefined {
  const bytes = encodeAddress(address);
  const done = bytes < 0 ? -system.EINVAL : system.connect(fd, SOCKADDR, bytes);
  return done >= 0 || done === -EINPROGRESS || done === -EINTR ? undefined : ioError('connect', -done);
}
