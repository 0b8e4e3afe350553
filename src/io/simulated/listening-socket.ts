// A listening socket of the simulated network: its queue outlives any one listener on it, as a descriptor that was handed over does.
import { sameAddress } from '../address.ts';
import type { Address } from '../engine.ts';
import type { Endpoint } from './link.ts';
import type { Network } from './network.ts';

/** An engine's listener on the socket. */
export interface SocketHolder {
  /** False while it is paused. */
  readonly accepting: boolean;
  /** Somebody waits in the queue: accept in the next turn. */
  offered(): void;
}

export class ListeningSocket {
  readonly address: Address;
  readonly fd: number;
  private readonly network: Network;
  private readonly backlog: number;
  private readonly ipv6Only: boolean;
  private readonly reusePort: boolean;
  private readonly queue: Endpoint[] = [];
  private readonly holders: SocketHolder[] = [];
  /** Descriptors that were left open by their holder, for another to adopt. */
  private orphans = 0;

  constructor(network: Network, address: Address, backlog: number, ipv6Only: boolean, reusePort: boolean) {
    this.network = network;
    this.address = address;
    this.backlog = backlog;
    this.ipv6Only = ipv6Only;
    this.reusePort = reusePort;
    this.fd = network.descriptorFor(this);
  }

  /** Whether a connect to `target` comes here. */
  answers(target: Address): boolean {
    const { address } = this;
    if (address.family === 'unix' || target.family === 'unix') return sameAddress(address, target);
    if (address.port !== target.port) return false;
    if (address.family === target.family) return isWildcard(address) || sameAddress(address, target);
    return address.family === 6 && isWildcard(address) && !this.ipv6Only;
  }

  conflictsWith(other: ListeningSocket): boolean {
    if (this.reusePort && other.reusePort) return false;
    return this.answers(other.address) || other.answers(this.address);
  }

  /** False where the queue is full. Linux lets one more in than the backlog says. */
  enqueue(end: Endpoint): boolean {
    if (this.queue.length > this.backlog) return false;
    end.state = 'open';
    if (this.address.family === 6) {
      end.local = mapped(end.local);
      end.remote = mapped(end.remote);
    }
    this.queue.push(end);
    this.offer();
    return true;
  }

  /** Whether anybody is in the queue. */
  get waiting(): boolean {
    return this.queue.length > 0;
  }

  dequeue(): Endpoint | undefined {
    return this.queue.shift();
  }

  hold(holder: SocketHolder): void {
    if (this.orphans > 0) this.orphans--;
    this.holders.push(holder);
    this.offer();
  }

  /** The holder accepts no more; `keepOpen` leaves the descriptor to whoever adopts it. */
  letGo(holder: SocketHolder, keepOpen: boolean): void {
    const index = this.holders.indexOf(holder);
    if (index < 0) return;
    this.holders.splice(index, 1);
    if (keepOpen) this.orphans++;
    if (this.holders.length + this.orphans > 0) return this.offer();
    this.network.unlisten(this);
    this.network.descriptors.delete(this.fd);
    for (const end of this.queue) end.reset();
    this.queue.length = 0;
  }

  /** Wakes one of those who accept. */
  offer(): void {
    if (this.queue.length === 0) return;
    const accepting = this.holders.filter((holder) => holder.accepting);
    if (accepting.length > 0) accepting[this.network.upTo(accepting.length) - 1]!.offered();
  }
}

function isWildcard(address: Address): boolean {
  return address.family !== 'unix' && (address.host === '0.0.0.0' || address.host === '::');
}

/** IPv4 as an IPv6 socket sees it (RFC 4291, 2.5.5.2). */
function mapped(address: Address): Address {
  return address.family === 4 ? { family: 6, host: `::ffff:${address.host}`, port: address.port } : address;
}
