// One end of a simulated connection, for clients and peers: sends what it was given as fast as it is taken, and then half-closes, closes
// or resets where that was asked for.
import { bytesOf } from '../../src/base/bytes.ts';
import type { Conn, ConnectionHandler, Engine, IoError } from '../../src/io/engine.ts';
import { SEND_FAILED } from '../../src/io/engine.ts';
import type { LinkRecord } from '../../src/io/simulated/link.ts';

export interface WireOwner {
  received(bytes: Uint8Array, start: number, end: number): void;
  /** The other side sends no more. */
  ended(): void;
  /** The connection broke, or never came to be. */
  failed(error: IoError): void;
}

export type Last = 'shutdown' | 'close' | 'reset';

export class Wire implements ConnectionHandler {
  readonly engine: Engine;
  readonly link: LinkRecord;
  conn: Conn = -1;
  isOpen = true;
  /** Bytes given to `write`, and taken of them by the network. */
  queued = 0;
  taken = 0;
  /** When bytes last went or came; the connection's begin otherwise. */
  activeAt: number;
  private isConnected: boolean;
  private readonly owner: WireOwner;
  private readonly pending: Uint8Array[] = [];
  private last: Last | undefined;
  private paused = false;

  constructor(engine: Engine, link: LinkRecord, owner: WireOwner, isConnected: boolean) {
    this.engine = engine;
    this.link = link;
    this.owner = owner;
    this.isConnected = isConnected;
    this.activeAt = engine.now();
  }

  write(text: string): void {
    if (!this.isOpen || text === '') return;
    this.queued += text.length;
    this.pending.push(bytesOf(text));
    if (this.pending.length === 1) this.push();
  }

  /** After what was written. */
  finish(last: Last): void {
    this.last = last;
    this.push();
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.engine.close(this.conn);
  }

  reset(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.engine.reset(this.conn);
  }

  pause(): void {
    if (!this.isOpen || this.paused) return;
    this.paused = true;
    this.engine.pause(this.conn);
  }

  resume(): void {
    if (!this.isOpen || !this.paused) return;
    this.paused = false;
    this.engine.resume(this.conn);
  }

  // What the engine calls.

  connected(): void {
    this.isConnected = true;
    this.push();
  }

  received(_conn: Conn, bytes: Uint8Array, start: number, end: number): void {
    this.activeAt = this.engine.now();
    this.owner.received(bytes, start, end);
  }

  ended(): void {
    this.owner.ended();
  }

  writable(): void {
    this.push();
  }

  failed(_conn: Conn, error: IoError): void {
    this.isOpen = false;
    this.owner.failed(error);
  }

  private push(): void {
    while (this.isOpen && this.pending.length > 0) {
      const bytes = this.pending[0]!;
      const count = this.engine.send(this.conn, bytes, 0, bytes.length);
      if (count === SEND_FAILED) {
        const error = this.engine.lastError(this.conn);
        this.close();
        if (error !== undefined) this.owner.failed(error);
        return;
      }
      if (count > 0) this.activeAt = this.engine.now();
      this.taken += count;
      if (count < bytes.length) {
        this.pending[0] = bytes.subarray(count);
        return;
      }
      this.pending.shift();
    }
    if (!this.isOpen || !this.isConnected || this.last === undefined) return;
    const { last } = this;
    this.last = undefined;
    if (last === 'close') this.close();
    else if (last === 'reset') this.reset();
    else this.engine.shutdown(this.conn);
  }
}
