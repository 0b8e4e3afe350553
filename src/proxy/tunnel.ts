// Tunnels: what an upgraded connection is after its 101. A row of numbers each; bytes go both ways from the one receive buffer and are
// copied only when the other side cannot take them, and then the fast side is not read until they are gone. Half-closes are kept.
// Where a tunnel is a WebSocket its frames are tracked, header bytes only. Nothing here holds an exchange or the plan.
import { type Peer, releasePeer } from '../balance/peer.ts';
import { assert, DEBUG } from '../base/assert.ts';
import { copyBytes } from '../base/bytes.ts';
import { TUNNEL_PENDING_BYTES_MAX } from '../base/limits.ts';
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
import type { ErrorLog } from './generation.ts';
import type { Frozen, FrozenShape, LateFacts } from './late.ts';
import { TextStore } from './text-store.ts';
import {
  ATTEMPT_STARTED_AT,
  CONNECTED_AT,
  FACTS,
  HEAD_BYTES,
  PLACE_BITS,
  PLACE_MASK,
  REQUEST_BYTES,
  SEGMENT_ROWS,
  STARTED_AT,
  TunnelRows,
  UPSTREAM_BYTES_RECEIVED,
  UPSTREAM_BYTES_SENT,
} from './tunnel-rows.ts';
import { type TunnelSettings, TunnelSettingsTable } from './tunnel-settings.ts';
import { type TunnelView, viewOf } from './tunnel-view.ts';

/** Facts of the exchange, from before the 101. */
export interface TunnelStart {
  readonly client: Conn;
  readonly peer: Conn;
  readonly settings: TunnelSettings;
  readonly chosen: Peer | undefined;
  /** For the log phase at its end. */
  readonly frozen: Frozen | undefined;
  /** What the error log adds to a line about it: who, where, what. */
  readonly context: string;
  readonly webSocket: boolean;
  readonly reservedBits: number;
  readonly startedAt: Ms;
  readonly connectedAt: Ms;
  readonly attemptStartedAt: Ms;
  readonly headBytes: number;
  readonly requestBytes: number;
  readonly upstreamBytesSent: number;
  readonly upstreamBytesReceived: number;
  /** The number of the generation that it began under: what `worker_shutdown_timeout` counts by. */
  readonly generation: number;
  /** The rest of the 101, where the client did not take all of it. */
  readonly pendingForClient: Uint8Array;
}

/** How a tunnel ended, for the log and the counters. */
export interface TunnelEnd {
  readonly reason: 'closed' | 'timed out' | 'broken' | 'shutdown';
  readonly side: 'client' | 'upstream' | 'none';
  readonly error: IoError | undefined;
  readonly errorLog: ErrorLog;
  readonly context: string;
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
const OPEN = 128;

const SHUT_BOTH = (SHUT << CLIENT) | (SHUT << PEER);

export class TunnelTable implements ConnectionHandler, TimerOwner {
  /** Open tunnels. */
  count = 0;
  private readonly engine: Engine;
  private readonly owner: TunnelOwner;
  private readonly segments: TunnelRows[] = [];
  private readonly free: number[] = [];
  private used = 0;
  /** By connection: its place, -1 for none. */
  private places = new Int32Array(0);
  /** By timer slot: its row. */
  private slotRows = new Int32Array(0);
  // By row.
  private readonly peers: (Peer | undefined)[] = [];
  private readonly shapes: (FrozenShape | undefined)[] = [];
  /** What waits for a side, by place; most tunnels have none. */
  private readonly pending = new Map<number, Uint8Array>();
  private readonly texts = new TextStore();
  private readonly settings = new TunnelSettingsTable();

  constructor(engine: Engine, owner: TunnelOwner) {
    this.engine = engine;
    this.owner = owner;
  }

