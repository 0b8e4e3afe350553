// The engine over the simulated network: what came since its last turn is handled in one turn, as an epoll engine does.
// Strict: misuse of the interface throws. The receive buffer is poisoned after each call, so that a view that was kept shows.
import { assert } from '../../base/assert.ts';
import { ACCEPT_PAUSE_MS, RECEIVE_BYTES } from '../../base/limits.ts';
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
} from '../engine.ts';
import { SEND_FAILED } from '../engine.ts';
import { ioErrorOfCode } from '../io-error.ts';
import { TimerWheel } from '../timer-wheel.ts';
import type { FutureWork } from './event-queue.ts';
import type { Endpoint } from './link.ts';
import { ListeningSocket } from './listening-socket.ts';
import type { ConnectingSide, Network } from './network.ts';
import { SimulatedListener } from './simulated-listener.ts';

const BACKLOG = 511;
/** What bytes look like that were not copied in time: no text, no frame, no zero. */
const POISON = 0xdd;

export class SimulatedEngine implements Engine, ConnectingSide {
  readonly kind = 'simulated';
  readonly name: string;
  readonly host4: string;
  readonly host6: string;
  readonly timers: TimerWheel;
  readonly scratch: Uint8Array = new Uint8Array(2 * RECEIVE_BYTES);
  openCount = 0;
  /** Every accept fails. */
  exhausted = false;
  private readonly network: Network;
  private readonly connections: (Endpoint | undefined)[] = [];
  private readonly free: Conn[] = [];
  private readonly leaving: Conn[] = [];
  private readonly listeners = new Set<SimulatedListener>();
  private readonly receiveBuffer: Uint8Array = new Uint8Array(RECEIVE_BYTES);
  private ready: Endpoint[] = [];
  private offers: SimulatedListener[] = [];
  private deferred: (() => void)[] = [];
  private readonly hooks = new Set<() => void>();
  private nextTurn: FutureWork | undefined;
  private alarm: FutureWork | undefined;
  private destroyed = false;

  constructor(network: Network, name: string, host4: string, host6: string) {
    this.network = network;
    this.name = name;
    this.host4 = host4;
    this.host6 = host6;
    this.timers = new TimerWheel(network.now, () => this.setAlarm());
  }

  now(): Ms {
    return this.network.now;
  }

  wallNow(): Ms {
    return this.network.wall;
  }

  listen(
    address: Address,
    options: ListenOptions,
    handler: ListenerHandler,
    listening: (result: Listener | IoError) => void,
  ): void {
    const socket = this.network.listen(
      address,
      options.backlog ?? BACKLOG,
      options.ipv6Only ?? true,
      options.reusePort ?? false,
    );
    const result = socket instanceof ListeningSocket ? this.addListener(socket, address, handler) : socket;
    this.defer(() => listening(result));
  }

  adoptListener(fd: number, address: Address, handler: ListenerHandler): Listener | IoError {
    const socket = this.network.descriptors.get(fd);
    if (socket === undefined) return ioErrorOfCode('listen', 'EBADF');
    if (!(socket instanceof ListeningSocket)) return ioErrorOfCode('listen', 'EINVAL');
    return this.addListener(socket, address, handler);
  }

  connect(address: Address, options: ConnectOptions, handler: ConnectionHandler): Conn {
    const end = this.network.connect(this, address, options.localAddress);
    if (options.sendBufferBytes !== undefined) end.capacity = options.sendBufferBytes;
    return this.add(end, handler);
  }

  adopt(fd: number, handler: ConnectionHandler): Conn | IoError {
    const end = this.network.descriptors.get(fd);
    if (end === undefined) return ioErrorOfCode('accept', 'EBADF');
    if (end instanceof ListeningSocket) return ioErrorOfCode('accept', 'EINVAL');
    this.network.descriptors.delete(fd);
    const conn = this.add(end, handler);
    this.wake(end);
    return conn;
  }

  release(conn: Conn): number {
    const end = this.at(conn);
    if (end.state !== 'open') return -1;
    this.leave(end);
    this.connections[conn] = undefined;
    end.state = 'open';
    end.owner = undefined;
    end.ready = end.paused = end.wantsRoom = end.roomDue = false;
    return this.network.descriptorFor(end);
  }

  attach(conn: Conn, handler: ConnectionHandler): void {
    this.at(conn).handler = handler;
  }

