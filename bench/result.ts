// The shapes of what a run leaves: what was measured, of whom, on what. They are the JSON file; report.ts reads them alone.

export interface Measure {
  readonly name: string;
  readonly unit: string;
  readonly better: 'less' | 'more';
}

/** One contender's figures of one turn, by measure. */
export type Figures = Readonly<Record<string, number>>;

export interface CaseResult {
  readonly name: string;
  readonly measures: readonly Measure[];
  /** By contender and round; `undefined` (null in the file) where a turn failed. */
  readonly turns: Readonly<Record<string, readonly (Figures | null)[]>>;
  /** By contender: why a turn failed, in its own words. */
  readonly failures: Readonly<Record<string, string>>;
}

export interface WorkloadResult {
  readonly name: string;
  readonly title: string;
  /** How it is measured, for the page. */
  readonly method: string;
  readonly cases: readonly CaseResult[];
}

export interface ContenderResult {
  readonly name: string;
  readonly title: string;
  readonly version?: string;
  /** Why it took no part. */
  readonly absent?: string;
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryMiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly descriptorsMax: number;
}

export interface Result {
  readonly at: string;
  readonly commit: string;
  readonly machine: Machine;
  readonly rounds: number;
  readonly isQuick: boolean;
  readonly contenders: readonly ContenderResult[];
  readonly workloads: readonly WorkloadResult[];
  /** Whole workloads that could not run, and why. */
  readonly leftOut: Readonly<Record<string, string>>;
  /** The largest difference seen between the two ways to read CPU, of one process in one turn. */
  readonly clockDifferenceMs: number;
}
