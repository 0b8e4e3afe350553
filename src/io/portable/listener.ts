// A listening socket of the portable engine. Node cannot stop accepting for a while, so a paused listener keeps what came,
// unread, as the kernel's queue would: at most `backlog` of them, the rest are closed.
import type { ListenOptions as NodeListenOptions, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import type { Address, IoError, Listener, ListenerHandler, ListenOptions } from '../engine.ts';
import { ioErrorOfNode } from '../io-error.ts';
import { HIGH_WATER_BYTES } from './connection.ts';
import type { Turns } from './turns.ts';

export const BACKLOG = 511;

/** What a listener needs of its engine. */
export interface ListenerOwner {
  readonly turns: Turns;
  accept(socket: Socket, listener: PortableListener): void;
  listenerClosed(listener: PortableListener): void;
}

export class PortableListener implements Listener {
  readonly address: Address;
  readonly handler: ListenerHandler;
  port = 0;
  readonly fd = -1;
  private readonly server: Server;
  private readonly owner: ListenerOwner;
  private readonly heldMax: number;
  private paused = false;
  private closed = false;
  private held: Socket[] = [];

  constructor(address: Address, options: ListenOptions, handler: ListenerHandler, owner: ListenerOwner) {
    this.address = address;
    this.handler = handler;
    this.owner = owner;
    this.heldMax = options.backlog ?? BACKLOG;
    this.server = createServer(serverOptions(options), (socket) => this.onConnection(socket));
  }

  /** `done` is called once, in a later turn. */
  listen(options: ListenOptions, done: (result: Listener | IoError) => void): void {
    const { server, owner } = this;
    server.once('listening', () => {
      if (this.closed) return;
      owner.turns.enter();
      server.removeAllListeners('error');
      server.on('error', (error) => this.onAcceptError(error));
      this.learnPort();
      done(this);
    });
    server.once('error', (error) => {
      if (this.closed) return;
      owner.turns.enter();
      this.close();
      done(ioErrorOfNode('bind', error));
    });
    try {
      server.listen(nodeListenOptions(this.address, options, this.heldMax));
    } catch (error) {
      // An argument that Node refuses before it asks the system.
      owner.turns.later(() => {
        if (this.closed) return;
        this.close();
        done(ioErrorOfNode('bind', error));
      });
    }
  }

  /** Accepts on a listening socket made elsewhere; false where `fd` is none. */
  adopt(fd: number): boolean {
    this.server.on('error', (error) => this.onAcceptError(error));
    try {
      this.server.listen({ fd, backlog: this.heldMax, exclusive: true });
    } catch {
      this.closed = true;
      return false;
    }
    if (!this.server.listening) {
      this.closed = true;
      return false;
    }
    this.learnPort();
    return true;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (!this.paused || this.closed) return;
    this.paused = false;
    if (this.held.length > 0) this.owner.turns.later(() => this.admitHeld());
  }

  /** Another process cannot have this socket, so `keepOpen` has nothing to keep. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const socket of this.held) socket.resetAndDestroy();
    this.held = [];
    this.server.close();
    this.owner.listenerClosed(this);
  }

  private onConnection(socket: Socket): void {
    if (this.closed) {
      socket.destroy();
      return;
    }
    this.owner.turns.enter();
    if (!this.paused) return this.owner.accept(socket, this);
    // Its errors are told once it has an owner; until then they must only not be uncaught.
    socket.on('error', ignore);
    if (this.held.length < this.heldMax) this.held.push(socket);
    else socket.destroy();
  }

  private admitHeld(): void {
    while (!this.paused && !this.closed) {
      const socket = this.held.shift();
      if (socket === undefined) return;
      if (!socket.destroyed) this.owner.accept(socket, this);
    }
  }

  private onAcceptError(error: NodeJS.ErrnoException): void {
    if (this.closed) return;
    this.owner.turns.enter();
    this.handler.acceptFailed(this, ioErrorOfNode('accept', error));
  }

  private learnPort(): void {
    const address = this.server.address();
    if (address !== null && typeof address === 'object') this.port = address.port;
  }
}

function ignore(): void {}

/** Buffer sizes, `deferred`, `reusePort` and the keepalive interval and count cannot be said through Node, or not on all systems. */
function serverOptions(options: ListenOptions): Parameters<typeof createServer>[0] {
  const { keepalive } = options;
  return {
    allowHalfOpen: true,
    pauseOnConnect: true,
    highWaterMark: HIGH_WATER_BYTES,
    ...(keepalive === undefined || keepalive === 'off'
      ? {}
      : { keepAlive: true, keepAliveInitialDelay: keepalive.idleSeconds * 1000 }),
  };
}

function nodeListenOptions(address: Address, options: ListenOptions, backlog: number): NodeListenOptions {
  if (address.family === 'unix') return { path: address.path, backlog, exclusive: true };
  return {
    host: address.host,
    port: address.port,
    backlog,
    exclusive: true,
    ipv6Only: address.family === 6 && (options.ipv6Only ?? true),
  };
}
