// A simulated world: one network and its virtual time, shared by as many engines as a test wants (clients, balancer, peers).
// Nothing happens unless `step` or `run` is called; the same seed and the same program give the same run.
import { assert } from '../../base/assert.ts';
import type { Random } from '../../base/random.ts';
import { seededRandom } from '../../base/random.ts';
import type { Address, Engine, Ms } from '../engine.ts';
import type { Faults } from './faults.ts';
import { NO_FAULTS } from './faults.ts';
import type { LinkRecord } from './link.ts';
import { Network } from './network.ts';
import { SimulatedEngine } from './simulated-engine.ts';

export interface WorldOptions {
  /** Other faults for some connections: for the one from the engine `client` to `target`. */
  readonly faultsFor?: (client: string, target: Address) => Faults;
}

export interface EngineOptions {
  /** The engine's own addresses, as its peers see them; 127.0.0.1 and ::1 by default. */
  readonly host4?: string;
  readonly host6?: string;
}

/**
 * When `run` stops. 'quiet': only deadlines and other long waits are left; time has gone on no further than the network needed.
 * 'idle': nothing at all is left. A number: that time has come. A function: it says true.
 */
export type Until = 'quiet' | 'idle' | Ms | (() => boolean);

export interface SimulatedWorld {
  readonly seed: number;
  /** For the test's own choices; drawing from it does not disturb the network's. */
  readonly random: Random;
  /** Every connection that was ever begun, with the bytes of both directions and what was injected. */
  readonly links: readonly LinkRecord[];
  now(): Ms;
  wallNow(): Ms;
  engine(name: string, options?: EngineOptions): Engine;
  /** Runs the next event; time goes on to it. False where none is left. */
  step(): boolean;
  /** Whether `until` was reached; false where nothing was left before, or `limitMs` of virtual time have passed. */
  run(until: Until, limitMs?: Ms): boolean;
  /** The wall clock jumps, forward or back. */
  jumpWallClock(by: Ms): void;
  /** Breaks one connection now: both ends find it reset. */
  breakLink(link: LinkRecord): void;
  /** Whether `engine` is out of descriptors: its accepts fail with EMFILE as long as it is. */
  exhaust(engine: Engine, yes: boolean): void;
  /** A number over all that has happened: two runs are the same where it is. */
  digest(): number;
}

const LIMIT_MS = 3_600_000;
/** More than any test needs: a program that talks to itself for ever is found. */
const STEPS_MAX = 20_000_000;

export function simulatedWorld(
  seed: number,
  faults: Faults = NO_FAULTS,
  options: WorldOptions = {},
): SimulatedWorld {
  const network = new Network(seed, faults, options.faultsFor ?? (() => faults));
  return new World(seed, network);
}

class World implements SimulatedWorld {
  readonly seed: number;
  readonly random: Random;
  readonly links: readonly LinkRecord[];
  private readonly network: Network;
  private hash = 0x811c9dc5;

  constructor(seed: number, network: Network) {
    this.seed = seed;
    this.random = seededRandom(seed ^ 0x5bd1e995);
    this.network = network;
    this.links = network.links;
  }

  now(): Ms {
    return this.network.now;
  }

  wallNow(): Ms {
    return this.network.wall;
  }

  engine(name: string, options: EngineOptions = {}): Engine {
    return new SimulatedEngine(this.network, name, options.host4 ?? '127.0.0.1', options.host6 ?? '::1');
  }

  step(): boolean {
    const { network } = this;
    const next = network.events.peek();
    if (next === undefined) return false;
    network.now = next.at;
    this.mix(next.order);
    this.mix(Math.round(next.at * 1000));
    network.events.take()?.();
    return true;
  }

  run(until: Until, limitMs: Ms = LIMIT_MS): boolean {
    const { network } = this;
    if (typeof until === 'number') return this.runTo(until);
    const end = network.now + limitMs;
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      if (typeof until === 'function' && until()) return true;
      if (until === 'quiet' && !network.events.inMotion) return true;
      const next = network.events.peek();
      if (next === undefined) return until === 'idle';
      if (next.at > end) return false;
      this.step();
    }
    assert(false, `the world of seed ${this.seed} does not come to rest`);
  }

  jumpWallClock(by: Ms): void {
    this.network.jumpWallClock(by);
  }

  breakLink(link: LinkRecord): void {
    this.network.links[link.number]?.break('reset');
  }

  exhaust(engine: Engine, yes: boolean): void {
    assert(engine instanceof SimulatedEngine, 'an engine of another kind');
    engine.exhausted = yes;
  }

  digest(): number {
    return this.hash >>> 0;
  }

  private runTo(time: Ms): boolean {
    const { network } = this;
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      const next = network.events.peek();
      if (next === undefined || next.at > time) {
        network.now = Math.max(network.now, time);
        return true;
      }
      this.step();
    }
    assert(false, `the world of seed ${this.seed} does not come to rest`);
  }

  /** FNV-1a, a word at a time. */
  private mix(word: number): void {
    this.hash = Math.imul(this.hash ^ (word | 0), 0x01000193);
  }
}
