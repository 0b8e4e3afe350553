// The engine over `node:net`: macOS, Windows, and wherever FFI is refused. One copy for each send, 'data' events for reads.
// It cannot set socket buffers, see TCP_INFO, give sockets away or keep a listener that another process has.
import { fstatSync } from 'node:fs';
import type { NetConnectOpts } from 'node:net';
import { isIP, Socket } from 'node:net';
import { assert } from '../../base/assert.ts';
import { RECEIVE_BYTES } from '../../base/limits.ts';
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
  Timers,
} from '../engine.ts';
import { ioErrorOfCode, ioErrorOfNode } from '../io-error.ts';
import { Alarm } from './alarm.ts';
import type { ConnectionOwner } from './connection.ts';
import { HIGH_WATER_BYTES, PortableConnection } from './connection.ts';
import type { ListenerOwner } from './listener.ts';
import { PortableListener } from './listener.ts';
import { Turns } from './turns.ts';

/** An engine over Node's own sockets. It shares Node's loop with whatever else the process does. */
export function portableEngine(): Engine {
  return new PortableEngine();
}

class PortableEngine implements Engine, ConnectionOwner, ListenerOwner {
  readonly kind = 'portable';
  readonly scratch: Uint8Array = new Uint8Array(2 * RECEIVE_BYTES);
  readonly turns: Turns = new Turns(() => this.tidyTurn());
  readonly timers: Timers;
  readonly lingering = new Set<Socket>();
  openCount = 0;
  private readonly alarm: Alarm;
  private readonly connections: (PortableConnection | undefined)[] = [];
  private readonly free: Conn[] = [];
  /** Closed in this turn: their numbers are free when it ends. */
  private readonly leaving: Conn[] = [];
  private readonly listeners = new Set<PortableListener>();

  constructor() {
    this.alarm = new Alarm(this.turns);
    this.timers = this.alarm.wheel;
  }

  now(): Ms {
    return this.turns.time();
  }

  wallNow(): Ms {
    return this.turns.wallTime();
  }

  listen(
    address: Address,
    options: ListenOptions,
    handler: ListenerHandler,
    listening: (result: Listener | IoError) => void,
  ): void {
    const listener = new PortableListener(address, options, handler, this);
    this.listeners.add(listener);
    listener.listen(options, listening);
  }

  adoptListener(fd: number, address: Address, handler: ListenerHandler): Listener | IoError {
    const refusal = socketRefusal(fd, 'listen');
    if (refusal !== undefined) return refusal;
    const listener = new PortableListener(address, {}, handler, this);
    if (!listener.adopt(fd)) return ioErrorOfCode('listen', 'EINVAL');
    this.listeners.add(listener);
    return listener;
  }

  listenerClosed(listener: PortableListener): void {
    this.listeners.delete(listener);
  }

  accept(socket: Socket, listener: PortableListener): void {
    const connection = this.add(socket, 'connected', UNOWNED);
    const path = listener.address.family === 'unix' ? listener.address.path : undefined;
    connection.learnAddresses(path, path === undefined ? undefined : '');
    connection.handler = listener.handler.accepted(connection.conn, listener);
    connection.startReading();
  }

  connect(address: Address, options: ConnectOptions, handler: ConnectionHandler): Conn {
    this.turns.enter();
    const socket = new Socket({ allowHalfOpen: true, highWaterMark: HIGH_WATER_BYTES } as object);
    const refusal = connectRefusal(address);
    const connection = this.add(socket, 'connecting', handler);
    connection.remote = address;
    if (refusal === undefined) {
      try {
        socket.connect(connectOptions(address, options));
      } catch (error) {
        socket.destroy(error as Error);
      }
    } else {
      socket.destroy(refusal);
    }
    return connection.conn;
  }

  adopt(fd: number, handler: ConnectionHandler): Conn | IoError {
    const refusal = socketRefusal(fd, 'accept');
    if (refusal !== undefined) return refusal;
    this.turns.enter();
    try {
      const socket = new Socket({ fd, allowHalfOpen: true, highWaterMark: HIGH_WATER_BYTES } as object);
      const connection = this.add(socket, 'connected', handler);
      connection.learnAddresses(undefined, undefined);
      connection.startReading();
      return connection.conn;
    } catch (error) {
      return ioErrorOfNode('accept', error);
    }
  }

