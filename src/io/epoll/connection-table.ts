// The open descriptors of an engine as rows: state, what is wanted, what the epoll set was told. The row's number is the Conn and
// the key of its events, so a descriptor is closed at once, and an event of it that is still at hand finds a free row.
import { assert, DEBUG } from '../../base/assert.ts';
import type { Conn, ConnectionHandler, IoError } from '../engine.ts';
import { close, EPOLL_ADD, EPOLL_DEL, EPOLL_MOD, EPOLLIN, EPOLLOUT, epollControl } from './syscalls.ts';

// States of a row.
export const FREE = 0;
export const CONNECTING = 1;
export const OPEN = 2;
/** Its descriptor is closed or never was; the owner is being told, or will be. */
export const DOOMED = 3;
export const LISTENING = 4;
/** A descriptor that another part of the program reads and writes itself. */
export const WATCHED = 5;

// Flags of a row.
export const PAUSED = 1;
export const WANTS_ROOM = 2;
export const ENDED = 4;

const ABSENT = 0x80; // not in the epoll set at all

export class ConnectionTable {
  states = new Uint8Array(0);
  flags = new Uint8Array(0);
  fds = new Int32Array(0);
  readonly handlers: (ConnectionHandler | undefined)[] = [];
  /** Why sending failed, and why a connect that never began did. */
  readonly errors = new Map<Conn, IoError>();
  openCount = 0;

  private interest = new Uint8Array(0);
  private readonly free: Conn[] = [];
  private readonly closed: Conn[] = []; // rows to be used again when the turn has ended
  private readonly set: number;

  constructor(set: number) {
    this.set = set;
  }

  /** A row for `fd`, not yet in the set. */
  take(fd: number, state: number): Conn {
    if (this.free.length === 0) this.grow();
    const conn = this.free.pop()!;
    this.states[conn] = state;
    this.flags[conn] = 0;
    this.fds[conn] = fd;
    this.interest[conn] = ABSENT;
    if (state <= DOOMED) this.openCount++;
    return conn;
  }

  /** The row is void from here on; its number is used again when the turn has ended. */
  drop(conn: Conn): void {
    const state = this.states[conn]!;
    if (DEBUG) assert(state !== FREE, 'a connection is closed twice');
    if (state === FREE) return;
    if (state <= DOOMED) this.openCount--;
    this.states[conn] = FREE;
    this.fds[conn] = -1;
    this.handlers[conn] = undefined;
    if (this.errors.size > 0) this.errors.delete(conn);
    this.closed.push(conn);
  }

  /** Closes the descriptor, which takes it out of the set: nobody else holds it. */
  closeFd(conn: Conn): void {
    const fd = this.fds[conn]!;
    if (fd < 0) return;
    this.fds[conn] = -1;
    this.interest[conn] = ABSENT;
    close(fd);
  }

  /** Tells the set what the row wants now, where that is not what it was told; 0 or an errno below zero. */
  update(conn: Conn): number {
    const flags = this.flags[conn]!;
    const wanted =
      ((flags & (PAUSED | ENDED)) === 0 ? EPOLLIN : 0) | ((flags & WANTS_ROOM) !== 0 ? EPOLLOUT : 0);
    return wanted === this.interest[conn] ? 0 : this.want(conn, wanted);
  }

  want(conn: Conn, events: number): number {
    const before = this.interest[conn]!;
    if (before === events || (before === ABSENT && events === 0)) return 0;
    this.interest[conn] = events;
    const operation = before === ABSENT ? EPOLL_ADD : EPOLL_MOD;
    return epollControl(this.set, operation, this.fds[conn]!, events, conn);
  }

  /** Out of the set: errors and hang-ups cannot be masked, and would wake the loop for ever. */
  takeOut(conn: Conn): void {
    if (this.interest[conn] === ABSENT) return;
    this.interest[conn] = ABSENT;
    epollControl(this.set, EPOLL_DEL, this.fds[conn]!, 0, 0);
  }

  /** Reading goes on. One that ended and then broke while it was paused is put back even so, for its owner to be told. */
  comeBack(conn: Conn): void {
    this.update(conn);
    if (this.interest[conn] !== ABSENT) return;
    this.interest[conn] = 0;
    epollControl(this.set, EPOLL_ADD, this.fds[conn]!, 0, conn);
  }

  /** The turn has ended: no event at hand can mean a row that was closed in it. */
  recycle(): void {
    const { closed, free } = this;
    for (let conn = closed.pop(); conn !== undefined; conn = closed.pop()) free.push(conn);
  }

  /** All rows that are not free, for the end. */
  rows(): Conn[] {
    const rows: Conn[] = [];
    for (let conn = 0; conn < this.states.length; conn++) if (this.states[conn] !== FREE) rows.push(conn);
    return rows;
  }

  private grow(): void {
    const before = this.states.length;
    const after = Math.max(256, before * 2);
    this.states = copied(new Uint8Array(after), this.states);
    this.flags = copied(new Uint8Array(after), this.flags);
    this.interest = copied(new Uint8Array(after), this.interest);
    this.fds = copied(new Int32Array(after), this.fds);
    this.fds.fill(-1, before);
    for (let conn = after - 1; conn >= before; conn--) {
      this.free.push(conn);
      this.handlers[conn] = undefined;
    }
  }
}

function copied<T extends Uint8Array | Int32Array>(target: T, source: T): T {
  target.set(source);
  return target;
}
