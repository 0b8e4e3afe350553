// The inside of a worker: an engine, a driver, the listeners and the current generation. It knows bundles, descriptors and swaps, not
// who asks: the master's channel in a process of its own, or the program itself where there is one process alone.
import { type Random, seededRandom } from '../base/random.ts';
import { LogTime } from '../http/date.ts';
import type { Engine, IoError, Listener, Ms } from '../io/engine.ts';
import { isIoError } from '../io/io-error.ts';
import type { ListenerPlan, Plan } from '../plan/plan.ts';
import { type DrainKind, Driver } from '../proxy/driver.ts';
import type { ProcessFacts } from '../proxy/exchange.ts';
import type { Generation } from '../proxy/generation.ts';
import type { Codecs, Files, Names } from '../proxy/ports.ts';
import { after } from './delay.ts';
import { listenOptions } from './listen-options.ts';
import { makeGeneration } from './live.ts';
import type { LogFiles } from './log-files.ts';
import type { MappedZones } from './zones.ts';

export interface WorkerWorld {
  readonly engine: Engine;
  readonly files: Files;
  readonly names: Names;
  readonly codecs: Codecs;
  readonly facts: ProcessFacts;
  readonly seed: number;
  readonly logs: LogFiles;
  readonly zones: MappedZones;
  /** A plan has become garbage. */
  readonly retired?: () => void;
  /** A client, a request or a tunnel has come or gone. */
  readonly stirred?: () => void;
}

/** How often logs that no plan names are looked at: a tunnel may still have lines for them. */
const LOG_CHECK_MS = 1000;

interface OpenListener {
  readonly key: string;
  /** The master's number of the socket; 0 where it is this process's own. */
  readonly id: number;
  readonly listener: Listener;
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
  private listeners: OpenListener[] = [];
  private prepared: Prepared | undefined;
  /** Generations that were left and have exchanges under way, by number. */
  private readonly leaving = new Set<number>();
  /** Logs that the current plan does not name any more, with the generation that dropped them. */
  private readonly unnamedLogs = new Map<string, number>();
  private checksLogs = false;
  /** Every plan of this process that is still in memory, for tests. */
  private plans: WeakRef<Plan>[] = [];

  constructor(world: WorkerWorld) {
    this.world = world;
    this.random = seededRandom(world.seed);
  }

  /** The plan is the next one, beside the current one. */
  prepare(number: number, plan: Plan): void {
    this.prepared = { number, plan };
  }

  /** The prepared plan becomes the current one. What began under the one before goes on under it. */
  swap(): Generation {
    const { prepared, world, generation: before } = this;
    if (prepared === undefined) throw new Error('bug: a swap without a prepared plan');
    const { number, plan } = prepared;
    this.prepared = undefined;
    const next = makeGeneration(number, plan, before, {
      random: this.random,
      pid: world.facts.pid,
      stamp: () => this.stamp(),
      openLog: (log) => world.logs.writer(log),
      openZone: (zone) => world.zones.memory(zone),
    });
    world.zones.commit(plan.zones);
    this.generation = next;
    this.plans = [...this.plans.filter((each) => each.deref() !== undefined), new WeakRef(plan)];
    if (before !== undefined) this.leave(before, next);
    if (this.driver === undefined) {
      const retired = (generation: Generation): void => this.retired(generation);
      this.driver = new Driver({ ...world, random: this.random, generation: next, retired });
    } else this.driver.swap(next);
    return next;
  }

  forget(): void {
    this.prepared = undefined;
    this.world.zones.abort();
  }

  /** How many plans are in memory; means something after a garbage collection. */
  get plansAlive(): number {
    return this.plans.filter((each) => each.deref() !== undefined).length;
  }

