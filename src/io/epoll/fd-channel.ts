// Messages with descriptors between two processes, over one end of a Unix socket pair that an engine's loop watches (SCM_RIGHTS).
// A frame: 4 bytes length and 4 bytes number of descriptors, little-endian, then the message. Descriptors travel with its first byte
// and come in the frames' order. Sending never waits: what the socket does not take is kept, up to a limit.
import { CHANNEL_MESSAGE_BYTES_MAX, CHANNEL_PENDING_BYTES_MAX } from '../../base/limits.ts';
import type { Conn, IoError } from '../engine.ts';
import { ioError, isIoError } from '../io-error.ts';
import { arena, CONTROL, CONTROL_BYTES, RECEIVE, STAGE, STAGE_BYTES } from './arena.ts';
import type { EpollEngine, Watcher } from './epoll-engine.ts';
import {
  close,
  EAGAIN,
  EINTR,
  EINVAL,
  EMSGSIZE,
  ENOBUFS,
  EPOLLERR,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  receiveMessage,
  sendMessage,
  setCloseOnExec,
  setNonBlocking,
} from './syscalls.ts';

/** The most descriptors that one message carries: the kernel's SCM_MAX_FD. */
export const CHANNEL_FDS_MAX = 253;

const HEADER_BYTES = 8;
const RECEIVE_ROOM = 65_536;
const READS_MAX = 16;

export interface FdChannelHandler {
  /** The descriptors (close-on-exec) are the handler's to keep or close. The bytes are its own copy. */
  message(bytes: Uint8Array, fds: number[]): void;
  /** The other side has closed it, or `error` did. Not called for our own `close`. */
  closed(error: IoError | undefined): void;
}

interface Outgoing {
  readonly bytes: Uint8Array; // the whole frame
  sent: number;
  readonly fds: readonly number[];
  readonly thenClose: boolean;
}

export class FdChannel implements Watcher {
  private readonly engine: EpollEngine;
  private readonly fd: number;
  private readonly handler: FdChannelHandler;
  private row: Conn = -1;
  private readonly outgoing: Outgoing[] = [];
  private pending = 0;
  private frame: Uint8Array = new Uint8Array(HEADER_BYTES); // what is being received: a header, then a message
  private filled = 0;
  private inMessage = false;
  private fdsWanted = 0;
  private arrived: number[] = []; // descriptors of frames that are not complete yet

  private constructor(engine: EpollEngine, fd: number, handler: FdChannelHandler) {
    this.engine = engine;
    this.fd = fd;
    this.handler = handler;
  }

  /** Takes over `fd`, one end of a stream socket pair (`socketPair`, or inherited). */
  static open(engine: EpollEngine, fd: number, handler: FdChannelHandler): FdChannel | IoError {
    const done = setNonBlocking(fd);
    if (done < 0) return ioError('fcntl', -done);
    setCloseOnExec(fd, true);
    const channel = new FdChannel(engine, fd, handler);
    const row = engine.watch(fd, channel);
    if (isIoError(row)) return row;
    channel.row = row;
    return channel;
  }

  /** Bytes that the other side has not taken yet. */
  get pendingBytes(): number {
    return this.pending;
  }

  /**
   * Queues a message; `fds` stay open here unless `thenClose` says that they are given away. Undefined, or why it is refused; after
   * ENOBUFS (the other side does not read) the channel is closed and `closed` called.
   */
  send(message: Uint8Array, fds: readonly number[] = [], thenClose = false): IoError | undefined {
    if (this.row < 0) return ioError('sendmsg', EINVAL);
    if (message.length > CHANNEL_MESSAGE_BYTES_MAX || fds.length > CHANNEL_FDS_MAX) {
      return ioError('sendmsg', EMSGSIZE);
    }
    const bytes = new Uint8Array(HEADER_BYTES + message.length);
    const header = new DataView(bytes.buffer);
    header.setUint32(0, message.length, true);
    header.setUint32(4, fds.length, true);
    bytes.set(message, HEADER_BYTES);
    this.outgoing.push({ bytes, sent: 0, fds, thenClose });
    this.pending += bytes.length;
    if (this.pending > CHANNEL_PENDING_BYTES_MAX) {
      const error = ioError('sendmsg', ENOBUFS);
      this.fail(error);
      return error;
    }
    if (this.outgoing.length === 1) this.flush();
    return undefined;
  }

  close(): void {
    if (this.row < 0) return;
    this.engine.unwatch(this.row);
    this.row = -1;
    for (const fd of this.arrived) close(fd);
    for (const each of this.outgoing) if (each.thenClose) for (const fd of each.fds) close(fd);
    this.arrived = [];
    this.outgoing.length = 0;
    this.pending = 0;
    close(this.fd);
  }

  /** For the engine's loop. */
  ready(events: number): void {
    if ((events & EPOLLOUT) !== 0) this.flush();
    if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) !== 0) this.receive();
  }

  private fail(error: IoError | undefined): void {
    if (this.row < 0) return;
    this.close();
    this.handler.closed(error);
  }

  private flush(): void {
    for (let each = this.outgoing[0]; each !== undefined; each = this.outgoing[0]) {
      const piece = each.bytes.subarray(each.sent, each.sent + STAGE_BYTES);
      arena.set(piece, STAGE);
      const taken = sendMessage(this.fd, STAGE, piece.length, CONTROL, each.sent === 0 ? each.fds : []);
      if (taken === -EINTR) continue;
      if (taken === -EAGAIN) return this.engine.watchRoom(this.row, true);
      if (taken < 0) {
        // Not within the caller's `send`: its handler hears of it as of everything else, from the loop.
        return this.engine.defer(() => this.fail(ioError('sendmsg', -taken)));
      }
      each.sent += taken;
      this.pending -= taken;
      if (each.sent < each.bytes.length) continue;
      this.outgoing.shift();
      if (each.thenClose) for (const fd of each.fds) close(fd);
    }
    this.engine.watchRoom(this.row, false);
  }

  private receive(): void {
    for (let reads = 0; reads < READS_MAX && this.row >= 0; reads++) {
      const got = receiveMessage(this.fd, RECEIVE, RECEIVE_ROOM, CONTROL, CONTROL_BYTES, this.arrived);
      if (got === -EINTR) continue;
      if (got === -EAGAIN) return;
      if (got <= 0) return this.fail(got === 0 ? undefined : ioError('recvmsg', -got));
      // A copy: a handler that sends something uses the arena.
      this.take(Uint8Array.prototype.slice.call(arena, RECEIVE, RECEIVE + got));
    }
  }

  /** Cuts the stream into frames. */
  private take(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && this.row >= 0; ) {
      const piece = bytes.subarray(at, at + this.frame.length - this.filled);
      this.frame.set(piece, this.filled);
      this.filled += piece.length;
      at += piece.length;
      if (this.filled === this.frame.length) this.complete();
    }
  }

  private complete(): void {
    const { frame } = this;
    this.filled = 0;
    if (!this.inMessage) {
      const header = new DataView(frame.buffer);
      const length = header.getUint32(0, true);
      this.fdsWanted = header.getUint32(4, true);
      if (length > CHANNEL_MESSAGE_BYTES_MAX || this.fdsWanted > this.arrived.length) {
        return this.fail(ioError('recvmsg', EMSGSIZE));
      }
      this.inMessage = true;
      this.frame = new Uint8Array(length);
      if (length > 0) return;
    }
    const message = this.frame;
    this.inMessage = false;
    this.frame = new Uint8Array(HEADER_BYTES);
    this.handler.message(message, this.arrived.splice(0, this.fdsWanted));
  }
}
