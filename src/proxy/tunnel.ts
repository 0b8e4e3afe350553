// Tunnels: what an upgraded connection is after its 101. A row of numbers each; bytes go both ways from the one receive buffer and are
// copied only when the other side cannot take them, and then the fast side is not read until they are gone. Half-closes are kept.
// Where a tunnel is a WebSocket its frames are tracked, header bytes only.
import { type Peer, releasePeer } from '../balance/peer.ts';
import { assert, DEBUG } from '../base/assert.ts';
import { copyBytes } from '../base/bytes.ts';
import type { Ms } from '../base/time.ts';
import {
  type Conn,
  type ConnectionHandler,
  type Engine,
  type IoError,
  SEND_FAILED,
  type TimerOwner,
  type TimerSlot,
} from '../io/engine.ts';
import { FrameScanner } from '../websocket/frame-scanner.ts';
import type { Frozen } from './late.ts';

/** What of its location a tunnel holds; one object for all tunnels with the same. */
export interface TunnelSettings {
  /** proxy_read_timeout: the longest silence of both sides together. */
  readonly readTimeoutMs: Ms;
  /** proxy_send_timeout: the longest time in which the peer takes nothing of what waits for it. */
  readonly sendTimeoutMs: Ms;
  /** send_timeout: the same of the client. */
  readonly clientSendTimeoutMs: Ms;
  readonly resetTimedoutConnection: boolean;
}

/** Facts of the exchange for its log line, from before the 101. */
export interface TunnelStart {
  readonly client: Conn;
  readonly peer: Conn;
  readonly settings: TunnelSettings;
  readonly chosen: Peer | undefined;
  readonly frozen: readonly Frozen[];
  readonly webSocket: boolean;
  readonly reservedBits: number;
  readonly startedAt: Ms;
  readonly connectedAt: Ms;
  readonly attemptStartedAt: Ms;
  readonly headBytes: number;
  readonly requestBytes: number;
  readonly upstreamBytesSent: number;
  readonly upstreamBytesReceived: number;
  /** When the plan that it began under was taken over: what `worker_shutdown_timeout` counts by. */
  readonly generation: number;
  /** The rest of the 101, where the client did not take all of it. */
  readonly pendingForClient: Uint8Array;
}

/** How a tunnel ended, for the log and the counters. */
export interface TunnelEnd {
  readonly reason: 'closed' | 'timed out' | 'broken' | 'shutdown';
  readonly side: 'client' | 'upstream' | 'none';
  readonly error: IoError | undefined;
  /** Of a WebSocket: the code of the close frame seen from each side, 0 for none. */
  readonly clientCloseCode: number;
  readonly upstreamCloseCode: number;
}

export interface TunnelOwner {
  zoneMinutes(wall: Ms): number;
  tunnelEnded(end: TunnelEnd): void;
}

const CLIENT = 0;
const PEER = 1;

// bits of `flags`; those of a side are shifted by its number
const ENDED = 1; // the side has half-closed
const SHUT = 4; // we have half-closed towards the side
const PAUSED = 16; // the side is not read: the other cannot take more
const WEBSOCKET = 64;

const ROWS_FIRST = 64;

export class TunnelTable implements ConnectionHandler, TimerOwner {
  /** Open tunnels. */
  count = 0;
  private readonly engine: Engine;
  private readonly owner: TunnelOwner;
  private readonly free: number[] = [];
  private used = 0;
  private capacity = 0;
  /** By connection: twice its row, plus 1 for the peer's side; -1 for none. */
  private places = new Int32Array(0);
  /** By timer slot: its row. */
  private slotRows = new Int32Array(0);

  // Rows. Two entries a row where both sides have one: 2 * row + side.
  private conns = new Int32Array(0);
  private flags = new Uint8Array(0);
  private generations = new Uint32Array(0);
  private timers = new Int32Array(0);
  private settingsOf = new Uint16Array(0);
  private activeAt = new Float64Array(0);
  /** Since when bytes wait for the side, 0 for none. */
  private waitingSince = new Float64Array(0);
  /** Bytes that came from the side. */
  private bytes = new Float64Array(0);
  private facts = new Float64Array(0);
  private scanner = new FrameScanner(0);
  private readonly peers: (Peer | undefined)[] = [];
  private readonly frozen: (readonly Frozen[] | undefined)[] = [];
  /** What waits for a side, by place; most tunnels have none. */
  private readonly pending = new Map<number, Uint8Array>();
  private readonly settings: TunnelSettings[] = [];

