// Turns over Node's loop: the first callback of a loop iteration opens one, the `setImmediate` after the poll closes it.
// Within a turn the clocks stand still; at its end run the deferred works, then the hooks, then the engine's own tidying.
import type { Ms } from '../engine.ts';
import { monotonicNow, startImmediate, stopImmediate, wallClock } from './host-clock.ts';

type Work = () => void;

export class Turns {
  /** Counts turns; the answer to a connect must come in a later one than the connect. */
  number = 0;
  private now: Ms = monotonicNow();
  private wall: Ms = wallClock();
  private immediate: NodeJS.Immediate | undefined;
  private stopped = false;
  private deferred: Work[] = [];
  private readonly hooks = new Set<Work>();
  /** Begin the next turn: what a call promised for later. */
  private promised: Work[] = [];
  private readonly tidy: Work;
  private readonly finish = (): void => this.end();

  constructor(tidy: Work) {
    this.tidy = tidy;
  }

  /** Opens a turn unless one is open. Every way into the engine comes through here. */
  enter(): void {
    if (this.immediate !== undefined || this.stopped) return;
    this.number++;
    this.now = monotonicNow();
    this.wall = wallClock();
    this.immediate = startImmediate(this.finish);
  }

  time(): Ms {
    this.enter();
    return this.now;
  }

  wallTime(): Ms {
    this.enter();
    return this.wall;
  }

  /** Runs `work` at the end of this turn. */
  defer(work: Work): void {
    this.enter();
    this.deferred.push(work);
  }

  atEnd(work: Work): void {
    this.enter();
    this.hooks.add(work);
  }

  /** Runs `work` as the first thing of a later turn. */
  later(work: Work): void {
    this.enter();
    this.promised.push(work);
  }

  /** Ends the open turn now, ahead of its immediate: a callback came that belongs to a later turn. */
  end(): void {
    if (this.immediate === undefined) return;
    this.runDeferred();
    if (this.stopped) return;
    const hooks = [...this.hooks];
    this.hooks.clear();
    for (const hook of hooks) hook();
    if (this.stopped) return;
    stopImmediate(this.immediate);
    this.immediate = undefined;
    this.tidy();
    if (this.promised.length > 0) startImmediate(this.keepPromises);
  }

  /** Drops all that waits; nothing runs any more. */
  stop(): void {
    this.stopped = true;
    if (this.immediate !== undefined) stopImmediate(this.immediate);
    this.immediate = undefined;
    this.deferred = [];
    this.promised = [];
    this.hooks.clear();
  }

  /** A work that is deferred by a deferred one still runs before the next poll. */
  private runDeferred(): void {
    for (let i = 0; i < this.deferred.length; i++) this.deferred[i]!();
    this.deferred = [];
  }

  private readonly keepPromises = (): void => {
    if (this.stopped) return;
    this.enter();
    const promised = this.promised;
    this.promised = [];
    for (const work of promised) work();
  };
}
