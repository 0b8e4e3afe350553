// What tunnels hold of their location: one object for all with the same content, counted, so that many reloads leave nothing behind.
import { assert, DEBUG } from '../base/assert.ts';
import type { Ms } from '../base/time.ts';
import type { ErrorLog } from './generation.ts';

export interface TunnelSettings {
  /** proxy_read_timeout: the longest silence of both sides together. */
  readonly readTimeoutMs: Ms;
  /** proxy_send_timeout: the longest silence while bytes wait for the peer. */
  readonly sendTimeoutMs: Ms;
  /** send_timeout: the same while they wait for the client. */
  readonly clientSendTimeoutMs: Ms;
  readonly resetTimedoutConnection: boolean;
  readonly errorLog: ErrorLog;
}

export class TunnelSettingsTable {
  private readonly rows: (TunnelSettings | undefined)[] = [];
  private readonly uses: number[] = [];

  /** The number of what equals `settings`, once more in use. */
  take(settings: TunnelSettings): number {
    let free = this.rows.length;
    for (const [number, known] of this.rows.entries()) {
      if (known === undefined) free = Math.min(free, number);
      else if (sameSettings(known, settings)) {
        this.uses[number] = this.usesOf(number) + 1;
        return number;
      }
    }
    this.rows[free] = settings;
    this.uses[free] = 1;
    return free;
  }

  at(number: number): TunnelSettings {
    const settings = this.rows[number];
    if (settings === undefined) throw new Error('bug: a tunnel without settings');
    return settings;
  }

  drop(number: number): void {
    if (DEBUG) assert(this.usesOf(number) > 0, 'settings are dropped twice');
    const uses = this.usesOf(number) - 1;
    this.uses[number] = uses;
    if (uses === 0) this.rows[number] = undefined;
  }

  /** Distinct settings in use. */
  get size(): number {
    return this.rows.filter((each) => each !== undefined).length;
  }

  private usesOf(number: number): number {
    return this.uses[number] ?? 0;
  }
}

function sameSettings(one: TunnelSettings, two: TunnelSettings): boolean {
  return (
    one.readTimeoutMs === two.readTimeoutMs &&
    one.sendTimeoutMs === two.sendTimeoutMs &&
    one.clientSendTimeoutMs === two.clientSendTimeoutMs &&
    one.resetTimedoutConnection === two.resetTimedoutConnection &&
    one.errorLog.sameAs(two.errorLog)
  );
}
