import { describe, expect, it } from 'vitest';
import { median, ratioOf, rowsOf, shown, textReport } from './report.ts';
import type { CaseResult, Result } from './result.ts';

const MEASURE = { name: 'CPU', unit: 'µs', better: 'less' } as const;

describe('the report', () => {
  it.each([
    [[3], 3],
    [[1, 9, 2], 2],
    [[4, 1, 3, 2], 2.5],
    [[], Number.NaN],
  ])('takes the median of %j', (figures, expected) => {
    expect(median(figures)).toBe(expected);
  });

  it('compares round by round, so a slow round of both sides is no difference', () => {
    expect(ratioOf([2, 20, 2.2], [1, 10, 1])).toBe(2);
  });

  it('leaves rounds out of the ratio in which a side failed or the base is 0', () => {
    expect(ratioOf([2, undefined, 6, 5], [1, 1, 2, 0])).toBe(2.5);
    expect(ratioOf([2], [0])).toBeUndefined();
    expect(ratioOf([2], [])).toBeUndefined();
  });

  it('gives a cell to each contender that played, with median, spread and ratio', () => {
    const row = rowsOf(resultOf({ a: [4, 2, 3], nginx: [2, 2, 1] }), 'nginx')[0];
    expect(row?.cells).toEqual([
      { contender: 'a', rounds: 3, median: 3, least: 2, most: 4, ratio: 2, failure: undefined },
      { contender: 'nginx', rounds: 3, median: 2, least: 1, most: 2, ratio: 1, failure: undefined },
    ]);
  });

  it('says why a contender has no figure, and who was absent', () => {
    const text = textReport(resultOf({ a: [null, null] }, { a: 'closed' }), 'nginx');
    expect(text).toContain('failed: closed');
    expect(text).toContain('Gone: absent, not installed');
  });

  it.each([
    [12345.6, '12,346'],
    [123.45, '123'],
    [12.345, '12.3'],
    [1.2345, '1.23'],
    [0, '0.00'],
    [Number.NaN, '–'],
  ])('shows %d as %s', (figure, text) => {
    expect(shown(figure)).toBe(text);
  });
});

function resultOf(figures: Record<string, (number | null)[]>, failures: Record<string, string> = {}): Result {
  const turns = Object.entries(figures).map(([name, all]) => [
    name,
    all.map((figure) => (figure === null ? null : { CPU: figure })),
  ]);
  const one: CaseResult = { name: 'one', measures: [MEASURE], turns: Object.fromEntries(turns), failures };
  return {
    at: '2026-01-01T00:00:00Z',
    commit: 'abc',
    machine: { cpu: 'x', cores: 2, memoryMiB: 1, kernel: 'Linux', node: 'v20', descriptorsMax: 1 },
    rounds: 3,
    isQuick: false,
    contenders: [
      ...Object.keys(figures).map((name) => ({ name, title: name, version: '1' })),
      { name: 'gone', title: 'Gone', absent: 'not installed' },
    ],
    workloads: [{ name: 'w', title: 'W', method: 'm', cases: [one] }],
    leftOut: {},
    clockDifferenceMs: 0,
  };
}