  /** Node does not give a socket's descriptor away: the connection stays what it is. */
  release(_conn: Conn): number {
    return -1;
  }

  attach(conn: Conn, handler: ConnectionHandler): void {
    this.at(conn).handler = handler;
  }

  send(conn: Conn, bytes: Uint8Array, start: number, end: number): number {
    return this.at(conn).send(bytes, start, end);
  }

  lastError(conn: Conn): IoError | undefined {
    return this.at(conn).error;
  }

  pause(conn: Conn): void {
    this.at(conn).pause();
  }

  resume(conn: Conn): void {
    this.at(conn).resume();
  }

  shutdown(conn: Conn): void {
    this.at(conn).shutdown();
  }

  close(conn: Conn): void {
    this.at(conn).close();
  }

  reset(conn: Conn): void {
    this.at(conn).reset();
  }

  setNoDelay(conn: Conn, on: boolean): void {
    this.at(conn).setNoDelay(on);
  }

  remoteAddress(conn: Conn): Address {
    return this.at(conn).remote;
  }

  localAddress(conn: Conn): Address {
    return this.at(conn).local;
  }

  tcpInfo(_conn: Conn): undefined {
    return undefined;
  }

  defer(work: () => void): void {
    this.turns.defer(work);
  }

  atTurnEnd(work: () => void): void {
    this.turns.atEnd(work);
  }

  destroy(): void {
    for (const listener of [...this.listeners]) listener.close();
    for (const connection of this.connections) connection?.abandon();
    for (const socket of this.lingering) socket.destroy();
    this.connections.length = 0;
    this.openCount = 0;
    this.alarm.stop();
    this.turns.stop();
  }

  voided(connection: PortableConnection): void {
    this.turns.enter();
    this.openCount--;
    this.leaving.push(connection.conn);
  }

  private add(
    socket: Socket,
    state: 'connecting' | 'connected',
    handler: ConnectionHandler,
  ): PortableConnection {
    const conn = this.free.pop() ?? this.connections.length;
    const connection = new PortableConnection(conn, socket, state, handler, this);
    this.connections[conn] = connection;
    this.openCount++;
    return connection;
  }

  private at(conn: Conn): PortableConnection {
    const connection = this.connections[conn];
    assert(connection !== undefined, 'a connection that is void was used');
    return connection;
  }

  private tidyTurn(): void {
    for (const conn of this.leaving) {
      this.connections[conn] = undefined;
      this.free.push(conn);
    }
    this.leaving.length = 0;
    this.alarm.set();
  }
}

/** Between accept and `accepted`'s return nothing can come: reading has not begun. */
const UNOWNED: ConnectionHandler = {
  connected: ignore,
  received: ignore,
  ended: ignore,
  writable: ignore,
  failed: ignore,
};

function ignore(): void {}

function connectOptions(address: Address, options: ConnectOptions): NetConnectOpts {
  if (address.family === 'unix') return { path: address.path };
  const local = options.localAddress;
  return {
    host: address.host,
    port: address.port,
    family: address.family,
    autoSelectFamily: false,
    keepAlive: options.keepalive === true,
    ...(local === undefined || local.family === 'unix'
      ? {}
      : { localAddress: local.host, ...(local.port === 0 ? {} : { localPort: local.port }) }),
  };
}

/** A name instead of an address would make Node ask the DNS. */
function connectRefusal(address: Address): Error | undefined {
  if (address.family === 'unix' || isIP(address.host) === address.family) return undefined;
  return Object.assign(new Error('not an address'), { code: 'EINVAL' });
}

/** Node's own answer to a wrong descriptor is an exception or a late event. */
function socketRefusal(fd: number, call: string): IoError | undefined {
  try {
    return fstatSync(fd).isSocket() ? undefined : ioErrorOfCode(call, 'ENOTSOCK');
  } catch (error) {
    return ioErrorOfNode(call, error);
  }
}
