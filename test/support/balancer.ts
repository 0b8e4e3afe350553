// A balancer under test in one call: a configuration's text, compiled from memory, behind which a driver listens on a stage's engine.
// Ports are simple and in memory: files, names by a table, zlib, log lines in lists.

import { seededRandom } from '../../src/base/random.ts';
import { renderMistakes } from '../../src/config/explain.ts';
import type { ConfigFiles } from '../../src/config/files.ts';
import { memoryFiles } from '../../src/config/files.ts';
import { LogTime } from '../../src/http/date.ts';
import type { Address, IoError, Listener } from '../../src/io/engine.ts';
import { ioErrorText, isIoError } from '../../src/io/io-error.ts';
import { compileProcess } from '../../src/modules/core.ts';
import { modules } from '../../src/modules/index.ts';
import { LogWriter } from '../../src/observe/log-writer.ts';
import { type CompileResult, compilePlan } from '../../src/plan/compile.ts';
import type { ListenerPlan, LogPlan, Plan, ZonePlan } from '../../src/plan/plan.ts';
import { Driver } from '../../src/proxy/driver.ts';
import type { ProcessFacts } from '../../src/proxy/exchange.ts';
import type { Generation } from '../../src/proxy/generation.ts';
import type { Names } from '../../src/proxy/ports.ts';
import { listenOptions } from '../../src/supervisor/listen-options.ts';
import { makeGeneration } from '../../src/supervisor/live.ts';
import { nodeCodecs } from '../../src/supervisor/ports/codecs.ts';
import { PRODUCT } from '../../src/version.ts';
import { TestClient } from './client.ts';
import { MemoryDisk } from './memory-disk.ts';
import { type PeerAnswer, TestPeer } from './peer.ts';
import { type Stage, simulatedStage } from './stage.ts';

/** Relative paths of a configuration are under this. */
export const PREFIX = '/prefix/';

export interface CompileOptions {
  /** Files that the configuration includes, and that the balancer serves: absolute path → byte string. */
  readonly files?: Readonly<Record<string, string>>;
  /** Addresses of names, at start and while serving. `localhost` is 127.0.0.1 unless it stands here. */
  readonly names?: Readonly<Record<string, readonly string[]>>;
}

export interface BalancerOptions extends CompileOptions {
  /** A fresh simulated one by default. */
  readonly stage?: Stage;
  readonly seed?: number;
  /** How long the name server takes that is asked while serving. */
  readonly nameDelayMs?: number;
}

/** Compiles a text as a file of its own. `http { … }` around it where it begins with `server` or another block of http. */
export function compileText(text: string, options: CompileOptions = {}): CompileResult {
  const files: ConfigFiles = memoryFiles({ ...options.files, [CONFIG_PATH]: text });
  const names = new Map<string, readonly string[]>();
  for (;;) {
    const result = compilePlan({
      file: CONFIG_PATH,
      prefix: PREFIX,
      files,
      names,
      hostname: 'balancer.test',
      modules,
      processSettings: (main, events) => compileProcess(main, events, 1),
    });
    if (result.unresolved.length === 0) return result;
    for (const host of result.unresolved) names.set(host, addressesOf(host, options));
  }
}

const CONFIG_PATH = `${PREFIX}nginx.conf`;

function addressesOf(host: string, { names }: CompileOptions): readonly string[] {
  return names?.[host] ?? (host === 'localhost' ? ['127.0.0.1'] : []);
}

/** What a test compiles, or a mistake in it. */
export function planOf(text: string, options: CompileOptions = {}): Plan {
  const { plan, errors, errorsDropped } = compileText(text, options);
  if (plan === undefined)
    throw new Error(`the configuration is wrong:\n${renderMistakes(errors, errorsDropped)}`);
  return plan;
}

/** Starts a balancer and waits until it listens. */
export async function balancer(text: string, options: BalancerOptions = {}): Promise<Balancer> {
  const made = new Balancer(planOf(text, options), options);
  await made.listen();
  return made;
}

export class Balancer {
  readonly stage: Stage;
  readonly driver: Driver;
  readonly disk: MemoryDisk;
  readonly facts: ProcessFacts;
  generation: Generation;
  /** All that there ever were. */
  readonly generations: Generation[] = [];
  /** By path, complete lines without their line feeds. */
  private readonly logs = new Map<string, string[]>();
  private readonly writers = new Map<string, LogWriter>();
  private readonly zones = new Map<string, ArrayBuffer>();
  private readonly listeners = new Map<string, Listener>();
  private readonly peers: TestPeer[] = [];
  private readonly clients: TestClient[] = [];
  private readonly options: BalancerOptions;
  private readonly logTime = new LogTime();
  private readonly random;

