// The rewrite module's script: a list of steps that run one after another, until one of them ends it.
import type { Exchange } from '../proxy/exchange.ts';
import type { Verdict } from './module.ts';

/** What the steps of one run share. */
export interface Run {
  readonly x: Exchange;
  /** rewrite_log. */
  readonly log: boolean;
  /** Captures are escaped in values, until a `rewrite` has matched. */
  escaped: boolean;
  /** What the phase's handler says in the end. */
  verdict: Verdict;
}

/** False ends the script. */
export type Step = (run: Run) => boolean;

export function runSteps(steps: readonly Step[], run: Run): boolean {
  for (const step of steps) if (!step(run)) return false;
  return true;
}

/** A test of a subject by a regular expression, with what rewrite_log says of it. Without a match no captures stay. */
export function logMatch(run: Run, source: string, subject: string, matched: boolean): void {
  if (!matched) run.x.captures = undefined;
  if (run.log) run.x.log('notice', `"${source}" ${matched ? 'matches' : 'does not match'} "${subject}"`);
}