  /** Begins a tunnel over two open connections, which are this table's from now on. */
  open(start: TunnelStart): void {
    const row = this.free.pop() ?? this.used++;
    if (row >= this.segments.length * SEGMENT_ROWS) this.segments.push(new TunnelRows());
    this.count++;
    const rows = this.rowsOf(2 * row);
    const i = row % SEGMENT_ROWS;
    const now = this.engine.now();
    rows.flags[i] = OPEN | (start.webSocket ? WEBSOCKET : 0);
    rows.settings[i] = this.settings.take(start.settings);
    rows.generations[i] = start.generation;
    rows.activeAt[i] = now;
    rows.frozen[i] = this.texts.keep(start.frozen?.text ?? '');
    rows.contexts[i] = this.texts.keep(start.context);
    rows.conns[2 * i] = start.client;
    rows.conns[2 * i + 1] = start.peer;
    rows.bytes[2 * i] = rows.bytes[2 * i + 1] = 0;
    keepFacts(rows, i, start);
    if (start.webSocket) {
      rows.scanner.open(2 * i, 'client', start.reservedBits);
      rows.scanner.open(2 * i + 1, 'server', start.reservedBits);
    }
    this.peers[row] = start.chosen;
    this.shapes[row] = start.frozen?.shape;
    this.setPlace(start.client, 2 * row);
    this.setPlace(start.peer, 2 * row + 1);
    const slot = this.engine.timers.add(this);
    rows.timers[i] = slot;
    this.setSlotRow(slot, row);
    this.engine.timers.arm(slot, now + start.settings.readTimeoutMs);
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
    const rows = this.rowsOf(place);
    const at = place & PLACE_MASK;
    rows.activeAt[at >> 1] = this.engine.now();
    rows.bytes[at] = rows.bytes[at]! + (end - start);
    if ((rows.flags[at >> 1]! & WEBSOCKET) !== 0) {
      const { scanner } = rows;
      scanner.at = start;
      while (scanner.skim(at, bytes, end) === 'violation');
    }
    const other = rows.conns[at ^ 1]!;
    if (this.pending.size !== 0 && this.pending.has(place ^ 1))
      return this.wait(place ^ 1, bytes, start, end);
    const taken = this.engine.send(other, bytes, start, end);
    if (taken === end - start) return;
    if (taken === SEND_FAILED) return this.broken(place ^ 1, this.engine.lastError(other));
    this.wait(place ^ 1, bytes, start + taken, end);
  }

  ended(conn: Conn): void {
    const place = this.places[conn]!;
    const rows = this.rowsOf(place);
    const i = (place & PLACE_MASK) >> 1;
    rows.activeAt[i] = this.engine.now();
    rows.flags[i] = rows.flags[i]! | (ENDED << (place & 1));
    if (!this.pending.has(place ^ 1)) this.passEnd(place ^ 1);
  }

  writable(conn: Conn): void {
    const place = this.places[conn]!;
    const waiting = this.pending.get(place);
    if (waiting === undefined) return;
    const rows = this.rowsOf(place);
    const at = place & PLACE_MASK;
    const i = at >> 1;
    rows.activeAt[i] = this.engine.now();
    const taken = this.engine.send(conn, waiting, 0, waiting.length);
    if (taken === SEND_FAILED) return this.broken(place, this.engine.lastError(conn));
    if (taken < waiting.length) {
      this.pending.set(place, waiting.subarray(taken));
      return;
    }
    this.pending.delete(place);
    const other = (place & 1) ^ 1;
    if ((rows.flags[i]! & (ENDED << other)) !== 0) return this.passEnd(place);
    if ((rows.flags[i]! & (PAUSED << other)) !== 0) {
      rows.flags[i] = rows.flags[i]! & ~(PAUSED << other);
      this.rearm(place >> 1);
      this.engine.resume(rows.conns[at ^ 1]!);
    }
  }

  failed(conn: Conn, error: IoError): void {
    const place = this.places[conn]!;
    this.setPlace(conn, -1);
    this.rowsOf(place).conns[place & PLACE_MASK] = -1;
    this.end(place >> 1, 'broken', place & 1, error);
  }

  expired(slot: TimerSlot, now: Ms): void {
    const row = this.slotRows[slot]!;
    if (now < this.deadline(row)) return this.rearm(row);
    this.end(row, 'timed out', now >= this.sendDeadline(2 * row + CLIENT) ? CLIENT : PEER, undefined);
  }

  // What the supervisor asks for.

  /** Ends all tunnels that began before `generation`, or all. */
  endOlderThan(generation: number): void {
    for (const row of this.rows())
      if (this.generationOf(row) < generation) this.end(row, 'shutdown', -1, undefined);
  }

  /** Open tunnels that began before `generation`. */
  countOlderThan(generation: number): number {
    let count = 0;
    for (const row of this.rows()) if (this.generationOf(row) < generation) count++;
    return count;
  }

  // What is going on, for whoever shows it.

  /** The rows of open tunnels; a row is another tunnel's once its own has ended. */
  *rows(): Iterable<number> {
    for (let row = 0; row < this.used; row++) if (this.isOpen(row)) yield row;
  }

  /** Distinct settings that open tunnels hold. */
  get settingsCount(): number {
    return this.settings.size;
  }

