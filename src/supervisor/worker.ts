// The inside of a worker: an engine, a driver, the listeners and the current generation. It knows bundles, descriptors and swaps, not
// who asks: the master's channel in a process of its own, or the program itself where there is one process alone.
import { type Random, seededRandom } from '../base/random.ts';
import { LogTime } from '../http/date.ts';
import type { Engine, IoError, Listener, ListenOptions } from '../io/engine.ts';
import type { LogWriter } from '../observe/log-writer.ts';
import type { CompileResult } from '../plan/compile.ts';
import type { ListenerPlan, LogPlan, Plan, ZonePlan } from '../plan/plan.ts';
import { Driver } from '../proxy/driver.ts';
import type { ProcessFacts } from '../proxy/exchange.ts';
import type { Generation } from '../proxy/generation.ts';
import type { Codecs, Files, Names } from '../proxy/ports.ts';
import { type Bundle, compileBundle } from './bundle.ts';
import { makeGeneration } from './live.ts';

export interface WorkerWorld {
  readonly engine: Engine;
  readonly files: Files;
  readonly names: Names;
  readonly codecs: Codecs;
  readonly facts: ProcessFacts;
  readonly seed: number;
  /** A writer for a log of the plan; the same one for the same path and options as long as it lives. */
  readonly openLog: (plan: LogPlan) => LogWriter;
  readonly openZone: (plan: ZonePlan) => ArrayBuffer;
}

interface Prepared {
  readonly number: number;
  readonly plan: Plan;
}

export class Worker {
  driver: Driver | undefined;
  generation: Generation | undefined;
  private readonly world: WorkerWorld;
  private readonly random: Random;
  private readonly logTime = new LogTime();
  private readonly listeners = new Map<string, Listener>();
  private prepared: Prepared | undefined;

  constructor(world: WorkerWorld) {
    this.world = world;
    this.random = seededRandom(world.seed);
  }

  /** Compiles the next plan beside the current one. */
  prepare(bundle: Bundle): CompileResult {
    const result = compileBundle(bundle);
    this.prepared = result.plan === undefined ? undefined : { number: bundle.number, plan: result.plan };
    return result;
  }

  /** The prepared plan becomes the current one. */
  swap(): Generation {
    const { prepared, world } = this;
    if (prepared === undefined) throw new Error('bug: a swap without a prepared plan');
    this.prepared = undefined;
    const next = makeGeneration(prepared.number, prepared.plan, this.generation, {
      random: this.random,
      pid: world.facts.pid,
      stamp: () => this.stamp(),
      openLog: world.openLog,
      openZone: world.openZone,
    });
    this.generation = next;
    if (this.driver === undefined)
      this.driver = new Driver({ ...world, random: this.random, generation: next });
    else this.driver.swap(next);
    return next;
  }

  forget(): void {
    this.prepared = undefined;
  }

  /** Binds a listener of the plan in this process. */
  listen(plan: ListenerPlan, done: (result: Listener | IoError) => void): void {
    const { driver } = this;
    if (driver === undefined) throw new Error('bug: a listener before the first swap');
    this.world.engine.listen(
      plan.address,
      listenOptions(plan),
      driver.listenerHandler(plan.key),
      (result) => {
        if ('close' in result) this.listeners.set(plan.key, result);
        done(result);
      },
    );
  }

  /** Accepts on a socket that the master made. */
  adoptListener(key: string, plan: ListenerPlan, fd: number): IoError | undefined {
    const { driver } = this;
    if (driver === undefined) throw new Error('bug: a listener before the first swap');
    const result = this.world.engine.adoptListener(fd, plan.address, driver.listenerHandler(plan.key));
    if (!('close' in result)) return result;
    this.listeners.set(key, result);
    return undefined;
  }

  hasListener(key: string): boolean {
    return this.listeners.has(key);
  }

  listenerKeys(): string[] {
    return [...this.listeners.keys()];
  }

  portOf(key: string): number | undefined {
    return this.listeners.get(key)?.port;
  }

  closeListener(key: string): void {
    this.listeners.get(key)?.close();
    this.listeners.delete(key);
  }

  /** QUIT: no new connections, idle ones close, the rest ends; then `done`. */
  drain(done: () => void): void {
    for (const key of this.listenerKeys()) this.closeListener(key);
    if (this.driver === undefined) return done();
    this.driver.drain(done);
  }

  private stamp(): string {
    const wall = this.world.engine.wallNow();
    return this.logTime.timeError(wall / 1000, this.world.facts.zoneMinutes(wall));
  }
}

export function listenOptions(plan: ListenerPlan): ListenOptions {
  const { keepalive } = plan;
  return {
    backlog: plan.backlog,
    reusePort: plan.reusePort,
    ipv6Only: plan.ipv6Only,
    deferred: plan.deferred,
    ...(plan.receiveBufferBytes === undefined ? {} : { receiveBufferBytes: plan.receiveBufferBytes }),
    ...(plan.sendBufferBytes === undefined ? {} : { sendBufferBytes: plan.sendBufferBytes }),
    ...(keepalive === 'system' ? {} : { keepalive: keepalive === 'on' ? SYSTEM_KEEPALIVE : keepalive }),
  };
}

const SYSTEM_KEEPALIVE = { idleSeconds: 0, intervalSeconds: 0, count: 0 };
