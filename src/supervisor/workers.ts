// The master's workers: starts them, has them take plans over, replaces those that die, ends them.
import { constants, setPriority } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { WORKER_STOP_MS } from '../base/limits.ts';
import type { EpollEngine } from '../io/epoll/epoll-engine.ts';
import { ioErrorText, isIoError } from '../io/io-error.ts';
import type { Bundle } from './bundle.ts';
import type { SocketHandle } from './listening-sockets.ts';
import type { WorkerRole } from './messages.ts';
import type { Report } from './report.ts';
import { Respawns } from './respawns.ts';
import { type WorkerEvents, WorkerProcess } from './worker-process.ts';
import type { Zone } from './zones.ts';

/** What is in force, as a worker that starts now is given it. */
export interface Supplies {
  readonly bundle: Bundle;
  /** How many workers there are. */
  readonly count: number;
  readonly role: Omit<WorkerRole, 'number'>;
  readonly environment: NodeJS.ProcessEnv;
  /** Where what Node.js itself says of a worker goes. */
  readonly terminal: 'inherit' | number;
  readonly logs: ReadonlyMap<string, number>;
  readonly zones: readonly Zone[];
  sockets(worker: number): readonly SocketHandle[];
}

export class Workers implements WorkerEvents {
  private readonly engine: EpollEngine;
  private readonly supplies: () => Supplies;
  private readonly report: Report;
  private readonly onEnd: (pid: number) => void;
  private readonly respawns = new Respawns();
  private all: WorkerProcess[] = [];
  /** The program ends: nobody is replaced. */
  private stopping = false;
  /** A start or a reload is under way: replacements wait for its end. */
  private held = true;
  private missing: number[] = [];
  /** Workers that do not serve yet; a reload waits for them, since a worker takes one plan over at a time. */
  private readonly starting = new Set<Promise<unknown>>();

  /** `onEnd` is told of each worker that has ended. */
  constructor(engine: EpollEngine, supplies: () => Supplies, report: Report, onEnd: (pid: number) => void) {
    this.engine = engine;
    this.supplies = supplies;
    this.report = report;
    this.onEnd = onEnd;
  }

  get count(): number {
    return this.all.length;
  }

  hold(): void {
    this.held = true;
  }

  release(): void {
    this.held = false;
    for (const number of this.missing.splice(0)) this.replaceLater(number);
  }

  /** Starts those that are missing; resolves when they serve, or to the first reason why one does not. */
  async fill(): Promise<string | undefined> {
    const { count } = this.supplies();
    const taken = new Set(this.active().map(({ number }) => number));
    const numbers = Array.from({ length: count }, (_, number) => number).filter(
      (number) => !taken.has(number),
    );
    this.missing = [];
    if (numbers.length === 0) return undefined;
    this.report.say('notice', 'start worker processes');
    const problems = await Promise.all(numbers.map((number) => this.start(number)));
    return problems.find((problem) => problem !== undefined);
  }

  /** All of them compile the bundle; resolves to why one of them cannot, and then all have forgotten it. */
  async prepare(
    bundle: Bundle,
    logs: ReadonlyMap<string, number>,
    zones: readonly Zone[],
  ): Promise<string | undefined> {
    await Promise.all(this.starting);
    const workers = this.active();
    const problems = await Promise.all(
      workers.map((worker) => {
        worker.giveLogs(logs);
        worker.giveZones(zones);
        return worker.prepare(bundle);
      }),
    );
    // One that has died is replaced, and the other starts with the new bundle.
    const refusing = workers.findIndex((worker, i) => problems[i] !== undefined && this.all.includes(worker));
    if (refusing === -1) return undefined;
    for (const worker of workers) worker.forget();
    return `worker process ${workers[refusing]?.pid} cannot take over plan ${bundle.number}: ${problems[refusing]}`;
  }

  /** What was prepared counts; workers that are too many let their sockets go to those that stay, and end when they are empty. */
  async swap(): Promise<void> {
    const { count } = this.supplies();
    const workers = this.active();
    const surplus = workers.filter(({ number }) => number >= count);
    await Promise.all(workers.filter(({ number }) => number < count).map((worker) => this.swapOne(worker)));
    await Promise.all(surplus.map((worker) => this.swapOne(worker)));
    for (const worker of surplus) worker.drain('empty');
  }

