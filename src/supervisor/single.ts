// One process that is master and worker at once: `master_process off`, the portable engine, and the library. It reads, resolves, binds
// and opens by itself; a reload compiles beside what runs and swaps when all of it holds.
import type { Steps } from '../base/steps.ts';
import type { ConfigFiles } from '../config/files.ts';
import type { IoError, Listener } from '../io/engine.ts';
import { isIoError } from '../io/io-error.ts';
import type { CompileResult } from '../plan/compile.ts';
import type { ListenerPlan, Plan } from '../plan/plan.ts';
import type { DrainKind } from '../proxy/driver.ts';
import { betweenTurns } from './between-turns.ts';
import { bindHelp, bindText } from './bind-help.ts';
import { type Bundle, type Invocation, type Lookup, loadBundle } from './bundle.ts';
import { after } from './delay.ts';
import { createPaths, type PathProblem, pathText } from './folders.ts';
import { removeSocketFile } from './listening-sockets.ts';
import { openLogFiles } from './log-files.ts';
import type { Report } from './report.ts';
import { Worker, type WorkerWorld } from './worker.ts';

export interface SingleWorld extends WorkerWorld {
  readonly disk: ConfigFiles;
  readonly lookup: Lookup;
  /** How often an address that is in use is tried. */
  readonly bindTries: number;
}

/** What kept a plan from being taken over. */
export type TakeOverProblem =
  | { readonly kind: 'config'; readonly result: CompileResult }
  | ({ readonly kind: 'path' } & PathProblem)
  | { readonly kind: 'bind'; readonly listener: ListenerPlan; readonly error: IoError };

export type Loaded =
  | { readonly problem: TakeOverProblem }
  | { readonly problem: undefined; readonly result: CompileResult; readonly plan: Plan };

const BIND_AGAIN_MS = 500;

export class SingleProcess {
  readonly worker: Worker;
  private readonly world: SingleWorld;
  /** What the next load reads. */
  invocation: Invocation;
  private number = 0;
  private loading: Promise<Loaded> | undefined;
  private again = false;

  constructor(world: SingleWorld, invocation: Invocation) {
    this.world = world;
    this.invocation = invocation;
    this.worker = new Worker(world);
  }

  get plan(): Plan | undefined {
    return this.worker.generation?.plan;
  }

  /** Compiles the file and takes it over. Calls during a load make one more after it. `allowed` may refuse a plan. */
  async load(allowed: (result: CompileResult) => CompileResult = (result) => result): Promise<Loaded> {
    if (this.loading !== undefined) {
      this.again = true;
      return this.loading;
    }
    this.loading = this.loadUntilSettled(allowed);
    try {
      return await this.loading;
    } finally {
      this.loading = undefined;
    }
  }

  /** No new clients; `done` when those that are there have ended. */
  drain(how: DrainKind, done: () => void): void {
    this.closeListeners(() => true);
    this.worker.drain(how, done);
  }

  closeListeners(which: (key: string) => boolean): void {
    for (const key of this.worker.listenerKeys()) {
      if (!which(key)) continue;
      this.worker.closeListeners((each) => each.key === key);
      if (key.startsWith('unix:')) removeSocketFile(key.slice('unix:'.length));
    }
  }

  private async loadUntilSettled(allowed: (result: CompileResult) => CompileResult): Promise<Loaded> {
    for (;;) {
      this.again = false;
      const { disk, lookup } = this.world;
      const { bundle, result } = await loadBundle(
        this.invocation,
        disk,
        lookup,
        this.number + 1,
        this.worker.driver === undefined ? {} : { run: inPieces },
      );
      const checked = allowed(result);
      const { plan } = checked;
      const problem: TakeOverProblem | undefined =
        plan === undefined ? { kind: 'config', result: checked } : await this.takeOver(bundle, plan);
      if (this.again) continue;
      return problem === undefined && plan !== undefined
        ? { problem, result, plan }
        : { problem: problem ?? { kind: 'config', result: checked } };
    }
  }

  private async takeOver(bundle: Bundle, plan: Plan): Promise<TakeOverProblem | undefined> {
    const { worker } = this;
    const first = worker.driver === undefined;
    worker.prepare(bundle.number, plan);
    // The first plan's listeners need a driver. Later on files are opened last: USR1 may come while an address is waited for.
    const begun = first ? this.swap(plan) : undefined;
    const opened: Listener[] = [];
    const problem = begun ?? (await this.listen(plan, opened)) ?? (first ? undefined : this.swap(plan));
    if (problem !== undefined) {
      worker.closeListeners(({ listener }) => opened.includes(listener));
      worker.forget();
      return problem;
    }
    this.number = bundle.number;
    for (const listener of opened) listener.resume();
    const wanted = new Set(plan.listeners.map(({ key }) => key));
    this.closeListeners((key) => !wanted.has(key));
    return undefined;
  }

  /** What was prepared counts, with its logs. */
  private swap(plan: Plan): TakeOverProblem | undefined {
    const { logs } = this.world;
    // A program that embeds this one has its temporary folders when they are needed, and not before.
    const folder = this.invocation.embedding === undefined ? createPaths(plan.folders, undefined) : undefined;
    const files = folder ?? openLogFiles(logs.pathsOf(plan.logs));
    if (!(files instanceof Map)) return { kind: 'path', ...files };
    for (const [path, fd] of files) logs.give(path, fd);
    this.worker.swap();
    return undefined;
  }

  /** Adds the plan's listeners that are not there yet to `opened`; they accept nobody until the plan counts. */
  private async listen(plan: Plan, opened: Listener[]): Promise<TakeOverProblem | undefined> {
    for (const listener of plan.listeners) {
      if (this.worker.hasListener(listener.key)) continue;
      const bound = await this.bind(listener);
      if (isIoError(bound)) return { kind: 'bind', listener, error: bound };
      bound.pause();
      opened.push(bound);
    }
    return undefined;
  }

  private async bind(plan: ListenerPlan): Promise<Listener | IoError> {
    for (let tries = 1; ; tries++) {
      const result = await new Promise<Listener | IoError>((resolve) => this.worker.listen(plan, resolve));
      if (!isIoError(result) || result.code !== 'EADDRINUSE' || tries >= this.world.bindTries) return result;
      await new Promise<void>((resolve) => after(this.world.engine, BIND_AGAIN_MS, resolve));
    }
  }
}

/** Clients are served meanwhile. */
function inPieces<T>(steps: Steps<T>): Promise<T> {
  return new Promise((resolve, reject) => void betweenTurns(steps, resolve, reject));
}

/** In nginx's words. */
export function reportProblem(problem: TakeOverProblem, report: Report): void {
  switch (problem.kind) {
    case 'config':
      return report.configuration(problem.result);
    case 'path':
      return report.say('emerg', pathText(problem));
    case 'bind':
      return report.say(
        'emerg',
        bindText(problem.listener, problem.error),
        bindHelp(problem.listener, problem.error),
      );
  }
}