  constructor(engine: Engine, owner: TunnelOwner) {
    this.engine = engine;
    this.owner = owner;
  }

  /** Begins a tunnel over two open connections, which are this table's from now on. */
  open(start: TunnelStart): void {
    const row = this.free.pop() ?? this.used++;
    if (row >= this.capacity) this.grow();
    this.count++;
    this.conns[2 * row] = start.client;
    this.conns[2 * row + 1] = start.peer;
    this.setPlace(start.client, 2 * row);
    this.setPlace(start.peer, 2 * row + 1);
    this.flags[row] = start.webSocket ? WEBSOCKET : 0;
    this.generations[row] = start.generation;
    this.settingsOf[row] = this.intern(start.settings);
    this.activeAt[row] = this.engine.now();
    this.waitingSince.fill(0, 2 * row, 2 * row + 2);
    this.bytes.fill(0, 2 * row, 2 * row + 2);
    this.peers[row] = start.chosen;
    this.frozen[row] = start.frozen;
    this.keepFacts(row, start);
    if (start.webSocket) {
      this.scanner.open(2 * row, 'client', start.reservedBits);
      this.scanner.open(2 * row + 1, 'server', start.reservedBits);
    }
    const slot = this.engine.timers.add(this);
    this.timers[row] = slot;
    this.setSlotRow(slot, row);
    this.engine.timers.arm(slot, this.engine.now() + start.settings.readTimeoutMs);
    this.engine.attach(start.client, this);
    this.engine.attach(start.peer, this);
    const rest = start.pendingForClient;
    if (rest.length > 0) this.wait(2 * row, rest, 0, rest.length);
  }

  /** Whether the connection is one side of a tunnel. */
  has(conn: Conn): boolean {
    return conn < this.places.length && this.places[conn]! >= 0;
  }

  // What the engine says.

  connected(): void {}

  received(conn: Conn, bytes: Uint8Array, start: number, end: number): void {
    const place = this.places[conn]!;
    if (DEBUG) assert(place >= 0, 'bytes of a connection that is in no tunnel');
    const row = place >> 1;
    this.activeAt[row] = this.engine.now();
    this.bytes[place] = this.bytes[place]! + (end - start);
    if ((this.flags[row]! & WEBSOCKET) !== 0) {
      this.scanner.at = start;
      while (this.scanner.skim(place, bytes, end) === 'violation');
    }
    const other = this.conns[place ^ 1]!;
    if (this.pending.size !== 0 && this.pending.has(place ^ 1))
      return this.wait(place ^ 1, bytes, start, end);
    const taken = this.engine.send(other, bytes, start, end);
    if (taken === end - start) return;
    if (taken === SEND_FAILED) return this.broken(place ^ 1, this.engine.lastError(other));
    this.wait(place ^ 1, bytes, start + taken, end);
  }

  ended(conn: Conn): void {
    const place = this.places[conn]!;
    const row = place >> 1;
    const side = place & 1;
    this.activeAt[row] = this.engine.now();
    this.flags[row] = this.flags[row]! | (ENDED << side);
    if (!this.pending.has(place ^ 1)) this.passEnd(place ^ 1);
  }

  writable(conn: Conn): void {
    const place = this.places[conn]!;
    const waiting = this.pending.get(place);
    if (waiting === undefined) return;
    const row = place >> 1;
    this.activeAt[row] = this.engine.now();
    const taken = this.engine.send(conn, waiting, 0, waiting.length);
    if (taken === SEND_FAILED) return this.broken(place, this.engine.lastError(conn));
    if (taken > 0) this.waitingSince[place] = this.engine.now();
    if (taken < waiting.length) {
      this.pending.set(place, waiting.subarray(taken));
      return;
    }
    this.pending.delete(place);
    this.waitingSince[place] = 0;
    const other = (place & 1) ^ 1;
    if ((this.flags[row]! & (ENDED << other)) !== 0) return this.passEnd(place);
    if ((this.flags[row]! & (PAUSED << other)) !== 0) {
      this.flags[row] = this.flags[row]! & ~(PAUSED << other);
      this.engine.resume(this.conns[place ^ 1]!);
    }
  }

  failed(conn: Conn, error: IoError): void {
    const place = this.places[conn]!;
    this.setPlace(conn, -1);
    this.conns[place] = -1;
    this.end(place >> 1, 'broken', place & 1, error);
  }

