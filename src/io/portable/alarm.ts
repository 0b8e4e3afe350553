// The one Node timeout that wakes the engine for its timer wheel.
import type { Ms } from '../engine.ts';
import { TimerWheel } from '../timer-wheel.ts';
import { monotonicNow, startTimeout, stopTimeout } from './host-clock.ts';
import type { Turns } from './turns.ts';

/** What `setTimeout` takes at most; a later deadline is looked at again then. */
const TIMEOUT_MS_MAX = 2_147_483_647;

export class Alarm {
  readonly wheel: TimerWheel;
  private readonly turns: Turns;
  private timeout: NodeJS.Timeout | undefined;
  private setFor: Ms = Infinity;

  constructor(turns: Turns) {
    this.turns = turns;
    // A turn sets the alarm at its end: a deadline armed outside of one opens one.
    this.wheel = new TimerWheel(monotonicNow(), () => turns.enter());
  }

  /** Sets the alarm for the wheel's next deadline; one that is set too early is left to ring. */
  set(): void {
    const at = this.wheel.nextWake();
    if (at >= this.setFor) return;
    this.stop();
    this.setFor = at;
    const delay = Math.min(Math.max(Math.ceil(at - monotonicNow()), 0), TIMEOUT_MS_MAX);
    this.timeout = startTimeout(this.ring, delay);
  }

  stop(): void {
    if (this.timeout !== undefined) stopTimeout(this.timeout);
    this.timeout = undefined;
    this.setFor = Infinity;
  }

  private readonly ring = (): void => {
    this.timeout = undefined;
    this.setFor = Infinity;
    this.turns.enter();
    this.wheel.advance(this.turns.time());
  };
}