  constructor(plan: Plan, options: BalancerOptions = {}) {
    this.options = options;
    this.stage = options.stage ?? simulatedStage(options.seed ?? 1);
    this.disk = new MemoryDisk(options.files);
    this.random = seededRandom(options.seed ?? 1);
    const { engine } = this.stage;
    this.facts = {
      pid: 4711,
      hostname: 'balancer.test',
      product: PRODUCT,
      zoneMinutes: () => 0,
      counters: { accepted: 0, active: 0, requests: 0 },
    };
    this.generation = this.makeGeneration(1, plan, undefined);
    this.driver = new Driver({
      engine,
      files: this.disk,
      names: this.names(),
      codecs: nodeCodecs(),
      random: this.random,
      facts: this.facts,
      generation: this.generation,
    });
  }

  /** Binds what the plan listens on and is not bound yet, and closes what it does not name. */
  async listen(): Promise<void> {
    const { plan } = this.generation;
    const problems: string[] = [];
    let awaited = 0;
    for (const listener of plan.listeners) {
      if (this.listeners.has(listener.key)) continue;
      awaited++;
      this.bind(listener, (result) => {
        awaited--;
        if (isIoError(result)) problems.push(`${ioErrorText(result)} ${listener.key}`);
        else this.listeners.set(listener.key, result);
      });
    }
    await this.stage.until(() => awaited === 0, 'the listening sockets');
    if (problems.length > 0) throw new Error(problems.join('; '));
    const wanted = new Set(plan.listeners.map(({ key }) => key));
    for (const key of [...this.listeners.keys()]) if (!wanted.has(key)) this.unlisten(key);
  }

  /** Takes the next text over, as HUP does; where it is wrong nothing changes and the result says why. */
  async reload(text: string): Promise<CompileResult> {
    const result = compileText(text, this.options);
    if (result.plan !== undefined) {
      this.swap(result.plan);
      await this.listen();
    }
    return result;
  }

  /** Exchanges that begin from now on are under `plan`. */
  swap(plan: Plan): void {
    this.generation = this.makeGeneration(this.generation.number + 1, plan, this.generation);
    this.driver.swap(this.generation);
  }

  /** QUIT: stops listening, closes what is idle; `isDrained` and `drained` tell when the rest has ended. */
  drain(): void {
    for (const key of [...this.listeners.keys()]) this.unlisten(key);
    this.driver.drain('quit', () => {
      this.isDrained = true;
    });
  }

  isDrained = false;

  async drained(): Promise<void> {
    await this.stage.until(() => this.isDrained, 'the end of the drain');
  }

  // The other ends.

  /** A client that connects to a port of this machine, or to an address. */
  client(to: number | Address): TestClient {
    const address: Address =
      typeof to === 'number' ? { family: 4, host: '127.0.0.1', port: this.stage.port(to) } : to;
    const client = new TestClient(this.stage, address);
    this.clients.push(client);
    return client;
  }

  /** A peer that listens on a port of this machine, or at an address. By default it answers each request with 200 and "ok". */
  async peer(at: number | Address, answer: PeerAnswer = () => ({ body: 'ok' })): Promise<TestPeer> {
    const address: Address =
      typeof at === 'number' ? { family: 4, host: '127.0.0.1', port: this.stage.port(at) } : at;
    const peer = new TestPeer(this.stage, answer);
    await peer.listen(address);
    this.peers.push(peer);
    return peer;
  }

  // Logs.

  /** What was written to a log so far; a relative path is under the prefix. */
  lines(path: string): readonly string[] {
    return this.logs.get(path.startsWith('/') || path === 'stderr' ? path : PREFIX + path) ?? [];
  }

  /** Lines of the access log that is written where the file says nothing. */
  get accessLog(): readonly string[] {
    return this.lines('logs/access.log');
  }

  /** Lines of the error log that is written where the file says nothing. */
  get errorLog(): readonly string[] {
    return this.lines('logs/error.log');
  }

