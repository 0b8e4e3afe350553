// One connection of the portable engine: a `net.Socket` and the rule that nothing reaches a handler after the connection is void,
// in whatever order Node emits. Bytes beyond SEND_BYTES_MAX wait with the caller, not in Node's queue.
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { SEND_LINGER_MS, SEND_QUEUE_BYTES } from '../../base/limits.ts';
import type { Address, Conn, ConnectionHandler, IoError } from '../engine.ts';
import { SEND_FAILED } from '../engine.ts';
import { ioErrorOfCode, ioErrorOfNode } from '../io-error.ts';
import { brokenError } from './node-error.ts';
import type { Turns } from './turns.ts';

/** What a connection needs of its engine. */
export interface ConnectionOwner {
  readonly turns: Turns;
  /** `conn` is void; its number may be used again after this turn. */
  voided(connection: PortableConnection): void;
  /** Sockets that still flush what was taken before their close. */
  readonly lingering: Set<Socket>;
}

/** Below SEND_QUEUE_BYTES, so that a connection that takes nothing more always has a 'drain' coming. */
export const HIGH_WATER_BYTES = SEND_QUEUE_BYTES / 4;

const UNKNOWN: Address = { family: 'unix', path: '' };

export class PortableConnection {
  readonly conn: Conn;
  handler: ConnectionHandler;
  remote: Address = UNKNOWN;
  local: Address = UNKNOWN;
  error: IoError | undefined;
  private readonly socket: Socket;
  private readonly owner: ConnectionOwner;
  private readonly bornIn: number;
  private connecting: boolean;
  private isVoid = false;
  private paused = false;
  private ended = false;
  /** The end came while reading was paused, or has yet to be told. */
  private endWaits = false;
  private wantsRoom = false;
  private shut = false;

  constructor(
    conn: Conn,
    socket: Socket,
    state: 'connecting' | 'connected',
    handler: ConnectionHandler,
    owner: ConnectionOwner,
  ) {
    this.conn = conn;
    this.socket = socket;
    this.handler = handler;
    this.owner = owner;
    this.bornIn = owner.turns.number;
    this.connecting = state === 'connecting';
    socket.on('connect', () => this.onConnect());
    socket.on('end', () => this.onEnd());
    socket.on('drain', () => this.onDrain());
    socket.on('error', (error) => this.onError(error));
    socket.on('close', () => this.onClose());
  }

  /** Learns the addresses while there is a descriptor to ask; `path` names the ends of a unix socket, which Node does not. */
  learnAddresses(localPath: string | undefined, remotePath: string | undefined): void {
    const { socket } = this;
    this.local =
      localPath === undefined
        ? inetAddress(socket.localFamily, socket.localAddress, socket.localPort)
        : { family: 'unix', path: localPath };
    this.remote =
      remotePath === undefined
        ? inetAddress(socket.remoteFamily, socket.remoteAddress, socket.remotePort)
        : { family: 'unix', path: remotePath };
  }

  /** Lets bytes come, unless the owner has paused or closed meanwhile. */
  startReading(): void {
    this.socket.on('data', (chunk: Buffer) => this.onData(chunk));
    if (this.isVoid || this.paused) this.socket.pause();
    else this.socket.resume();
  }

  send(bytes: Uint8Array, start: number, end: number): number {
    if (this.connecting) {
      this.wantsRoom = true;
      return 0;
    }
    const { socket } = this;
    let at = start;
    while (at < end) {
      if (!socket.writable) return this.brokenSend();
      const room = SEND_QUEUE_BYTES - socket.writableLength;
      if (room <= 0) break;
      const size = Math.min(room, end - at);
      // Node keeps what the system did not take at once, and the caller uses its memory again: a copy.
      const copy = Buffer.allocUnsafe(size);
      copy.set(bytes.subarray(at, at + size));
      socket.write(copy);
      at += size;
    }
    if (at < end) this.wantsRoom = true;
    return at - start;
  }

  pause(): void {
    this.paused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    if (this.endWaits) this.owner.turns.later(() => this.tellEnd());
    else if (!this.connecting) this.socket.resume();
  }

