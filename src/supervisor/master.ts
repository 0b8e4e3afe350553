// The master process: reads, resolves, binds and opens, and gives all of it to its workers. A reload compiles in every worker first and
// counts in all of them or in none. It serves nobody itself.
import { setTimeout as pause } from 'node:timers/promises';
import { BIND_TRIES } from '../base/limits.ts';
import type { EpollEngine } from '../io/epoll/epoll-engine.ts';
import { ioErrorText } from '../io/io-error.ts';
import type { ErrorLog } from '../observe/error-log.ts';
import type { CompileResult } from '../plan/compile.ts';
import type { Plan, ProcessSettings } from '../plan/plan.ts';
import { withRests } from './between-turns.ts';
import { bindHelp, bindText } from './bind-help.ts';
import { type Bundle, type Invocation, loadBundle } from './bundle.ts';
import { type Credentials, settleUser } from './credentials.ts';
import { launched } from './daemon.ts';
import { logClock } from './delay.ts';
import { disk, lookup } from './disk.ts';
import { createPaths, pathText } from './folders.ts';
import { Garbage } from './garbage.ts';
import { ListeningSockets } from './listening-sockets.ts';
import { LogFiles, openLogFiles, tellOnStandardError } from './log-files.ts';
import { reopenLogs } from './log-reopen.ts';
import { defaultLog, mainLog, mainLogPath } from './main-log.ts';
import { removePidFile, writePidFile } from './pid-file.ts';
import { changeText, keepSettings, type PlanFacts, planFacts } from './reload-report.ts';
import { bugText, LogReport, type Report, sayNoEffect } from './report.ts';
import { workerEnvironment } from './worker-launch.ts';
import { type Supplies, Workers } from './workers.ts';
import { SharedZones } from './zones.ts';

/** What is in force. */
interface Current {
  readonly bundle: Bundle;
  readonly facts: PlanFacts;
  readonly process: ProcessSettings;
  readonly credentials: Credentials | undefined;
  readonly mainLog: string;
}

interface Next {
  readonly bundle: Bundle;
  readonly plan: Plan;
  readonly process: ProcessSettings;
  readonly credentials: Credentials | undefined;
}

/** A plan with all that it needs of the system, before it counts. */
interface Opened extends Next {
  readonly logs: ReadonlyMap<string, number>;
}

export class Master {
  /** Resolves to the exit code. */
  readonly ended: Promise<number>;
  private readonly engine: EpollEngine;
  private readonly invocation: Invocation;
  private readonly logs: LogFiles;
  private readonly sockets = new ListeningSockets();
  private readonly zones = new SharedZones();
  private readonly report: Report = new LogReport(() => this.errorLog);
  private readonly workers: Workers;
  private readonly garbage: Garbage;
  private errorLog: ErrorLog | undefined;
  private current: Current | undefined;
  /** Of the plan that was tried last. No two have the same: a worker may answer late for one that was given up. */
  private number = 0;
  /** A start or a reload is under way. */
  private busy = true;
  private reloadWanted = false;
  /** USR1 came during a reload, whose files are open already: they would take the place of those that USR1 has opened. */
  private reopenWanted = false;
  private stopping: 'fast' | 'graceful' | undefined;
  private finished = false;
  private pidFile: string | undefined;
  private resolveEnded: (code: number) => void = () => undefined;

  constructor(engine: EpollEngine, invocation: Invocation) {
    this.engine = engine;
    this.invocation = invocation;
    this.garbage = new Garbage(engine);
    this.logs = new LogFiles(logClock(engine), defaultLog(invocation));
    this.logs.alert = (text) => this.report.say('alert', text);
    this.workers = new Workers(
      engine,
      () => this.supplies(),
      this.report,
      (pid) => this.workerEnded(pid),
    );
    this.ended = new Promise((resolve) => {
      this.resolveEnded = resolve;
    });
  }

