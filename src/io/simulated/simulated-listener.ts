// An engine's listener on a simulated listening socket.
import type { Address, Listener, ListenerHandler } from '../engine.ts';
import type { ListeningSocket, SocketHolder } from './listening-socket.ts';
import type { SimulatedEngine } from './simulated-engine.ts';

export class SimulatedListener implements Listener, SocketHolder {
  readonly address: Address;
  readonly port: number;
  readonly fd: number;
  readonly handler: ListenerHandler;
  readonly socket: ListeningSocket;
  private readonly engine: SimulatedEngine;
  private paused = false;
  private resting = false;
  private closed = false;

  constructor(engine: SimulatedEngine, socket: ListeningSocket, address: Address, handler: ListenerHandler) {
    this.engine = engine;
    this.socket = socket;
    this.address = address;
    this.handler = handler;
    this.port = socket.address.family === 'unix' ? 0 : socket.address.port;
    this.fd = socket.fd;
    socket.hold(this);
  }

  get accepting(): boolean {
    return !this.paused && !this.resting && !this.closed;
  }

  offered(): void {
    this.engine.offered(this);
  }

  pause(): void {
    this.paused = true;
    this.socket.offer();
  }

  resume(): void {
    this.paused = false;
    this.socket.offer();
  }

  /** Out of descriptors: accepts nothing for so long. */
  rest(delay: number): void {
    this.resting = true;
    this.socket.offer();
    this.engine.afterMs(delay, () => {
      this.resting = false;
      this.socket.offer();
    });
  }

  close(keepOpen = false): void {
    if (this.closed) return;
    this.closed = true;
    this.engine.listenerClosed(this);
    this.socket.letGo(this, keepOpen);
  }
}
