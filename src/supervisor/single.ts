// One process that is master and worker at once: `master_process off`, the portable engine, and the library. It reads, resolves, binds
// and opens by itself; a reload compiles beside what runs and swaps when all of it holds.

import type { ConfigFiles } from '../config/files.ts';
import type { IoError } from '../io/engine.ts';
import { isIoError } from '../io/io-error.ts';
import type { CompileResult } from '../plan/compile.ts';
import type { ListenerPlan, Plan } from '../plan/plan.ts';
import { type Bundle, type Invocation, type Lookup, loadBundle } from './bundle.ts';
import { Worker, type WorkerWorld } from './worker.ts';

export interface SingleWorld extends WorkerWorld {
  readonly disk: ConfigFiles;
  readonly lookup: Lookup;
}

/** What kept a plan from being taken over. */
export type StartProblem =
  | { readonly kind: 'config'; readonly result: CompileResult }
  | { readonly kind: 'bind'; readonly listener: ListenerPlan; readonly error: IoError };

export class SingleProcess {
  readonly worker: Worker;
  private readonly world: SingleWorld;
  private readonly invocation: Invocation;
  private number = 0;
  private loading: Promise<StartProblem | undefined> | undefined;
  private again = false;

  constructor(world: SingleWorld, invocation: Invocation) {
    this.world = world;
    this.invocation = invocation;
    this.worker = new Worker(world);
  }

  get plan(): Plan | undefined {
    return this.worker.generation?.plan;
  }

  /** Compiles the file and takes it over; undefined when that is done. Calls during a load make one more after it. */
  async load(): Promise<StartProblem | undefined> {
    if (this.loading !== undefined) {
      this.again = true;
      return this.loading;
    }
    this.loading = this.loadUntilSettled();
    try {
      return await this.loading;
    } finally {
      this.loading = undefined;
    }
  }

  private async loadUntilSettled(): Promise<StartProblem | undefined> {
    for (;;) {
      this.again = false;
      const problem = await this.loadOnce();
      if (!this.again) return problem;
    }
  }

  private async loadOnce(): Promise<StartProblem | undefined> {
    const { bundle, result } = await loadBundle(
      this.invocation,
      this.world.disk,
      this.world.lookup,
      ++this.number,
    );
    if (result.plan === undefined) return { kind: 'config', result };
    return this.takeOver(bundle, result.plan);
  }

  private async takeOver(bundle: Bundle, plan: Plan): Promise<StartProblem | undefined> {
    this.worker.prepare(bundle);
    const first = this.worker.driver === undefined;
    if (first) this.worker.swap();
    const opened: string[] = [];
    for (const listener of plan.listeners) {
      if (this.worker.hasListener(listener.key)) continue;
      const error = await this.bind(listener);
      if (error !== undefined) {
        for (const key of opened) this.worker.closeListener(key);
        this.worker.forget();
        return { kind: 'bind', listener, error };
      }
      opened.push(listener.key);
    }
    if (!first) this.worker.swap();
    const wanted = new Set(plan.listeners.map(({ key }) => key));
    for (const key of this.worker.listenerKeys()) if (!wanted.has(key)) this.worker.closeListener(key);
    return undefined;
  }

  private bind(listener: ListenerPlan): Promise<IoError | undefined> {
    return new Promise((resolve) => {
      this.worker.listen(listener, (result) => resolve(isIoError(result) ? result : undefined));
    });
  }
}