  expired(slot: TimerSlot, now: Ms): void {
    const row = this.slotRows[slot]!;
    const settings = this.settings[this.settingsOf[row]!]!;
    const readUntil = this.activeAt[row]! + settings.readTimeoutMs;
    const peerUntil = this.sendDeadline(2 * row + PEER, settings.sendTimeoutMs);
    const clientUntil = this.sendDeadline(2 * row + CLIENT, settings.clientSendTimeoutMs);
    const until = Math.min(readUntil, peerUntil, clientUntil);
    if (now < until) return this.engine.timers.arm(slot, until);
    this.end(row, 'timed out', clientUntil <= now ? CLIENT : PEER, undefined);
  }

  // What the supervisor asks for.

  /** Ends all tunnels that began before `generation`, or all. */
  endOlderThan(generation: number): void {
    for (let row = 0; row < this.used; row++) {
      if (this.frozen[row] !== undefined && this.generations[row]! < generation)
        this.end(row, 'shutdown', -1, undefined);
    }
  }

  /** Open tunnels that began before `generation`. */
  countOlderThan(generation: number): number {
    let count = 0;
    for (let row = 0; row < this.used; row++) {
      if (this.frozen[row] !== undefined && this.generations[row]! < generation) count++;
    }
    return count;
  }

  // Inside.

  private sendDeadline(place: number, timeoutMs: Ms): Ms {
    const since = this.waitingSince[place]!;
    return since === 0 ? Number.POSITIVE_INFINITY : since + timeoutMs;
  }

  /** Keeps what the side `place` has not taken, and stops reading the other. */
  private wait(place: number, bytes: Uint8Array, start: number, end: number): void {
    const waiting = this.pending.get(place);
    if (waiting === undefined) {
      this.pending.set(place, copyBytes(bytes, start, end));
      const row = place >> 1;
      const now = this.engine.now();
      this.waitingSince[place] = now;
      const settings = this.settings[this.settingsOf[row]!]!;
      const until = now + ((place & 1) === CLIENT ? settings.clientSendTimeoutMs : settings.sendTimeoutMs);
      const slot = this.timers[row]!;
      if (until < this.engine.timers.deadline(slot)) this.engine.timers.arm(slot, until);
    } else {
      const both = new Uint8Array(waiting.length + end - start);
      both.set(waiting);
      both.set(bytes.subarray(start, end), waiting.length);
      this.pending.set(place, both);
    }
    this.pauseOther(place);
  }

  private pauseOther(place: number): void {
    const row = place >> 1;
    const bit = PAUSED << ((place & 1) ^ 1);
    if ((this.flags[row]! & bit) !== 0) return;
    this.flags[row] = this.flags[row]! | bit;
    this.engine.pause(this.conns[place ^ 1]!);
  }

  /** The other side has half-closed and all of its bytes are with this one: half-close here too; both done is the end. */
  private passEnd(place: number): void {
    const row = place >> 1;
    const side = place & 1;
    if ((this.flags[row]! & (SHUT << side)) === 0) {
      this.flags[row] = this.flags[row]! | (SHUT << side);
      this.engine.shutdown(this.conns[place]!);
    }
    const both = (SHUT << CLIENT) | (SHUT << PEER);
    if ((this.flags[row]! & both) === both) this.end(row, 'closed', side ^ 1, undefined);
  }

  private broken(place: number, error: IoError | undefined): void {
    this.end(place >> 1, 'broken', place & 1, error);
  }

  private end(row: number, reason: TunnelEnd['reason'], side: number, error: IoError | undefined): void {
    const frozen = this.frozen[row];
    const settings = this.settings[this.settingsOf[row]!]!;
    const resets = reason === 'timed out' && side === CLIENT && settings.resetTimedoutConnection;
    const webSocket = (this.flags[row]! & WEBSOCKET) !== 0;
    const end: TunnelEnd = {
      reason,
      side: side === CLIENT ? 'client' : side === PEER ? 'upstream' : 'none',
      error,
      clientCloseCode: webSocket ? this.scanner.closeCode(2 * row) : 0,
      upstreamCloseCode: webSocket ? this.scanner.closeCode(2 * row + 1) : 0,
    };
    const late = this.lateFacts(row);
    const now = this.engine.now();
    for (const place of [2 * row, 2 * row + 1]) {
      const conn = this.conns[place]!;
      this.pending.delete(place);
      if (conn === -1) continue;
      this.setPlace(conn, -1);
      this.conns[place] = -1;
      if (resets && (place & 1) === CLIENT) this.engine.reset(conn);
      else this.engine.close(conn);
    }
    this.engine.timers.remove(this.timers[row]!);
    const peer = this.peers[row];
    if (peer !== undefined) releasePeer(peer, 'ok', now);
    this.peers[row] = undefined;
    this.frozen[row] = undefined;
    this.free.push(row);
    this.count--;
    for (const line of frozen ?? []) line.end(late);
    this.owner.tunnelEnded(end);
  }

