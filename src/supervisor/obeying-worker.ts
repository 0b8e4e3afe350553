// A worker in a process of its own: does what its master orders over the channel, and leaves when the master is gone. It opens nothing
// itself: texts, logs, zones and sockets come with the orders, what belongs to a plan before the plan.

import { setPriority } from 'node:os';
import type { Level } from '../base/failures.ts';
import { finished } from '../base/steps.ts';
import type { IoError } from '../io/engine.ts';
import { closeDescriptor, setDescriptors } from '../io/epoll/descriptors.ts';
import type { EpollEngine } from '../io/epoll/epoll-engine.ts';
import { FdChannel, type FdChannelHandler } from '../io/epoll/fd-channel.ts';
import { ioErrorText } from '../io/io-error.ts';
import type { CompileResult } from '../plan/compile.ts';
import type { DrainKind } from '../proxy/driver.ts';
import { PRODUCT } from '../version.ts';
import { betweenTurns } from './between-turns.ts';
import { type Bundle, compileBundle } from './bundle.ts';
import { become } from './credentials.ts';
import { after, logClock, nameClock } from './delay.ts';
import { collectGarbage, Garbage } from './garbage.ts';
import { closeLogFile, LogFiles, tellOnStandardError } from './log-files.ts';
import {
  type Answer,
  CHANNEL_FD,
  decodeMessage,
  encodeMessage,
  type Order,
  type SocketLabel,
  type WorkerRole,
} from './messages.ts';
import { nodeCodecs } from './ports/codecs.ts';
import { nodeFiles } from './ports/files.ts';
import { dnsNames } from './ports/names.ts';
import { bugText } from './report.ts';
import { Worker } from './worker.ts';
import { zoneMinutes } from './zone-minutes.ts';
import { MappedZones } from './zones.ts';

const PLAN_COUNT_MS = 100;

interface IncomingSocket extends SocketLabel {
  readonly fd: number;
}

export class ObeyingWorker implements FdChannelHandler {
  private readonly engine: EpollEngine;
  private readonly exit: (code: number) => void;
  private readonly channel: FdChannel | IoError;
  private readonly zones = new MappedZones();
  private readonly garbage: Garbage;
  private logs: LogFiles | undefined;
  private worker: Worker | undefined;
  private role: WorkerRole | undefined;
  private incomingLogs = new Map<string, number>();
  private incomingSockets: IncomingSocket[] = [];
  /** What kept descriptors of the next plan from being taken over. */
  private problem: string | undefined;
  private draining = false;
  private stopCompiling = nothing;

  constructor(engine: EpollEngine, exit: (code: number) => void) {
    this.engine = engine;
    this.exit = exit;
    this.garbage = new Garbage(engine);
    this.channel = FdChannel.open(engine, CHANNEL_FD, this);
  }

  /** Whether there is a master at the other end. */
  get opened(): boolean {
    return this.channel instanceof FdChannel;
  }

  message(bytes: Uint8Array, fds: number[]): void {
    this.obey(decodeMessage(bytes) as Order, fds);
  }

  /** The master has vanished: what is under way ends, nothing new begins. */
  closed(): void {
    this.log('alert', 'the master process has gone; closing the listening sockets');
    this.drain('quit');
  }

  /** TERM. */
  stop(): void {
    this.log('notice', 'exiting');
    this.leave(0);
  }

  drain(how: DrainKind): void {
    if (this.draining) return;
    this.draining = true;
    this.log('notice', 'gracefully shutting down');
    process.title = 'holdfast: worker process is shutting down';
    if (this.worker === undefined) return this.leave(0);
    this.worker.drain(how, () => {
      this.log('notice', 'exiting');
      this.leave(0);
    });
  }

  /** A bug: the line says where, the master starts another worker. */
  die(error: unknown): void {
    this.log('alert', `worker process ${process.pid} dies of a bug: ${bugText(error)}`);
    this.leave(70);
  }

  private leave(code: number): void {
    if (code === 0) this.log('notice', 'exit');
    this.logs?.finish(tellOnStandardError);
    this.exit(code);
  }

  private log(level: Level, text: string): void {
    this.worker?.generation?.errorLog.write(level, text);
  }

  private answer(message: Answer): void {
    if (this.channel instanceof FdChannel) this.channel.send(encodeMessage(message));
  }

  private obey(order: Order, fds: readonly number[]): void {
    switch (order.do) {
      case 'begin':
        return this.begin(order.role);
      case 'logs':
        for (const [i, path] of order.paths.entries()) this.takeLog(path, fds[i] ?? -1);
        return;
      case 'zones':
        for (const [i, zone] of order.zones.entries()) {
          const error = this.zones.attach(zone, fds[i] ?? -1);
          if (error !== undefined)
            this.problem ??= `zone "${zone.name}": ${error.call}() failed (${ioErrorText(error)})`;
        }
        return;
      case 'sockets':
        this.incomingSockets.push(...order.sockets.map((label, i) => ({ ...label, fd: fds[i] ?? -1 })));
        return;
      case 'prepare':
        return this.prepare(order.bundle);
      case 'swap':
        return this.swap(order.leave);
      case 'forget':
        return this.forget();
      case 'reopen':
        return this.reopen();
      case 'drain':
        return this.drain(order.how);
    }
  }