  view(row: number): TunnelView | undefined {
    if (row >= this.used || !this.isOpen(row)) return undefined;
    const rows = this.rowsOf(2 * row);
    const i = row % SEGMENT_ROWS;
    const webSocket = (rows.flags[i]! & WEBSOCKET) !== 0;
    return viewOf(
      rows,
      i,
      webSocket,
      this.peers[row],
      (side) => this.pending.get(2 * row + side)?.length ?? 0,
    );
  }

  // Inside.

  private rowsOf(place: number): TunnelRows {
    return this.segments[place >> PLACE_BITS]!;
  }

  private isOpen(row: number): boolean {
    return (this.rowsOf(2 * row).flags[row % SEGMENT_ROWS]! & OPEN) !== 0;
  }

  private generationOf(row: number): number {
    return this.rowsOf(2 * row).generations[row % SEGMENT_ROWS]!;
  }

  private settingsOf(row: number): TunnelSettings {
    return this.settings.at(this.rowsOf(2 * row).settings[row % SEGMENT_ROWS]!);
  }

  /** As ngx_http_upstream_process_upgraded() sets its timers: every byte of either side counts for all of them. */
  private deadline(row: number): Ms {
    const rows = this.rowsOf(2 * row);
    const i = row % SEGMENT_ROWS;
    const send = Math.min(this.sendDeadline(2 * row + CLIENT), this.sendDeadline(2 * row + PEER));
    if ((rows.flags[i]! & (PAUSED << PEER)) !== 0) return send; // its silence would be our own doing
    return Math.min(send, rows.activeAt[i]! + this.settingsOf(row).readTimeoutMs);
  }

  private sendDeadline(place: number): Ms {
    if (!this.pending.has(place)) return Number.POSITIVE_INFINITY;
    const { clientSendTimeoutMs, sendTimeoutMs } = this.settingsOf(place >> 1);
    const activeAt = this.rowsOf(place).activeAt[(place & PLACE_MASK) >> 1]!;
    return activeAt + ((place & 1) === CLIENT ? clientSendTimeoutMs : sendTimeoutMs);
  }

  private rearm(row: number): void {
    this.engine.timers.arm(this.rowsOf(2 * row).timers[row % SEGMENT_ROWS]!, this.deadline(row));
  }

  /** Keeps what the side `place` has not taken, and stops reading the other. */
  private wait(place: number, bytes: Uint8Array, start: number, end: number): void {
    const waiting = this.pending.get(place);
    if (waiting === undefined) this.pending.set(place, copyBytes(bytes, start, end));
    else {
      const both = new Uint8Array(waiting.length + end - start);
      both.set(waiting);
      both.set(bytes.subarray(start, end), waiting.length);
      this.pending.set(place, both);
    }
    const rows = this.rowsOf(place);
    const at = place & PLACE_MASK;
    if (DEBUG) {
      // What waited of the 101 and what came in the same read; then nothing more, since the engine keeps still when it is told to pause.
      const waits = this.pending.get(place)!.length - rows.facts[(at >> 1) * FACTS + HEAD_BYTES]!;
      assert(waits <= TUNNEL_PENDING_BYTES_MAX, 'a tunnel holds no more than its limit');
    }
    const bit = PAUSED << ((place & 1) ^ 1);
    if ((rows.flags[at >> 1]! & bit) === 0) {
      rows.flags[at >> 1] = rows.flags[at >> 1]! | bit;
      this.engine.pause(rows.conns[at ^ 1]!);
    }
    if (waiting === undefined) this.rearm(place >> 1);
  }

  /** The other side has half-closed and all of its bytes are with this one: half-close here too; both done is the end. */
  private passEnd(place: number): void {
    const rows = this.rowsOf(place);
    const at = place & PLACE_MASK;
    const i = at >> 1;
    const side = place & 1;
    const shut = SHUT << side;
    if ((rows.flags[i]! & shut) !== 0) return;
    rows.flags[i] = rows.flags[i]! | shut;
    if ((rows.flags[i]! & SHUT_BOTH) === SHUT_BOTH)
      return this.end(place >> 1, 'closed', side ^ 1, undefined);
    this.engine.shutdown(rows.conns[at]!);
  }

  private broken(place: number, error: IoError | undefined): void {
    this.end(place >> 1, 'broken', place & 1, error);
  }