  private async swapOne(worker: WorkerProcess): Promise<void> {
    const { bundle, count, sockets } = this.supplies();
    const { number } = worker;
    const problem = await worker.swap(bundle.number, number < count ? sockets(number) : []);
    if (problem === undefined || !this.all.includes(worker)) return;
    this.report.say('alert', `worker process ${worker.pid} could not take everything over: ${problem}`);
    worker.replace();
  }

  reopen(logs: ReadonlyMap<string, number>): void {
    for (const worker of this.all) worker.reopen(logs);
  }

  setPriority(priority: number): void {
    for (const { pid } of this.active()) {
      try {
        setPriority(pid, priority);
      } catch (error) {
        this.report.say('alert', `setpriority(${priority}) failed: ${(error as Error).message}`);
      }
    }
  }

  drain(): void {
    this.stopping = true;
    for (const worker of this.active()) worker.drain('quit');
  }

  /** TERM, and after a while KILL. */
  async end(): Promise<void> {
    this.stopping = true;
    for (const worker of this.all) worker.end('SIGTERM');
    await pause(WORKER_STOP_MS, undefined, { ref: false });
    for (const worker of this.all) worker.end('SIGKILL');
  }

  /** WorkerEvents. As ngx_process_get_status() and ngx_reap_children(). */
  ended(worker: WorkerProcess, code: number | null, signal: string | null): void {
    const { pid, number } = worker;
    this.all = this.all.filter((each) => each !== worker);
    if (signal !== null)
      this.report.say('alert', `worker process ${pid} exited on signal ${signalNumber(signal)}`);
    else this.report.say('notice', `worker process ${pid} exited with code ${code}`);
    if (!worker.leaving) this.lost(number);
    this.onEnd(pid);
  }

  private active(): WorkerProcess[] {
    return this.all.filter(({ leaving }) => !leaving);
  }

  /** Resolves when the worker serves, or to why it does not; then it is ended. */
  private async start(number: number): Promise<string | undefined> {
    const started = this.startNow(number);
    this.starting.add(started);
    try {
      return await started;
    } finally {
      this.starting.delete(started);
    }
  }

  private async startNow(number: number): Promise<string | undefined> {
    const { role, environment, terminal, bundle, logs, zones, sockets } = this.supplies();
    if (this.stopping) return undefined;
    const worker = WorkerProcess.start(this.engine, { ...role, number }, environment, terminal, this);
    if (typeof worker === 'string' || isIoError(worker)) {
      this.lost(number);
      const why = typeof worker === 'string' ? worker : `${worker.call}() failed (${ioErrorText(worker)})`;
      return `could not start a worker process: ${why}`;
    }
    this.all.push(worker);
    this.report.say('notice', `start worker process ${worker.pid}`);
    worker.giveLogs(logs);
    worker.giveZones(zones);
    const problem = (await worker.prepare(bundle)) ?? (await worker.swap(bundle.number, sockets(number)));
    if (problem === undefined || worker.leaving) return undefined;
    worker.replace();
    return `worker process ${worker.pid} could not start: ${problem}`;
  }

  /** Called once for each worker that has ended or could not even begin: another takes its place. */
  private lost(number: number): void {
    if (this.stopping) return;
    if (this.held) this.missing.push(number);
    else this.replaceLater(number);
  }

  private replaceLater(number: number): void {
    void pause(this.respawns.waitMs(performance.now()), undefined, { ref: false }).then(() =>
      this.replace(number),
    );
  }

  private async replace(number: number): Promise<void> {
    if (this.held || this.stopping) return this.lost(number);
    if (number >= this.supplies().count || this.active().some((worker) => worker.number === number)) return;
    const problem = await this.start(number);
    if (problem !== undefined) this.report.say('alert', problem);
  }
}

/** nginx's lines have numbers. */
function signalNumber(name: string): number | string {
  return (constants.signals as Readonly<Record<string, number | undefined>>)[name] ?? name;
}