  private begin(role: WorkerRole): void {
    const { engine } = this;
    this.role = role;
    const problems = [limitDescriptors(role.descriptorsMax), setNice(role.priority)];
    const refused = role.credentials === undefined ? undefined : become(role.credentials);
    if (refused !== undefined) this.problem = refused;
    const logs = new LogFiles(logClock(engine), role.defaultLog);
    logs.alert = (text) => this.log('alert', text);
    this.logs = logs;
    this.problems = problems.filter((each) => each !== undefined);
    this.worker = new Worker({
      engine,
      files: nodeFiles(),
      codecs: nodeCodecs(),
      names: dnsNames({ clock: nameClock(engine), log: (text) => this.log('error', text) }),
      logs,
      zones: this.zones,
      retired: () => this.garbage.left(),
      stirred: () => this.garbage.stirred(),
      seed: process.pid,
      facts: {
        pid: process.pid,
        hostname: role.hostname,
        product: PRODUCT,
        zoneMinutes,
        counters: { accepted: 0, active: 0, requests: 0 },
      },
    });
  }

  /** What the system refused before there was a log. */
  private problems: readonly string[] = [];

  private takeLog(path: string, fd: number): void {
    const before = this.incomingLogs.get(path);
    if (before !== undefined) closeLogFile(before);
    this.incomingLogs.set(path, fd);
  }

  /** Compiles the next plan; those whom this worker serves already are served meanwhile. */
  private prepare(bundle: Bundle): void {
    const steps = compileBundle(bundle);
    const compiled = ({ plan, errors }: CompileResult): void => {
      this.stopCompiling = nothing;
      if (plan !== undefined) this.worker?.prepare(bundle.number, plan);
      const problem = this.problem ?? errors[0]?.message;
      this.answer({ say: 'prepared', number: bundle.number, problem });
    };
    if (this.worker?.driver === undefined) compiled(finished(steps));
    else this.stopCompiling = betweenTurns(steps, compiled, (error) => this.die(error));
  }

  private swap(leave: readonly number[]): void {
    const { worker } = this;
    if (worker === undefined || this.role === undefined) throw new Error('bug: a swap before the beginning');
    this.reopen();
    const { plan, number, errorLog } = worker.swap();
    for (const text of this.problems) errorLog.write('alert', text);
    this.problems = [];
    const listeners = new Map(plan.listeners.map((listener) => [listener.key, listener]));
    let problem: string | undefined;
    for (const { id, key, fd } of this.incomingSockets) {
      const listener = listeners.get(key);
      const error = listener === undefined ? undefined : worker.adoptListener(id, listener, fd);
      if (listener === undefined || error !== undefined) closeDescriptor(fd);
      if (error !== undefined) problem ??= `${key}: ${error.call}() failed (${ioErrorText(error)})`;
    }
    this.incomingSockets = [];
    worker.closeListeners(({ id, key }) => leave.includes(id) || !listeners.has(key));
    this.answer({ say: 'swapped', number, problem });
    if (this.role.countsPlans) after(this.engine, PLAN_COUNT_MS, () => this.countPlans());
  }

  /** Descriptors of a plan that does not come after all. */
  private forget(): void {
    this.stopCompiling();
    this.garbage.left();
    this.worker?.forget();
    this.zones.abort();
    for (const fd of this.incomingLogs.values()) closeLogFile(fd);
    for (const { fd } of this.incomingSockets) closeDescriptor(fd);
    this.incomingLogs = new Map();
    this.incomingSockets = [];
    this.problem = undefined;
  }

  private reopen(): void {
    for (const [path, fd] of this.incomingLogs) this.logs?.give(path, fd);
    this.incomingLogs = new Map();
  }

  private countPlans(): void {
    collectGarbage();
    this.log('notice', `worker process ${process.pid}: ${this.worker?.plansAlive ?? 0} plans alive`);
  }
}

function nothing(): void {}

/** As ngx_worker_process_init(): refused, the worker goes on with what it has. */
function limitDescriptors(count: number | undefined): string | undefined {
  if (count === undefined) return undefined;
  const error = setDescriptors(count);
  return error === undefined
    ? undefined
    : `setrlimit(RLIMIT_NOFILE, ${count}) failed (${ioErrorText(error)})`;
}

function setNice(priority: number): string | undefined {
  if (priority === 0) return undefined;
  try {
    setPriority(0, priority);
    return undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException & { info?: { code?: string; message?: string } };
    return `setpriority(${priority}) failed (${code ?? ''} ${message})`;
  }
}