  shutdown(): void {
    this.shut = true;
    this.socket.end();
  }

  setNoDelay(on: boolean): void {
    this.socket.setNoDelay(on);
  }

  close(): void {
    if (this.isVoid) return;
    const flushed = this.connecting || this.socket.writableLength === 0;
    this.becomeVoid();
    if (flushed || this.socket.destroyed) this.socket.destroy();
    else this.linger();
  }

  reset(): void {
    if (this.isVoid) return;
    const { socket } = this;
    // libuv refuses a reset while a half-close is under way, and Node would then leak the descriptor.
    const canReset =
      !this.connecting && this.remote.family !== 'unix' && !(this.shut && !socket.writableFinished);
    this.becomeVoid();
    if (canReset && !socket.destroyed) {
      // Node's own waits until all is written; a stuck client is the very one to be reset.
      socket.destroySoon = (): void => void socket.destroy();
      socket.resetAndDestroy();
    }
    socket.destroy();
  }

  /** The engine is destroyed: no callbacks, no flushing. */
  abandon(): void {
    this.isVoid = true;
    this.socket.destroy();
  }

  private becomeVoid(): void {
    this.isVoid = true;
    this.owner.voided(this);
  }

  private brokenSend(): number {
    const { errored } = this.socket;
    this.error ??= errored === null ? ioErrorOfCode('send', 'EPIPE') : ioErrorOfNode('send', errored);
    return SEND_FAILED;
  }

  /** As the kernel does after close(): goes on sending what was taken, but not for ever. */
  private linger(): void {
    const { socket, owner } = this;
    owner.lingering.add(socket);
    socket.pause();
    socket.setTimeout(SEND_LINGER_MS, () => socket.destroy());
    socket.destroySoon();
  }

  private onConnect(): void {
    if (this.isVoid) return;
    this.enterLaterTurn();
    this.connecting = false;
    this.learnAddresses(
      this.remote.family === 'unix' ? '' : undefined,
      this.remote.family === 'unix' ? this.remote.path : undefined,
    );
    this.startReading();
    this.handler.connected(this.conn);
    if (!this.isVoid && this.wantsRoom) this.onDrain();
  }

  private onData(chunk: Buffer): void {
    if (this.isVoid) return;
    this.owner.turns.enter();
    this.handler.received(this.conn, chunk, 0, chunk.length);
  }

  private onEnd(): void {
    if (this.isVoid) return;
    this.owner.turns.enter();
    this.endWaits = true;
    this.tellEnd();
  }

  private tellEnd(): void {
    if (this.isVoid || this.paused || !this.endWaits) return;
    this.endWaits = false;
    this.ended = true;
    this.handler.ended(this.conn);
  }

  private onDrain(): void {
    if (this.isVoid || !this.wantsRoom) return;
    this.owner.turns.enter();
    this.wantsRoom = false;
    this.handler.writable(this.conn);
  }

  private onError(error: NodeJS.ErrnoException): void {
    if (this.isVoid) return;
    this.enterLaterTurn();
    this.fail(this.connecting ? ioErrorOfNode('connect', error) : brokenError(error));
  }

  /** Node closes by itself when both directions have ended; otherwise a close without an error is a break all the same. */
  private onClose(): void {
    this.owner.lingering.delete(this.socket);
    if (this.isVoid || this.shut || this.ended || this.endWaits) return;
    this.enterLaterTurn();
    this.fail(ioErrorOfCode(this.connecting ? 'connect' : 'recv', 'ECONNRESET'));
  }

  private fail(error: IoError): void {
    this.error = error;
    this.handler.failed(this.conn, error);
    if (!this.isVoid) this.becomeVoid();
    this.socket.destroy();
  }

  /** Node answers some connects before the turn that asked is over. */
  private enterLaterTurn(): void {
    const { turns } = this.owner;
    if (this.bornIn === turns.number) turns.end();
    turns.enter();
  }
}

function inetAddress(
  family: string | undefined,
  host: string | undefined,
  port: number | undefined,
): Address {
  if (host === undefined || port === undefined) return UNKNOWN;
  return { family: family === 'IPv6' ? 6 : 4, host, port };
}