  private end(row: number, reason: TunnelEnd['reason'], side: number, error: IoError | undefined): void {
    const rows = this.rowsOf(2 * row);
    const i = row % SEGMENT_ROWS;
    const settings = this.settingsOf(row);
    const webSocket = (rows.flags[i]! & WEBSOCKET) !== 0;
    const end: TunnelEnd = {
      reason,
      side: side === CLIENT ? 'client' : side === PEER ? 'upstream' : 'none',
      error,
      errorLog: settings.errorLog,
      context: this.texts.read(rows.contexts[i]!),
      clientCloseCode: webSocket ? rows.scanner.closeCode(2 * i) : 0,
      upstreamCloseCode: webSocket ? rows.scanner.closeCode(2 * i + 1) : 0,
    };
    const late = this.lateFacts(row);
    const shape = this.shapes[row];
    const frozen = this.texts.read(rows.frozen[i]!);
    const peer = this.peers[row];
    this.letGo(row, reason === 'timed out' && side === CLIENT && settings.resetTimedoutConnection);
    if (peer !== undefined) releasePeer(peer, 'ok', late.now);
    shape?.end(frozen, late);
    this.owner.tunnelEnded(end);
  }

  /** Closes both sides; the row is free. */
  private letGo(row: number, resetsClient: boolean): void {
    const rows = this.rowsOf(2 * row);
    const i = row % SEGMENT_ROWS;
    for (let side = CLIENT; side <= PEER; side++) {
      const conn = rows.conns[2 * i + side]!;
      this.pending.delete(2 * row + side);
      if (conn === -1) continue;
      this.setPlace(conn, -1);
      rows.conns[2 * i + side] = -1;
      if (resetsClient && side === CLIENT) this.engine.reset(conn);
      else this.engine.close(conn);
    }
    this.engine.timers.remove(rows.timers[i]!);
    this.settings.drop(rows.settings[i]!);
    this.texts.drop(rows.frozen[i]!);
    this.texts.drop(rows.contexts[i]!);
    rows.flags[i] = 0;
    this.peers[row] = undefined;
    this.shapes[row] = undefined;
    this.free.push(row);
    this.count--;
  }

  private lateFacts(row: number): LateFacts {
    const { facts, bytes } = this.rowsOf(2 * row);
    const i = row % SEGMENT_ROWS;
    const at = i * FACTS;
    const fromClient = bytes[2 * i]!;
    const fromPeer = bytes[2 * i + 1]!;
    const headBytes = facts[at + HEAD_BYTES]!;
    const wall = this.engine.wallNow();
    const waitsForClient = this.pending.get(2 * row)?.length ?? 0;
    const waitsForPeer = this.pending.get(2 * row + 1)?.length ?? 0;
    return {
      now: this.engine.now(),
      wall,
      zoneMinutes: this.owner.zoneMinutes(wall),
      startedAt: facts[at + STARTED_AT]!,
      connectedAt: facts[at + CONNECTED_AT]!,
      attemptStartedAt: facts[at + ATTEMPT_STARTED_AT]!,
      headBytes,
      bytesSent: headBytes + fromPeer - waitsForClient,
      requestBytes: facts[at + REQUEST_BYTES]!,
      upstreamBytesSent: facts[at + UPSTREAM_BYTES_SENT]! + fromClient - waitsForPeer,
      upstreamBytesReceived: facts[at + UPSTREAM_BYTES_RECEIVED]! + fromPeer,
      upstreamBodyBytes: fromPeer,
    };
  }

  private setPlace(conn: Conn, place: number): void {
    if (conn >= this.places.length) this.places = longer(this.places, conn + 1);
    this.places[conn] = place;
  }

  private setSlotRow(slot: TimerSlot, row: number): void {
    if (slot >= this.slotRows.length) this.slotRows = longer(this.slotRows, slot + 1);
    this.slotRows[slot] = row;
  }
}

function keepFacts({ facts }: TunnelRows, i: number, start: TunnelStart): void {
  const at = i * FACTS;
  facts[at + STARTED_AT] = start.startedAt;
  facts[at + CONNECTED_AT] = start.connectedAt;
  facts[at + ATTEMPT_STARTED_AT] = start.attemptStartedAt;
  facts[at + HEAD_BYTES] = start.headBytes;
  facts[at + REQUEST_BYTES] = start.requestBytes;
  facts[at + UPSTREAM_BYTES_SENT] = start.upstreamBytesSent;
  facts[at + UPSTREAM_BYTES_RECEIVED] = start.upstreamBytesReceived;
}

/** At least `length` entries, the new ones -1. */
function longer(array: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(length, 64, 2 * array.length)).fill(-1);
  larger.set(array);
  return larger;
}
