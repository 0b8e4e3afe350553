// From what was measured to what is shown: medians, spread, and the ratio to another contender of the same round. Pure.
import type { CaseResult, Measure, Result } from './result.ts';

export interface Row {
  readonly workload: string;
  readonly case: string;
  readonly measure: Measure;
  readonly cells: readonly Cell[];
}

export interface Cell {
  readonly contender: string;
  readonly rounds: number;
  readonly median: number;
  readonly least: number;
  readonly most: number;
  /** Median of the ratios to the base of the same round; undefined where there is none, or the base is 0. */
  readonly ratio: number | undefined;
  /** Why a turn of it failed. */
  readonly failure: string | undefined;
}

/** Every measure of every case, with a cell for each contender that played it. */
export function rowsOf(result: Result, base: string): readonly Row[] {
  return result.workloads.flatMap((workload) =>
    workload.cases.flatMap((one) =>
      one.measures.map((measure) => ({
        workload: workload.name,
        case: one.name,
        measure,
        cells: result.contenders.flatMap((contender) => cellOf(one, measure.name, contender.name, base)),
      })),
    ),
  );
}

/** One cell, or none where the contender did not play. */
export function cellOf(one: CaseResult, measure: string, contender: string, base: string): readonly Cell[] {
  const figures = figuresOf(one, measure, contender);
  if (figures === undefined) return [];
  const there = figures.filter((figure) => figure !== undefined);
  return [
    {
      contender,
      rounds: there.length,
      median: median(there),
      least: Math.min(...there),
      most: Math.max(...there),
      ratio: ratioOf(figures, figuresOf(one, measure, base) ?? []),
      failure: one.failures[contender],
    },
  ];
}

/** By round; undefined where the turn failed. Not there at all where the contender does not play the case. */
export function figuresOf(
  one: CaseResult,
  measure: string,
  contender: string,
): (number | undefined)[] | undefined {
  return one.turns[contender]?.map((figures) => {
    const figure = figures?.[measure];
    return figure === undefined || !Number.isFinite(figure) ? undefined : figure;
  });
}

/** The median of the ratios round by round: what slowed one round slowed both sides of it. */
export function ratioOf(
  of: readonly (number | undefined)[],
  to: readonly (number | undefined)[],
): number | undefined {
  const ratios = of.flatMap((figure, round) => {
    const base = to[round];
    return figure === undefined || base === undefined || base === 0 ? [] : [figure / base];
  });
  return ratios.length === 0 ? undefined : median(ratios);
}

/** Of nothing: NaN. */
export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/**
 * From how many held sockets on `of` needs less memory in all than `to`: by the memory of both with nothing connected and by
 * what each socket costs where most are held. Infinity: from none; undefined: not measured.
 */
export function breakEven(result: Result, of: string, to: string): number | undefined {
  const one = result.workloads.find((workload) => workload.name === 'memory')?.cases.at(-1);
  if (one === undefined) return undefined;
  const figure = (measure: string, contender: string): number =>
    cellOf(one, measure, contender, to)[0]?.median ?? Number.NaN;
  const bytes = (contender: string): number => figure('with nothing connected', contender) * 2 ** 20;
  const saved = figure('private memory per socket', to) - figure('private memory per socket', of);
  const more = bytes(of) - bytes(to);
  if (Number.isNaN(saved) || Number.isNaN(more)) return undefined;
  if (more <= 0) return 0;
  return saved <= 0 ? Number.POSITIVE_INFINITY : more / saved;
}

/** A figure in as many digits as it is worth. */
export function shown(figure: number): string {
  if (!Number.isFinite(figure)) return '–';
  if (Math.abs(figure) >= 1000) return Math.round(figure).toLocaleString('en');
  return figure.toFixed(Math.abs(figure) >= 100 ? 0 : Math.abs(figure) >= 10 ? 1 : 2);
}

export function shownCell(cell: Cell, base: string): string {
  if (cell.rounds === 0) return `failed: ${cell.failure ?? 'no turn ended'}`;
  const ratio = cell.contender === base || cell.ratio === undefined ? '' : ` ×${cell.ratio.toFixed(2)}`;
  return `${shown(cell.median)} (${shown(cell.least)}–${shown(cell.most)})${ratio}`;
}

/** The whole result as plain text, for the terminal. */
export function textReport(result: Result, base: string): string {
  const titles = new Map(result.contenders.map((contender) => [contender.name, contender.title]));
  const absent = result.contenders.flatMap((one) =>
    one.absent === undefined ? [] : [`${one.title}: absent, ${one.absent}`],
  );
  const out = Object.entries(result.leftOut).map(([name, reason]) => `${name}: left out, ${reason}`);
  const rows = rowsOf(result, base).map((row) => {
    const head = `${row.workload}, ${row.case}: ${row.measure.name} (${row.measure.unit})`;
    const cells = row.cells.map(
      (cell) => `  ${(titles.get(cell.contender) ?? '').padEnd(20)} ${shownCell(cell, base)}`,
    );
    return [head, ...cells].join('\n');
  });
  return [...absent, ...out, ...rows].join('\n');
}
