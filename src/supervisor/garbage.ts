// A garbage collection when it is cheap: a while after a reload or a rush of clients. V8 collects when something is allocated, and an
// idle process allocates nothing: without this what they have left behind would stay in memory until the next one.
import { setFlagsFromString } from 'node:v8';
import { GARBAGE_BYTES, GARBAGE_QUIET_MS } from '../base/limits.ts';
import type { Engine } from '../io/engine.ts';
import { after } from './delay.ts';

/** So many in GARBAGE_QUIET_MS are no rush. */
const STIRS_QUIET = 100;

type Collect = (options?: Readonly<Record<string, string>>) => void;

/** It has a collection that gives all it can to the system at once, the young generation's room too: 2,000 bytes for each of 8,000 sockets. */
const HAS_LAST_RESORT = Number.parseInt(process.versions.node, 10) > 20;
const OPTIONS = HAS_LAST_RESORT ? { type: 'major', execution: 'sync', flavor: 'last-resort' } : undefined;

/** Node.js 20 makes the young generation small only when little was allocated in the five seconds before: a second one does it. */
const LITTLE_ALLOCATED_MS = 5500;

let collect: Collect | undefined;

/**
 * Stops the process for as long as it takes, tens of milliseconds for a file of a thousand servers; after it a WeakRef tells the truth.
 * What is left is moved together: without that half-empty pages would keep what was freed.
 */
export function collectGarbage(): void {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = process.getBuiltinModule('node:vm').runInNewContext('gc') as Collect;
  }
  setFlagsFromString('--compact-on-every-full-gc');
  collect(OPTIONS);
  setFlagsFromString('--no-compact-on-every-full-gc');
}

export class Garbage {
  private readonly engine: Engine;
  private cancel: (() => void) | undefined;
  private least = process.memoryUsage();
  private stirs = 0;

  constructor(engine: Engine) {
    this.engine = engine;
  }

  /** Something large may have become garbage. */
  left(): void {
    this.cancel?.();
    this.cancel = after(this.engine, GARBAGE_QUIET_MS, () => this.collect());
  }

  /** A client, a request or a tunnel has come or gone; what many of them leave is looked at when that has become rare. */
  stirred(): void {
    this.stirs++;
    if (this.cancel === undefined) this.left();
  }

  private collect(): void {
    this.cancel = undefined;
    const { stirs } = this;
    this.stirs = 0;
    if (stirs > STIRS_QUIET) return this.left();
    const { heapUsed, heapTotal } = process.memoryUsage();
    const grown = Math.max(heapUsed - this.least.heapUsed, heapTotal - this.least.heapTotal);
    if (grown < GARBAGE_BYTES) return;
    collectGarbage();
    if (HAS_LAST_RESORT) this.least = process.memoryUsage();
    else this.cancel = after(this.engine, LITTLE_ALLOCATED_MS, () => this.collectAgain());
  }

  private collectAgain(): void {
    this.cancel = undefined;
    if (this.stirs > STIRS_QUIET) return this.left();
    this.stirs = 0;
    collectGarbage();
    this.least = process.memoryUsage();
  }
}