  private keepFacts(row: number, start: TunnelStart): void {
    const at = row * FACTS;
    this.facts[at] = start.startedAt;
    this.facts[at + 1] = start.connectedAt;
    this.facts[at + 2] = start.attemptStartedAt;
    this.facts[at + 3] = start.headBytes;
    this.facts[at + 4] = start.requestBytes;
    this.facts[at + 5] = start.upstreamBytesSent;
    this.facts[at + 6] = start.upstreamBytesReceived;
  }

  private lateFacts(row: number) {
    const at = row * FACTS;
    const fromClient = this.bytes[2 * row]!;
    const fromPeer = this.bytes[2 * row + 1]!;
    const headBytes = this.facts[at + 3]!;
    const wall = this.engine.wallNow();
    return {
      now: this.engine.now(),
      wall,
      zoneMinutes: this.owner.zoneMinutes(wall),
      startedAt: this.facts[at]!,
      connectedAt: this.facts[at + 1]!,
      attemptStartedAt: this.facts[at + 2]!,
      headBytes,
      bytesSent: headBytes + fromPeer - (this.pending.get(2 * row)?.length ?? 0),
      requestBytes: this.facts[at + 4]!,
      upstreamBytesSent: this.facts[at + 5]! + fromClient - (this.pending.get(2 * row + 1)?.length ?? 0),
      upstreamBytesReceived: this.facts[at + 6]! + fromPeer,
      upstreamBodyBytes: fromPeer,
    };
  }

  private intern(settings: TunnelSettings): number {
    const known = this.settings.findIndex(
      (each) =>
        each.readTimeoutMs === settings.readTimeoutMs &&
        each.sendTimeoutMs === settings.sendTimeoutMs &&
        each.clientSendTimeoutMs === settings.clientSendTimeoutMs &&
        each.resetTimedoutConnection === settings.resetTimedoutConnection,
    );
    return known !== -1 ? known : this.settings.push(settings) - 1;
  }

  private setPlace(conn: Conn, place: number): void {
    if (conn >= this.places.length)
      this.places = grown(this.places, Math.max(conn + 1, 2 * this.places.length), -1);
    this.places[conn] = place;
  }

  private setSlotRow(slot: TimerSlot, row: number): void {
    if (slot >= this.slotRows.length)
      this.slotRows = grown(this.slotRows, Math.max(slot + 1, 2 * this.slotRows.length), -1);
    this.slotRows[slot] = row;
  }

  private grow(): void {
    const capacity = Math.max(ROWS_FIRST, 2 * this.capacity);
    this.conns = grown(this.conns, 2 * capacity, -1);
    this.flags = grown(this.flags, capacity, 0);
    this.generations = grown(this.generations, capacity, 0);
    this.timers = grown(this.timers, capacity, -1);
    this.settingsOf = grown(this.settingsOf, capacity, 0);
    this.activeAt = grown(this.activeAt, capacity, 0);
    this.waitingSince = grown(this.waitingSince, 2 * capacity, 0);
    this.bytes = grown(this.bytes, 2 * capacity, 0);
    this.facts = grown(this.facts, FACTS * capacity, 0);
    const scanner = new FrameScanner(2 * capacity);
    for (let row = 0; row < 2 * this.capacity; row++) scanner.copyFrom(this.scanner, row, row);
    this.scanner = scanner;
    this.capacity = capacity;
  }
}

/** Numbers a row that only its log line needs. */
const FACTS = 7;

interface NumberArray {
  readonly length: number;
  set(source: never): void;
  fill(value: number): unknown;
}

function grown<A extends NumberArray>(array: A, length: number, empty: number): A {
  const larger = new (array.constructor as new (length: number) => A)(length);
  if (empty !== 0) larger.fill(empty);
  larger.set(array as never);
  return larger;
}
