// One end of a connection in a test: a handler that records what it is told, keeps what comes, and can be given work to do within
// a call. It notices by itself what no engine may do: a call after the close, a view out of bounds, an end that is told twice.
import { byteString, copyBytes } from '../../src/base/bytes.ts';
import type { Conn, ConnectionHandler, Engine, IoError } from '../../src/io/engine.ts';
import { SEND_FAILED } from '../../src/io/engine.ts';

export interface Hooks {
  connected?: (end: End) => void;
  received?: (end: End, bytes: Uint8Array, start: number, stop: number) => void;
  ended?: (end: End) => void;
  writable?: (end: End) => void;
  failed?: (end: End, error: IoError) => void;
}

export class End implements ConnectionHandler {
  readonly engine: Engine;
  conn: Conn = -1;
  /** 'connected', 'received' (once for all that come in a row), 'ended', 'writable', 'failed'. */
  readonly events: string[] = [];
  /** What no engine may do, in words. The fixture fails the test for it. */
  readonly violations: string[] = [];
  hooks: Hooks;
  error: IoError | undefined;
  /** How many bytes have come. */
  got = 0;
  /** Whether `got` bytes are kept too. */
  keeps = true;
  isOpen = true;
  private readonly chunks: Uint8Array[] = [];
  private pending: Uint8Array[] = [];
  private inCall = false;

  constructor(engine: Engine, hooks: Hooks = {}) {
    this.engine = engine;
    this.hooks = hooks;
  }

  // What a test does.

  /** One `send`, as it is. */
  send(bytes: Uint8Array, start = 0, stop: number = bytes.length): number {
    return this.engine.send(this.conn, bytes, start, stop);
  }

  /** Sends all of it, in order, waiting for room as often as it must. */
  write(bytes: Uint8Array): void {
    this.pending.push(copyBytes(bytes));
    if (this.pending.length === 1) this.push();
  }

  /** Whether all that was written has been taken. */
  get flushed(): boolean {
    return this.pending.length === 0;
  }

  pause(): void {
    this.engine.pause(this.conn);
  }

  resume(): void {
    this.engine.resume(this.conn);
  }

  shutdown(): void {
    this.engine.shutdown(this.conn);
  }

  close(): void {
    this.isOpen = false;
    this.engine.close(this.conn);
  }

  reset(): void {
    this.isOpen = false;
    this.engine.reset(this.conn);
  }

  // What a test looks at.

  has(event: string): boolean {
    return this.events.includes(event);
  }

  bytes(): Uint8Array {
    const all = new Uint8Array(this.chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    let at = 0;
    for (const chunk of this.chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return all;
  }

  text(): string {
    return byteString(this.bytes());
  }

  // What the engine calls.

  connected(conn: Conn): void {
    this.told(conn, 'connected', () => this.hooks.connected?.(this));
  }

  received(conn: Conn, bytes: Uint8Array, start: number, stop: number): void {
    if (!(start >= 0 && start < stop && stop <= bytes.length)) {
      this.violations.push(`received was given ${start} to ${stop} of ${bytes.length} bytes`);
    }
    if (this.has('ended')) this.violations.push('received was called after ended');
    this.told(conn, 'received', () => {
      this.got += stop - start;
      if (this.keeps) this.chunks.push(copyBytes(bytes, start, stop));
      this.hooks.received?.(this, bytes, start, stop);
    });
  }

  ended(conn: Conn): void {
    if (this.has('ended')) this.violations.push('ended was called twice');
    this.told(conn, 'ended', () => this.hooks.ended?.(this));
  }

  writable(conn: Conn): void {
    this.told(conn, 'writable', () => {
      this.push();
      if (this.isOpen) this.hooks.writable?.(this);
    });
  }

  failed(conn: Conn, error: IoError): void {
    this.error = error;
    this.told(conn, 'failed', () => this.hooks.failed?.(this, error));
    this.isOpen = false;
  }

  private told(conn: Conn, event: string, work: () => void): void {
    if (!this.isOpen) this.violations.push(`${event} was called after the close`);
    if (this.inCall) this.violations.push(`${event} was called within another call`);
    if (this.conn >= 0 && conn !== this.conn)
      this.violations.push(`${event} was called for another connection`);
    if (event !== 'received' || this.events.at(-1) !== 'received') this.events.push(event);
    this.inCall = true;
    try {
      work();
    } finally {
      this.inCall = false;
    }
  }

  private push(): void {
    while (this.isOpen && this.pending.length > 0) {
      const bytes = this.pending[0]!;
      const count = this.send(bytes);
      if (count === SEND_FAILED) {
        this.error = this.engine.lastError(this.conn);
        this.pending = [];
        return this.close();
      }
      if (count < bytes.length) {
        this.pending[0] = bytes.subarray(count);
        return;
      }
      this.pending.shift();
    }
  }
}
