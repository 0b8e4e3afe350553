import { describe, expect, it } from 'vitest';
import { htmlPage, svgFiles } from './page.ts';
import { breakEven, median, ratioOf, rowsOf, shown, textReport } from './report.ts';
import type { CaseResult, Result } from './result.ts';
import { verdicts } from './targets.ts';

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

  it('says from how many sockets on less memory is needed in all', () => {
    const memory = (base: number, each: number) => [
      { 'with nothing connected': base / 2 ** 20, 'private memory per socket': each },
    ];
    const turns = { a: memory(50_000, 100), nginx: memory(10_000, 1100), c: memory(60_000, 1200) };
    const one: CaseResult = { name: '8,000 held', measures: [], turns, failures: {} };
    const result = {
      ...resultOf({}),
      workloads: [{ name: 'memory', title: 'M', method: 'm', cases: [one] }],
    };
    expect(breakEven(result, 'a', 'nginx')).toBeCloseTo(40);
    expect(breakEven(result, 'nginx', 'a')).toBe(0);
    expect(breakEven(result, 'c', 'nginx')).toBe(Number.POSITIVE_INFINITY);
    expect(breakEven(resultOf({}), 'a', 'nginx')).toBeUndefined();
  });

  it('holds a target against the figures, and leaves it open where nothing was measured', () => {
    const one: CaseResult = {
      name: '64 B',
      measures: [{ ...MEASURE, name: 'CPU per echo' }],
      turns: {
        'holdfast-epoll': [{ 'CPU per echo': 11 }],
        nginx: [{ 'CPU per echo': 10 }],
        floor: [{ 'CPU per echo': 9 }],
      },
      failures: {},
    };
    const result = { ...resultOf({}), workloads: [{ name: 'echo', title: 'E', method: 'm', cases: [one] }] };
    const of = (text: string) => verdicts(result).find((verdict) => verdict.target.text === text);
    expect(of('CPU per echo of 64 B')).toMatchObject({ figure: 1.1, isMet: false });
    expect(of('CPU per echo of 64 B, to the C floor')).toMatchObject({ isMet: true });
    expect(of('CPU per handshake')).toMatchObject({ figure: undefined, isMet: undefined });
  });

  it('makes a page and plots that need nothing from elsewhere and escape what they show', () => {
    const result = resultOf({ nginx: [2, 2], '<b>': [1, 3] }, {});
    const page = htmlPage(result, 'nginx');
    const svg = svgFiles(result, 'nginx').get('w.svg') ?? '';
    expect(page).toContain(svg.trim());
    expect(page).toContain('absent: not installed');
    expect(page.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|<script|<b>/);
    expect(svg).toMatch(/^<svg[\s\S]*<\/svg>\n$/);
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
