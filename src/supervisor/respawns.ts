// How fast dead workers are replaced: three at once, then one a second, so that a worker that dies at its start does not eat a core.
import { WORKER_RESPAWNS_AT_ONCE } from '../base/limits.ts';

const REFILL_MS = 1000;

export class Respawns {
  private left = WORKER_RESPAWNS_AT_ONCE;
  private counted = 0;

  /** `now` in milliseconds that never go back: how long to wait with the next one, which is counted. */
  waitMs(now: number): number {
    const grown = Math.floor((now - this.counted) / REFILL_MS);
    if (grown > 0) {
      this.left = Math.min(WORKER_RESPAWNS_AT_ONCE, this.left + grown);
      this.counted += grown * REFILL_MS;
    }
    this.left--;
    return this.left >= 0 ? 0 : this.counted + -this.left * REFILL_MS - now;
  }
}