  /**
   * Everything listens and all workers serve: true. Or `report` has said why not, and nothing is left behind. `greeting` are the first
   * lines of the log.
   */
  async start(
    bundle: Bundle,
    result: CompileResult,
    report: Report,
    greeting: readonly string[],
  ): Promise<boolean> {
    this.number = bundle.number;
    const { plan } = result;
    const credentials = plan === undefined ? 'refused' : settleUser(plan.process, report);
    if (plan === undefined || credentials === 'refused') return false;
    const opened = await this.open({ bundle, plan, process: plan.process, credentials }, report);
    if (opened === undefined) return false;
    this.commit(opened);
    for (const line of greeting) this.report.say('notice', line);
    this.report.configuration(result);
    sayNoEffect(result, this.report);
    const problem = (await this.workers.fill()) ?? this.writePid(plan);
    if (problem !== undefined && this.stopping === undefined) {
      report.say('emerg', problem);
      this.stopping = 'fast';
      void this.workers.end();
      this.finishWhenAlone();
      await this.ended;
      return false;
    }
    this.settle();
    return true;
  }

  /** Takes lines for the error log. */
  get log(): Report {
    return this.report;
  }

  get logPaths(): ReadonlySet<string> {
    return new Set(this.logs.paths());
  }

  flush(): void {
    this.logs.flush();
  }

  // Signals.

  terminate(name: string): void {
    this.report.say('notice', `${name} received, exiting`);
    if (this.stopping === 'fast') return;
    this.stopping = 'fast';
    void this.workers.end();
    this.finishWhenAlone();
  }

  quit(name: string): void {
    this.report.say('notice', `${name} received, shutting down`);
    if (this.stopping !== undefined) return;
    this.stopping = 'graceful';
    if (!this.busy) this.drain();
  }

  reload(name: string): void {
    this.report.say('notice', `${name} received, reconfiguring`);
    this.reloadWanted = true;
    if (!this.busy) this.settle();
  }

  reopen(name: string): void {
    this.report.say('notice', `${name} received, reopening logs`);
    this.reopenWanted = true;
    if (!this.busy) this.reopenLogs();
  }

  private reopenLogs(): void {
    this.reopenWanted = false;
    this.workers.reopen(reopenLogs(this.logs, this.current?.credentials?.uid, this.report));
    this.report.say('notice', 'reopening logs');
  }

  // Plans.

  /** A start or a reload is over: does what has been asked for meanwhile. */
  private settle(): void {
    this.busy = false;
    if (this.reopenWanted && !this.finished) this.reopenLogs();
    if (this.stopping === 'graceful') this.drain();
    if (this.stopping !== undefined) return;
    if (!this.reloadWanted) return this.workers.release();
    this.reloadWanted = false;
    this.busy = true;
    this.workers.hold();
    void this.takeOver()
      .catch((error: unknown) => this.report.say('alert', `the reload met a bug: ${bugText(error)}`))
      .then(() => {
        this.garbage.left();
        this.settle();
      });
  }

  /** A reload: all workers compile, then all swap; where one cannot, none does. */
  private async takeOver(): Promise<void> {
    const { current, report, workers } = this;
    if (current === undefined) return;
    report.say('notice', 'reconfiguring');
    this.logs.flush(); // compiling takes a while
    const { bundle, result } = await loadBundle(this.invocation, disk, lookup, ++this.number, {
      before: current.bundle,
      run: withRests,
    });
    report.configuration(result);
    const { plan } = result;
    if (plan === undefined) return this.stay(current);
    const process = keepSettings(current.process, plan.process, report);
    const { credentials } = current;
    const opened = await this.open({ bundle, plan, process, credentials }, report);
    if (opened === undefined) return this.stay(current);
    const problem = await workers.prepare(bundle, opened.logs, this.zones.added());
    if (problem !== undefined) report.say('emerg', problem);
    if (problem !== undefined || this.stopping !== undefined) {
      this.abandon(opened);
      return this.stay(current);
    }
    this.commit(opened);
    await workers.swap();
    if (process.priority !== current.process.priority) workers.setPriority(process.priority);
    const missing = await workers.fill();
    if (missing !== undefined) report.say('alert', missing);
    this.sockets.closeDropped();
    const changes = changeText(current.facts, planFacts(opened.plan));
    report.say('notice', `reconfigured: plan ${bundle.number} is in force; ${changes}`);
  }

  private stay({ bundle }: Current): void {
    this.report.say('notice', `plan ${bundle.number} stays in force`);
  }

