// A listening socket of the epoll engine: accepts in bounded batches, rests when descriptors have run out.
import { ACCEPT_PAUSE_MS } from '../../base/limits.ts';
import type {
  Address,
  Conn,
  IoError,
  Listener,
  ListenerHandler,
  Ms,
  TimerOwner,
  TimerSlot,
} from '../engine.ts';
import { ioError } from '../io-error.ts';
import { PEER_SOCKADDR, SOCKADDR_BYTES } from './arena.ts';
import type { ConnectionTable } from './connection-table.ts';
import { accept, EAGAIN, ECONNABORTED, EINTR, EPOLLIN, SOL_TCP, setOption, TCP_NODELAY } from './syscalls.ts';

/** Clients taken for one event; the rest come with the next, so that a flood of connects leaves time for those that are there. */
const ACCEPTS_MAX = 32;
/** So many events in a row brought as many clients as were asked for: the next ones are asked for more. */
const FULL_EVENTS = 8;
const MORE = 4;

/** accept() passes on what went wrong on the way to a client: that client is lost, the listener is not (accept(2), "Error handling"). */
const CLIENTS_FAULT: ReadonlySet<number> = new Set([64, 71, 92, 95, 100, 101, ECONNABORTED, 112, 113]);

/** What a listener needs of its engine. */
export interface Accepting {
  readonly table: ConnectionTable;
  now(): Ms;
  readonly timers: {
    add(owner: TimerOwner): TimerSlot;
    arm(slot: TimerSlot, at: Ms): void;
    remove(slot: TimerSlot): void;
  };
  /** Makes an accepted descriptor a connection and hands it to its owner. */
  welcome(fd: number, listener: EpollListener): void;
  closeListener(row: Conn, keepOpen: boolean): void;
}

export class EpollListener implements Listener, TimerOwner {
  readonly address: Address;
  readonly port: number;
  readonly fd: number;
  readonly handler: ListenerHandler;
  /** Clients' sockets have TCP_NODELAY from the listening one. */
  readonly noDelay: boolean;
  private readonly engine: Accepting;
  private readonly row: Conn;
  private readonly slot: TimerSlot;
  private paused = false;
  private resting = false;
  private closed = false;
  /** Clients asked for at an event: one, as nginx does, since another accept() would mostly say that there is no other. */
  private batch = 1;
  private fullEvents = 0;

  constructor(
    engine: Accepting,
    row: Conn,
    fd: number,
    address: Address,
    port: number,
    handler: ListenerHandler,
  ) {
    this.engine = engine;
    this.row = row;
    this.fd = fd;
    this.address = address;
    this.port = port;
    this.handler = handler;
    this.slot = engine.timers.add(this);
    this.noDelay = address.family !== 'unix' && setOption(fd, SOL_TCP, TCP_NODELAY, 1) >= 0;
  }

  pause(): void {
    this.paused = true;
    if (!this.closed) this.engine.table.takeOut(this.row);
  }

  resume(): void {
    this.paused = false;
    if (!this.closed && !this.resting) this.engine.table.want(this.row, EPOLLIN);
  }

  close(keepOpen = false): void {
    if (this.closed) return;
    this.closed = true;
    this.engine.timers.remove(this.slot);
    this.engine.closeListener(this.row, keepOpen);
  }

  /** The rest after EMFILE is over. */
  expired(): void {
    this.resting = false;
    if (!this.paused) this.engine.table.want(this.row, EPOLLIN);
  }

  /** Clients are waiting. */
  ready(): void {
    for (let left = this.batch; left > 0 && !this.closed && !this.paused; left--) {
      const fd = accept(this.fd, PEER_SOCKADDR, SOCKADDR_BYTES);
      if (fd >= 0) this.engine.welcome(fd, this);
      else if (fd === -EAGAIN) return this.drained();
      else if (fd !== -EINTR && !this.survives(ioError('accept4', -fd))) return;
    }
    if (++this.fullEvents < FULL_EVENTS) return;
    this.fullEvents = 0;
    this.batch = Math.min(ACCEPTS_MAX, this.batch * MORE);
  }

  private drained(): void {
    this.batch = 1;
    this.fullEvents = 0;
  }

  /** Tells the owner; whether to go on accepting now. */
  private survives(error: IoError): boolean {
    const { errno } = error;
    const one = CLIENTS_FAULT.has(errno);
    if (!one) this.rest();
    this.handler.acceptFailed(this, error);
    return one;
  }

  /** Out of descriptors or memory (as ngx_event_accept()), or broken: without a rest the loop would spin. */
  private rest(): void {
    this.resting = true;
    this.engine.table.takeOut(this.row);
    this.engine.timers.arm(this.slot, this.engine.now() + ACCEPT_PAUSE_MS);
  }
}