  send(conn: Conn, bytes: Uint8Array, start: number, end: number): number {
    const sender = this.at(conn);
    assert(start >= 0 && start <= end && end <= bytes.length, 'send was given a range outside of its bytes');
    assert(!sender.shut, 'a send after shutdown');
    if (sender.error !== undefined) return SEND_FAILED;
    const { rules } = sender.link;
    let count = sender.state === 'connecting' ? 0 : Math.min(end - start, sender.room);
    if (count > 0 && this.network.happens(rules.partialWrite)) count = this.network.upTo(count + 1) - 1;
    if (count > 0) sender.transmit(bytes.slice(start, start + count));
    if (count < end - start) {
      sender.wantsRoom = true;
      if (sender.state === 'open' && sender.room > 0) sender.roomAfter(this.network.latency(sender.link));
    }
    return count;
  }

  lastError(conn: Conn): IoError | undefined {
    return this.at(conn).error;
  }

  pause(conn: Conn): void {
    this.at(conn).paused = true;
  }

  resume(conn: Conn): void {
    const end = this.at(conn);
    end.paused = false;
    this.wake(end);
  }

  shutdown(conn: Conn): void {
    const end = this.at(conn);
    assert(end.state === 'open', 'a shutdown of a connection that is not connected');
    end.finish();
  }

  close(conn: Conn): void {
    const end = this.at(conn);
    this.leave(end);
    end.close();
  }

  reset(conn: Conn): void {
    const end = this.at(conn);
    this.leave(end);
    end.reset();
  }

  setNoDelay(conn: Conn, _on: boolean): void {
    this.at(conn);
  }

  remoteAddress(conn: Conn): Address {
    return this.at(conn).remote;
  }

  localAddress(conn: Conn): Address {
    return this.at(conn).local;
  }

  tcpInfo(conn: Conn): TcpInfo | undefined {
    const end = this.at(conn);
    return end.local.family === 'unix' ? undefined : [100, 50, 10, 65_536];
  }

  defer(work: () => void): void {
    this.deferred.push(work);
    this.callTurn();
  }

  atTurnEnd(work: () => void): void {
    this.hooks.add(work);
    this.callTurn();
  }

  destroy(): void {
    this.destroyed = true;
    for (const listener of [...this.listeners]) listener.close();
    for (const end of this.connections) {
      if (end === undefined || end.state === 'void') continue;
      this.leave(end);
      end.close();
    }
    if (this.alarm !== undefined) this.network.events.cancel(this.alarm);
    if (this.nextTurn !== undefined) this.network.events.cancel(this.nextTurn);
    this.ready = [];
    this.deferred = [];
    this.hooks.clear();
  }

  /** Something came for `end`. */
  wake(end: Endpoint): void {
    if (end.ready || end.state === 'void') return;
    end.ready = true;
    this.ready.push(end);
    this.callTurn();
  }

  offered(listener: SimulatedListener): void {
    this.offers.push(listener);
    this.callTurn();
  }

  listenerClosed(listener: SimulatedListener): void {
    this.listeners.delete(listener);
  }

  /** Calls `work` after so much of this engine's time; never after `destroy`. */
  afterMs(delay: Ms, work: () => void): void {
    this.network.events.add(this.network.now + delay, 'alarm', () => {
      if (!this.destroyed) work();
    });
  }

  private addListener(
    socket: ListeningSocket,
    address: Address,
    handler: ListenerHandler,
  ): SimulatedListener {
    const listener = new SimulatedListener(this, socket, address, handler);
    this.listeners.add(listener);
    return listener;
  }

  private add(end: Endpoint, handler: ConnectionHandler): Conn {
    const conn = this.free.pop() ?? this.connections.length;
    this.connections[conn] = end;
    end.conn = conn;
    end.owner = this;
    end.handler = handler;
    this.openCount++;
    return conn;
  }

  private at(conn: Conn): Endpoint {
    const end = this.connections[conn];
    assert(
      end !== undefined && end.state !== 'void',
      `connection ${conn} of ${this.name} is void and was used`,
    );
    return end;
  }

  /** `end` is void for its owner; its number is free when the turn has ended. */
  private leave(end: Endpoint): void {
    end.state = 'void';
    this.openCount--;
    this.leaving.push(end.conn);
    this.callTurn();
  }

  private callTurn(): void {
    if (this.nextTurn !== undefined || this.destroyed) return;
    this.nextTurn = this.network.events.add(this.network.now + this.network.turnDelay(), 'motion', () =>
      this.turn(),
    );
  }