  /** Opens logs, zones and sockets; undefined after `report` has said what cannot be had, and then nothing has changed. */
  private async open(next: Next, report: Report): Promise<Opened | undefined> {
    const { plan, process, credentials } = next;
    const folder = createPaths(plan.folders, credentials?.uid);
    const logs = folder ?? openLogFiles(this.logs.pathsOf(plan.logs));
    if (!(logs instanceof Map)) {
      report.say('emerg', pathText(logs));
      return undefined;
    }
    const opened = { ...next, logs };
    const error = this.zones.open(plan.zones);
    if (error !== undefined) report.say('emerg', `${error.call}() of a zone failed (${ioErrorText(error)})`);
    if (error === undefined && (await this.bind(plan, workersOf(process), report))) return opened;
    this.abandon(opened);
    return undefined;
  }

  /** As ngx_open_listening_sockets(): an address in use may be one that is just being left. */
  private async bind(plan: Plan, workers: number, report: Report): Promise<boolean> {
    let said = '';
    for (let tries = 1; ; tries++) {
      const problem = this.sockets.open(plan.listeners, workers);
      if (problem === undefined) return true;
      const text = bindText(problem.listener, problem.error);
      if (text !== said) report.say('emerg', text, bindHelp(problem.listener, problem.error));
      said = text;
      if (problem.error.code !== 'EADDRINUSE' || this.stopping !== undefined) return false;
      if (tries === BIND_TRIES) break;
      report.say('notice', 'try again to bind() after 500ms');
      await pause(500);
    }
    report.say('emerg', 'still could not bind()');
    return false;
  }

  private abandon(opened: Opened): void {
    this.logs.discard(opened.logs);
    this.zones.abort();
    this.sockets.abort();
  }

  /** What was opened is in force for the master, and for every worker that starts from now on. */
  private commit({ bundle, plan, process, credentials, logs }: Opened): void {
    for (const [path, fd] of logs) this.logs.give(path, fd);
    for (const path of this.logs.paths()) if (!logs.has(path)) this.logs.drop(path);
    this.errorLog = mainLog(plan, this.logs);
    this.zones.commit();
    const problem = this.sockets.commit();
    if (problem !== undefined) this.report.say('alert', bindText(problem.listener, problem.error));
    const path = mainLogPath(plan, this.invocation);
    this.current = { bundle, facts: planFacts(plan), process, credentials, mainLog: path };
  }

  private supplies(): Supplies {
    const { current } = this;
    if (current === undefined) throw new Error('bug: a worker before there is a plan');
    const { bundle, process: settings, credentials, mainLog } = current;
    const count = workersOf(settings);
    return {
      bundle,
      count,
      role: {
        credentials,
        priority: settings.priority,
        descriptorsMax: settings.descriptorsMax,
        hostname: this.invocation.hostname,
        defaultLog: defaultLog(this.invocation),
        countsPlans: process.env.HOLDFAST_COUNT_PLANS !== undefined,
      },
      environment: workerEnvironment(settings.env),
      terminal: launched() ? (this.logs.descriptors.get(mainLog) ?? 'inherit') : 'inherit',
      logs: this.logs.descriptors,
      zones: this.zones.all(),
      sockets: (worker) => this.sockets.of(worker, count),
    };
  }

  // The end.

  private drain(): void {
    this.workers.drain();
    this.sockets.closeAll();
    this.finishWhenAlone();
  }

  private workerEnded(pid: number): void {
    this.zones.freeLocksOf(pid);
    if (this.stopping !== undefined) this.finishWhenAlone();
  }

  private finishWhenAlone(): void {
    if (this.workers.count > 0 || this.finished) return;
    this.finished = true;
    this.sockets.closeAll();
    const path = this.pidFile;
    this.pidFile = undefined;
    if (path !== undefined) {
      const error = removePidFile(path);
      if (error !== undefined) this.report.say('alert', pathText({ path, error }));
    }
    this.report.say('notice', 'exit');
    this.logs.finish(tellOnStandardError);
    this.engine.destroy();
    this.resolveEnded(0);
  }

  /** The file is there when all workers serve: a QUIT that follows at once finds nobody in the queue. What is wrong, or undefined. */
  private writePid({ process: { pidFile } }: Plan): string | undefined {
    if (this.stopping !== undefined) return undefined;
    const error = writePidFile(pidFile, process.pid);
    if (error !== undefined) return pathText({ path: pidFile, error });
    this.pidFile = pidFile;
    return undefined;
  }
}

function workersOf(settings: ProcessSettings): number {
  return Math.max(1, settings.workers);
}
