// A simulated connection: two endpoints, each with what it has sent and the other has not read yet. Segments arrive in order,
// delays and injected breaks are the network's. The ledger of each direction is kept for a test's invariants.
import type { Address, Conn, ConnectionHandler, IoError, Ms } from '../engine.ts';
import { ioErrorOfCode } from '../io-error.ts';
import { ByteQueue } from './byte-queue.ts';
import type { Faults } from './faults.ts';
import type { Network } from './network.ts';

/** What became of one direction's bytes. */
export interface Flow {
  /** Taken by `send`. */
  readonly sent: number;
  /** Handed to `received`. */
  readonly received: number;
}

/** One connection's record; it stays after the close. */
export interface LinkRecord {
  readonly number: number;
  /** The engine that connected. */
  readonly client: string;
  /** The engine that accepted; '' where none has. */
  readonly server: string;
  readonly target: Address;
  /** From the client, and to it. */
  readonly up: Flow;
  readonly down: Flow;
  /** Injected breaks, such as 'reset', 'refused', 'black hole'; empty: whatever broke here was the programs' doing. */
  readonly faults: readonly string[];
  /** Injected stalls of both directions together. */
  readonly stalledMs: Ms;
}

/** An engine, as an endpoint sees it. */
export interface EndpointOwner {
  readonly name: string;
  /** Something came for the endpoint; look at it in the next turn. */
  wake(endpoint: Endpoint): void;
}

export class Endpoint {
  readonly link: Link;
  local: Address;
  remote: Address;
  peer!: Endpoint;
  owner: EndpointOwner | undefined;
  handler!: ConnectionHandler;
  conn: Conn = -1;

  // The owner's view.
  state: 'connecting' | 'open' | 'void' = 'connecting';
  paused = false;
  wantsRoom = false;
  endTold = false;
  ready = false;
  /** There is news of room for a send that was cut short. */
  roomDue = false;
  /** A break that is told although reading is paused. */
  urgent = false;
  /** Set when the connect was answered. */
  answer: 'connected' | IoError | undefined;
  error: IoError | undefined;

  // The wire's view.
  readonly inbox = new ByteQueue();
  finArrived = false;
  shut = false;
  closed = false;
  sent = 0;
  received = 0;
  capacity = 0;
  /** Where an injected reset cuts what this end sends. */
  cutAt = Infinity;
  private unread = 0;
  private lastArrival = 0;
  /** Segments of an earlier age were dropped by a reset. */
  private age = 0;
  private readonly network: Network;

  constructor(network: Network, link: Link, local: Address, remote: Address) {
    this.network = network;
    this.link = link;
    this.local = local;
    this.remote = remote;
  }

  /** How much a send could take. */
  get room(): number {
    return Math.max(this.capacity - this.unread, 0);
  }

  /** Puts a copy of `bytes` on its way. */
  transmit(bytes: Uint8Array): void {
    const whole = this.sent + bytes.length;
    const kept = whole <= this.cutAt ? bytes : bytes.subarray(0, this.cutAt - this.sent);
    this.sent = whole;
    this.unread += bytes.length;
    this.inOrder(() => this.peer.arrive(kept));
    if (whole > this.cutAt) {
      this.cutAt = Infinity;
      this.inOrder(() => this.link.break('reset'));
    }
  }

  /** Half-close. */
  finish(): void {
    if (this.shut) return;
    this.shut = true;
    this.inOrder(() => {
      this.peer.finArrived = true;
      this.peer.notify();
    });
  }

  /** As close(): what was taken still arrives; what was not read makes it a reset. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.inbox.length > 0) this.inOrder(() => this.peer.breakOff('ECONNRESET'));
    else this.finish();
  }

  /** A reset from this end: what it sent and has not arrived is lost. */
  reset(): void {
    if (this.closed) return;
    this.closed = true;
    this.age++;
    this.network.after(this.latency(), () => this.peer.breakOff('ECONNRESET'));
  }

  /** Moves up to `count` bytes that have come to `target`; the peer has room again. */
  read(target: Uint8Array, at: number, count: number): number {
    const size = this.inbox.read(target, at, count);
    this.received += size;
    const { peer } = this;
    peer.unread -= size;
    if (peer.wantsRoom && peer.room > 0) peer.roomAfter(this.latency());
    return size;
  }

  /** `writable` is due after so long. */
  roomAfter(delay: number): void {
    this.network.after(delay, () => {
      if (!this.wantsRoom || this.room === 0) return;
      this.roomDue = true;
      this.notify();
    });
  }

  /** The connection is gone for this end, through the other or through the network. */
  breakOff(code: string): void {
    this.age++;
    if (this.closed || this.error !== undefined) return;
    this.error = ioErrorOfCode(this.state === 'connecting' ? 'connect' : 'recv', code);
    if (this.network.happens(this.link.rules.resetDropsUnread)) this.inbox.clear();
    if (this.network.happens(this.link.rules.resetPassesPause)) this.urgent = true;
    // Whoever waits for room is woken; his next send says what happened.
    if (this.wantsRoom) this.roomDue = true;
    this.notify();
  }

  notify(): void {
    this.owner?.wake(this);
  }

  private arrive(bytes: Uint8Array): void {
    if (this.closed) {
      // Nobody reads here any more: the sender is told so, and may lose by it what was on its way to him (hence lingering_close).
      if (this.network.happens(this.link.rules.resetDropsUnread)) this.age++;
      this.inOrder(() => this.peer.breakOff('ECONNRESET'));
      return;
    }
    this.inbox.push(bytes);
    this.notify();
  }

  private latency(): number {
    return this.network.latency(this.link);
  }

  private inOrder(arrival: () => void): void {
    const { age } = this;
    this.lastArrival = Math.max(this.lastArrival, this.network.now + this.latency());
    this.network.at(this.lastArrival, () => {
      if (age === this.age) arrival();
    });
  }
}

export class Link implements LinkRecord {
  readonly number: number;
  readonly target: Address;
  readonly faults: string[] = [];
  stalledMs: Ms = 0;
  readonly rules: Faults;
  readonly clientEnd: Endpoint;
  readonly serverEnd: Endpoint;
  readonly client: string;
  server = '';

  constructor(
    network: Network,
    rules: Faults,
    number: number,
    client: string,
    source: Address,
    target: Address,
  ) {
    this.rules = rules;
    this.number = number;
    this.client = client;
    this.target = target;
    this.clientEnd = new Endpoint(network, this, source, target);
    this.serverEnd = new Endpoint(network, this, target, source);
    this.clientEnd.peer = this.serverEnd;
    this.serverEnd.peer = this.clientEnd;
  }

  get up(): Flow {
    return { sent: this.clientEnd.sent, received: this.serverEnd.received };
  }

  get down(): Flow {
    return { sent: this.serverEnd.sent, received: this.clientEnd.received };
  }

  /** An injected break: both ends find the connection reset. */
  break(fault: string): void {
    if (this.clientEnd.closed && this.serverEnd.closed) return;
    this.faults.push(fault);
    this.clientEnd.breakOff('ECONNRESET');
    this.serverEnd.breakOff('ECONNRESET');
  }
}
