// What a workload is: cases that are played by every contender in turn, each giving its figures.
import type { ConfigFile } from './config-text.ts';
import type { Contender } from './contenders.ts';
import type { Figures, Measure } from './result.ts';
import type { Load, LoadLine, LoadOptions, Stand, StandOptions, Upstream } from './stand.ts';

export type Scale = 'full' | 'quick' | 'tiny';

/** One turn of one contender: what a case may ask for. */
export interface Turn {
  readonly contender: Contender;
  readonly scale: Scale;
  readonly upstream: Upstream;
  /** A folder of the run, for files that a case writes. */
  readonly folder: string;
  /** The contender on this file, started at its first turn of the workload and kept for all its rounds. */
  stand(file: ConfigFile): Promise<Stand>;
  /** A fresh one, which ends with the turn. */
  freshStand(file: ConfigFile, options?: Pick<StandOptions, 'workers'>): Promise<Stand>;
  startLoad(mode: string, options: LoadOptions): Load;
}

export interface Case {
  readonly name: string;
  readonly measures: readonly Measure[];
  run(turn: Turn): Promise<Figures>;
  /** Rounds at most, where one is dear and hardly varies. */
  readonly roundsMax?: number;
  /** False where every turn starts a fresh process: then there is nothing to warm. */
  readonly isWarmed?: boolean;
}

export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly method: string;
  cases(scale: Scale): readonly Case[];
  /** Whom it concerns; everybody, where it says nothing. */
  suits?(contender: Contender): boolean;
}

/** A turn that this contender cannot play, by no fault of its own: it is left out, not failed. */
export class NotPlayed extends Error {}

export function less(name: string, unit: string): Measure {
  return { name, unit, better: 'less' };
}

export function more(name: string, unit: string): Measure {
  return { name, unit, better: 'more' };
}

export interface Measured {
  /** CPU of the contender while the load had its connections open and played, in microseconds. */
  readonly cpuMicros: number;
  /** What the load says, by name. */
  figure(name: string): number;
}

/** Opens the load's connections, plays it, and closes them: CPU is read when all are open and when the last answer is there. */
export async function measureLoad(
  turn: Turn,
  stand: Stand,
  mode: string,
  options: LoadOptions,
): Promise<Measured> {
  const load = turn.startLoad(mode, { port: stand.port, ...options });
  try {
    await load.opened;
    const before = stand.meter.sample();
    load.go();
    const line = await load.figures;
    return { cpuMicros: (stand.meter.sample() - before) / 1000, figure: (name) => figureOf(line, name) };
  } finally {
    await load.end();
  }
}

export function figureOf(line: LoadLine, name: string): number {
  const value = line[name];
  if (value === undefined) throw new Error(`the load says nothing of ${name}`);
  return value;
}