  private setAlarm(): void {
    const at = this.timers.nextWake();
    if (this.alarm !== undefined) {
      if (this.alarm.work !== undefined && this.alarm.at === at) return;
      this.network.events.cancel(this.alarm);
    }
    if (at === Infinity || this.destroyed) return;
    this.alarm = this.network.events.add(Math.max(at, this.network.now), 'alarm', () => this.callTurn());
  }

  private turn(): void {
    try {
      this.runTurn();
    } finally {
      this.nextTurn = undefined;
    }
    if (this.destroyed) return;
    this.setAlarm();
    if (this.ready.length + this.offers.length + this.deferred.length + this.hooks.size > 0) this.callTurn();
  }

  private runTurn(): void {
    this.scratch.fill(POISON, 0, 256);
    this.timers.advance(this.network.now);
    const { ready, offers } = this;
    this.ready = [];
    this.offers = [];
    for (const end of ready) {
      if (end.owner !== this) continue; // released meanwhile
      end.ready = false;
      this.serve(end);
    }
    for (const listener of offers) this.acceptAll(listener);
    for (let i = 0; i < this.deferred.length; i++) this.deferred[i]!();
    this.deferred = [];
    const hooks = [...this.hooks];
    this.hooks.clear();
    for (const hook of hooks) hook();
    for (const conn of this.leaving) {
      this.connections[conn] = undefined;
      this.free.push(conn);
    }
    this.leaving.length = 0;
  }

  /** Tells the owner what is new, one thing of each kind. */
  private serve(end: Endpoint): void {
    if (end.state === 'connecting') this.serveConnect(end);
    if (end.state === 'open' && end.roomDue) {
      end.roomDue = end.wantsRoom = false;
      end.handler.writable(end.conn);
    }
    if (end.state === 'open' && !end.paused && end.inbox.length > 0) this.serveBytes(end);
    if (end.state !== 'open') return;
    if (end.error !== undefined && end.paused && end.urgent) return this.fail(end, end.error);
    if (end.paused || end.inbox.length > 0) return;
    if (end.error !== undefined) this.fail(end, end.error);
    else if (end.finArrived && !end.endTold) {
      end.endTold = true;
      end.handler.ended(end.conn);
    }
  }

  private serveConnect(end: Endpoint): void {
    const { answer } = end;
    if (end.error !== undefined) return this.fail(end, end.error);
    if (answer === undefined) return;
    if (answer !== 'connected') return this.fail(end, answer);
    end.state = 'open';
    if (end.wantsRoom) end.roomDue = true;
    end.handler.connected(end.conn);
  }

  private serveBytes(end: Endpoint): void {
    let count = Math.min(end.inbox.length, RECEIVE_BYTES);
    if (this.network.happens(end.link.rules.partialRead)) count = this.network.upTo(count);
    // Bytes do not always begin at 0: who forgets `start` shall notice.
    const start = this.network.upTo(RECEIVE_BYTES - count + 1) - 1;
    const stop = start + end.read(this.receiveBuffer, start, count);
    end.handler.received(end.conn, this.receiveBuffer, start, stop);
    this.receiveBuffer.fill(POISON, start, stop);
    if (end.inbox.length > 0 && end.state === 'open' && end.owner === this) this.wake(end);
  }

  private fail(end: Endpoint, error: IoError): void {
    end.error = error;
    end.handler.failed(end.conn, error);
    if (end.state === 'void') return;
    this.leave(end);
    end.close();
  }

  private acceptAll(listener: SimulatedListener): void {
    while (listener.accepting) {
      if (listener.socket.waiting && (this.exhausted || this.network.runsOutOfDescriptors())) {
        listener.rest(ACCEPT_PAUSE_MS);
        listener.handler.acceptFailed(listener, ioErrorOfCode('accept', 'EMFILE'));
        return;
      }
      const end = listener.socket.dequeue();
      if (end === undefined) return;
      const conn = this.add(end, UNOWNED);
      end.link.server = this.name;
      end.handler = listener.handler.accepted(conn, listener);
      if (end.state === 'open') this.wake(end);
    }
  }
}

/** Until `accepted` has said who owns the connection, nothing is told. */
const UNOWNED: ConnectionHandler = {
  connected: ignore,
  received: ignore,
  ended: ignore,
  writable: ignore,
  failed: ignore,
};

function ignore(): void {}