  private leave(before: Generation, next: Generation): void {
    this.leaving.add(before.number);
    const wanted = this.world.logs.pathsOf(next.plan.logs);
    for (const path of this.world.logs.paths()) {
      if (wanted.has(path)) this.unnamedLogs.delete(path);
      else if (!this.unnamedLogs.has(path)) this.unnamedLogs.set(path, next.number);
    }
    const timeoutMs = before.plan.process.shutdownTimeoutMs;
    if (timeoutMs !== undefined) this.endLater(next.number, timeoutMs);
    this.checkLogs();
  }

  /** `worker_shutdown_timeout` of the plan that was left: what is older than the reload ends with it. */
  private endLater(generation: number, timeoutMs: Ms): void {
    const { engine } = this.world;
    const since = engine.now();
    after(engine, timeoutMs, () => this.driver?.endOlderThan(generation, since));
  }

  private retired(generation: Generation): void {
    this.leaving.delete(generation.number);
    const { pid } = this.world.facts;
    this.generation?.errorLog.write(
      'notice',
      `worker process ${pid}: plan ${generation.number} retired (nginx: exited with code 0)`,
    );
    this.checkLogs();
    this.world.retired?.();
  }

  /** Closes logs that nobody can write to any more; looks again later where somebody can. */
  private checkLogs(): void {
    const { driver } = this;
    for (const [path, number] of this.unnamedLogs) {
      const awaited = [...this.leaving].some((each) => each < number);
      if (awaited || (driver?.tunnels.countOlderThan(number) ?? 0) > 0) continue;
      this.world.logs.drop(path);
      this.unnamedLogs.delete(path);
    }
    if (this.unnamedLogs.size === 0 || this.checksLogs) return;
    this.checksLogs = true;
    after(this.world.engine, LOG_CHECK_MS, () => {
      this.checksLogs = false;
      this.checkLogs();
    });
  }

  /** Binds a listener of the plan in this process. */
  listen(plan: ListenerPlan, done: (result: Listener | IoError) => void): void {
    const { driver } = this;
    if (driver === undefined) throw new Error('bug: a listener before the first swap');
    const handler = driver.listenerHandler(plan.key);
    this.world.engine.listen(plan.address, listenOptions(plan), handler, (result) => {
      if (!isIoError(result)) this.listeners.push({ key: plan.key, id: 0, listener: result });
      done(result);
    });
  }

  /** Accepts on a socket that the master made. */
  adoptListener(id: number, plan: ListenerPlan, fd: number): IoError | undefined {
    const { driver } = this;
    if (driver === undefined) throw new Error('bug: a listener before the first swap');
    const handler = driver.listenerHandler(plan.key);
    const result = this.world.engine.adoptListener(fd, plan.address, handler);
    if (isIoError(result)) return result;
    this.listeners.push({ key: plan.key, id, listener: result });
    return undefined;
  }

  hasListener(key: string): boolean {
    return this.listeners.some((each) => each.key === key);
  }

  listenerKeys(): string[] {
    return [...new Set(this.listeners.map(({ key }) => key))];
  }

  portOf(key: string): number | undefined {
    return this.listeners.find((each) => each.key === key)?.listener.port;
  }

  closeListeners(which: (listener: OpenListener) => boolean): void {
    const closing = this.listeners.filter(which);
    this.listeners = this.listeners.filter((each) => !closing.includes(each));
    for (const { listener } of closing) listener.close();
  }

  /** No new connections; those that are open end, at worker_shutdown_timeout at the latest; then `done`. */
  drain(how: DrainKind, done: () => void): void {
    const { driver, generation } = this;
    this.closeListeners(() => true);
    if (driver === undefined) return done();
    driver.drain(how, done);
    const timeoutMs = generation?.plan.process.shutdownTimeoutMs;
    if (timeoutMs !== undefined) this.endLater(Number.POSITIVE_INFINITY, timeoutMs);
  }

  stamp(): string {
    const wall = this.world.engine.wallNow();
    return this.logTime.timeError(wall / 1000, this.world.facts.zoneMinutes(wall));
  }
}
