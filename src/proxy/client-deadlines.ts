// The deadlines of a client's connection, and the one timer that all of them share: how long its next bytes may take, how long it may
// take none of the answer, when limit_rate lets more of it go. They say what is due; what follows is the connection's.
import type { Ms } from '../base/time.ts';
import type { TimerOwner, TimerSlot, Timers } from '../io/engine.ts';

export const NEVER: Ms = Number.POSITIVE_INFINITY;

export class ClientDeadlines {
  /** Bytes of the client's are waited for. */
  read: Ms = NEVER;
  /** The client is to take some of what waits for it. */
  write: Ms = NEVER;
  /** Under limit_rate: when more may go. */
  pace: Ms = NEVER;
  private readonly timers: Timers;
  private readonly slot: TimerSlot;
  /** While what the client still sends is read away: the end of that, and the longest silence before it. */
  private lingerEnd: Ms = 0;
  private lingerSilenceMs: Ms = 0;

  constructor(timers: Timers, owner: TimerOwner) {
    this.timers = timers;
    this.slot = timers.add(owner);
  }

  /** None has come: the timer fired for one that has moved meanwhile. */
  early(now: Ms): boolean {
    return now < this.read && now < this.write;
  }

  /** What the client still sends is read away from now on, each silence and all of it for no longer than the location says. */
  beginLingering(now: Ms, core: { readonly lingeringTimeMs: Ms; readonly lingeringTimeoutMs: Ms }): void {
    this.lingerEnd = now + core.lingeringTimeMs;
    this.lingerSilenceMs = core.lingeringTimeoutMs;
    this.linger(now);
  }

  linger(now: Ms): void {
    this.read = Math.min(this.lingerEnd, now + this.lingerSilenceMs);
    this.write = NEVER;
    this.arm();
  }

  /** Sets the timer to the first of them. */
  arm(): void {
    const until = Math.min(this.read, this.write, this.pace);
    if (until === NEVER) this.timers.disarm(this.slot);
    else this.timers.arm(this.slot, until);
  }

  /** The connection is no more. */
  remove(): void {
    this.timers.remove(this.slot);
  }
}