  /** Waits for a log's line with this number, counted from 1. */
  async line(path: string, number = 1): Promise<string> {
    await this.stage.until(() => this.lines(path).length >= number, `line ${number} of ${path}`);
    return this.lines(path)[number - 1] ?? '';
  }

  // The end.

  /** Closes both sides of everything; what then is still open is returned, a line each. */
  async close(): Promise<readonly string[]> {
    for (const client of this.clients) client.close();
    for (const peer of this.peers) peer.close();
    this.drain();
    await this.stage.settle();
    const leaks = this.leaks();
    await this.stage.close();
    return leaks;
  }

  /** What a balancer without clients must not hold. */
  leaks(): string[] {
    const { driver, disk, stage } = this;
    const found: string[] = [];
    if (driver.openCount > 0) found.push(`${driver.openCount} clients and tunnels`);
    if (stage.outside !== stage.engine && stage.engine.openCount > 0)
      found.push(`${stage.engine.openCount} connections`);
    const texts = driver.tunnels['texts'].count;
    const settings = driver.tunnels['settings'].size;
    if (driver.tunnels.count === 0 && texts + settings > 0)
      found.push(`${texts} texts and ${settings} settings of tunnels`);
    for (const path of disk.openPaths) found.push(`file ${path}`);
    for (const { number, exchanges } of this.generations) {
      if (exchanges !== 0) found.push(`${exchanges} exchanges counted of generation ${number}`);
    }
    for (const upstream of this.generation.upstreams) {
      for (const { name, table, row } of upstream.peers) {
        if (table.conns[row] !== 0) found.push(`${table.conns[row]} connections counted of peer ${name}`);
      }
    }
    return found;
  }

  private bind(listener: ListenerPlan, done: (result: Listener | IoError) => void): void {
    this.stage.engine.listen(
      listener.address,
      listenOptions(listener),
      this.driver.listenerHandler(listener.key),
      done,
    );
  }

  private unlisten(key: string): void {
    this.listeners.get(key)?.close();
    this.listeners.delete(key);
  }

  private makeGeneration(number: number, plan: Plan, before: Generation | undefined): Generation {
    const made = makeGeneration(number, plan, before, {
      random: this.random,
      pid: this.facts.pid,
      stamp: () => this.logTime.timeError(this.stage.engine.wallNow() / 1000, 0),
      openLog: (log) => this.openLog(log),
      openZone: (zone) => this.openZone(zone),
    });
    this.generations.push(made);
    return made;
  }

  private openLog({ path, options }: LogPlan): LogWriter {
    const key = `${path} ${JSON.stringify(options)}`;
    let writer = this.writers.get(key);
    if (writer === undefined) {
      const lines = this.logs.get(path) ?? [];
      this.logs.set(path, lines);
      let rest = '';
      const output = {
        write: (text: string): number => {
          const parts = (rest + text).split('\n');
          rest = parts.pop() ?? '';
          for (const line of parts) lines.push(line);
          return text.length;
        },
      };
      const { engine } = this.stage;
      const after = (ms: number, work: () => void): void => {
        const slot = engine.timers.add({
          expired: () => {
            engine.timers.remove(slot);
            work();
          },
        });
        engine.timers.arm(slot, engine.now() + ms);
      };
      writer = new LogWriter(output, options, {
        clock: { atTurnEnd: (work) => engine.atTurnEnd(work), after },
      });
      this.writers.set(key, writer);
    }
    return writer;
  }

  private openZone({ name, bytes }: ZonePlan): ArrayBuffer {
    const key = `${name} ${bytes}`;
    const zone = this.zones.get(key) ?? new ArrayBuffer(Math.max(bytes, 64));
    this.zones.set(key, zone);
    return zone;
  }

  private names(): Names {
    return {
      resolve: (question, done) => {
        const addresses = addressesOf(question.name, this.options).filter((each) =>
          each.includes(':') ? question.ipv6 : question.ipv4,
        );
        this.afterNameDelay(() => done(addresses.length > 0 ? addresses : { problem: '3: Host not found' }));
      },
    };
  }

  private afterNameDelay(work: () => void): void {
    const { nameDelayMs = 0 } = this.options;
    const { engine, outside } = this.stage;
    if (nameDelayMs === 0) return engine.defer(work);
    const slot = outside.timers.add({
      expired: () => {
        outside.timers.remove(slot);
        work();
      },
    });
    outside.timers.arm(slot, outside.now() + nameDelayMs);
  }
}
