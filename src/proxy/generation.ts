// A plan and the live things that were matched to it by name: one per reload, given to each exchange that begins under it.
import type { Upstream } from '../balance/upstream.ts';
import type { Level } from '../base/failures.ts';
import type { CoreSettings } from '../plan/core-settings.ts';
import type { Plan } from '../plan/plan.ts';

/** A log that lines are written to; never throws, never waits (observe/). */
export interface LogSink {
  /** `line` is a byte string that ends with its line feed. */
  write(line: string): void;
}

export interface ErrorLog {
  /** Whether both write the same lines to the same logs: each generation has objects of its own. */
  sameAs(other: ErrorLog): boolean;
  /** Whether a line of that level is wanted anywhere, so that its text need not be made. */
  wants(level: Level): boolean;
  write(level: Level, text: string): void;
}

export interface Generation {
  readonly number: number;
  readonly plan: Plan;
  /** By `UpstreamPlan.number`. */
  readonly upstreams: readonly Upstream[];
  /** By number of `plan.logs`. */
  readonly logs: readonly LogSink[];
  /** By number of `plan.zones`. */
  readonly zones: readonly ArrayBuffer[];
  /** For what concerns no location. */
  readonly errorLog: ErrorLog;
  /** Exchanges under way that began under it, tunnels that keep theirs included. The driver counts. */
  exchanges: number;
  /** For a location's own `error_log` lines. */
  errorLogOf(settings: CoreSettings['errorLogs']): ErrorLog;
}
