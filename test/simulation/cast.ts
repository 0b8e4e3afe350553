// What all actors of a run share: the world and its engines, the ledger, and time.
import type { Address, Engine, IoError, Ms } from '../../src/io/engine.ts';
import type { LinkRecord } from '../../src/io/simulated/link.ts';
import type { SimulatedWorld } from '../../src/io/simulated/world.ts';
import type { Ledger } from './ledger.ts';
import type { Script } from './script.ts';
import { Wire, type WireOwner } from './wire.ts';

export class Cast {
  readonly world: SimulatedWorld;
  readonly script: Script;
  readonly ledger: Ledger;
  /** Engines of clients on smooth and on rough links, and of all peers. */
  readonly smooth: Engine;
  readonly rough: Engine;
  readonly peers: Engine;
  readonly startedAt: Ms;
  /** By source port, links that the balancer began; the watch fills it. */
  readonly linksByPort = new Map<number, number>();
  readonly wires: Wire[] = [];
  /** Kept connections of clients that waited for their end: idle since when, ended when. */
  readonly idleEnds: { readonly link: LinkRecord; readonly since: Ms; readonly at: Ms }[] = [];
  /** Since when the operator has ended all; Infinity: not yet. */
  drainedAt: Ms = Number.POSITIVE_INFINITY;

  constructor(world: SimulatedWorld, script: Script, ledger: Ledger) {
    this.world = world;
    this.script = script;
    this.ledger = ledger;
    this.smooth = world.engine('smooth', { host4: '127.0.0.2' });
    this.rough = world.engine('rough', { host4: '127.0.0.3' });
    this.peers = world.engine('peers');
    this.startedAt = world.now();
  }

  now(): Ms {
    return this.world.now();
  }

  after(ms: Ms, work: () => void): void {
    const { timers } = this.smooth;
    const slot = timers.add({
      expired: () => {
        timers.remove(slot);
        work();
      },
    });
    timers.arm(slot, this.now() + ms);
  }

  dial(rough: boolean, address: Address, owner: WireOwner): Wire {
    const engine = rough ? this.rough : this.smooth;
    const number = this.world.links.length;
    const holder: { wire?: Wire } = {};
    const conn = engine.connect(
      address,
      {},
      {
        connected: () => holder.wire?.connected(),
        received: (each, bytes, start, end) => holder.wire?.received(each, bytes, start, end),
        ended: () => holder.wire?.ended(),
        writable: () => holder.wire?.writable(),
        failed: (each: number, error: IoError) => holder.wire?.failed(each, error),
      },
    );
    const wire = new Wire(engine, this.link(number), owner, false);
    wire.conn = conn;
    holder.wire = wire;
    this.wires.push(wire);
    return wire;
  }

  link(number: number): LinkRecord {
    const link = this.world.links[number];
    if (link === undefined) throw new Error(`there is no link ${number}`);
    return link;
  }

  trace(who: string, what: string): void {
    this.ledger.trace?.push(`${(this.now() - this.startedAt).toFixed(2).padStart(10)} ${who}: ${what}`);
  }

  get tracing(): boolean {
    return this.ledger.trace !== undefined;
  }
}

export const BALANCER: Address = { family: 4, host: '127.0.0.1', port: 80 };
