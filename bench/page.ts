// The page of a result: one HTML text that needs nothing else, with plots, every figure, the targets, and how each was measured. Pure.
import { barPlot, escaped } from './plots.ts';
import { breakEven, type Row, rowsOf, shown, shownCell } from './report.ts';
import type { Result, WorkloadResult } from './result.ts';
import { type Verdict, verdicts } from './targets.ts';

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;color:#212529;max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0;font-variant-numeric:tabular-nums}td,th{border:1px solid #ced4da;padding:.25rem .5rem;text-align:left;vertical-align:top}
.missed{background:#ffe3e3}.met{background:#d3f9d8}svg{max-width:100%;height:auto}p.method{color:#495057}`;

export function htmlPage(result: Result, base: string): string {
  const rows = rowsOf(result, base);
  const titles = titlesOf(result);
  const parts = result.workloads.map((workload) => section(workload, rows, titles, base));
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Holdfast: benchmarks</title>
<style>${STYLE}</style></head><body>
<h1>Holdfast: benchmarks</h1>
${heading(result)}
${targetTable(verdicts(result))}
${memoryLine(result)}
${parts.join('\n')}
</body></html>
`;
}

/** The plots as files of their own, by name: the first measure of each workload. */
export function svgFiles(result: Result, base: string): ReadonlyMap<string, string> {
  const rows = rowsOf(result, base);
  const titles = titlesOf(result);
  return new Map(
    result.workloads.flatMap((workload) => {
      const plot = plotOf(workload, rows, titles, base);
      return plot === '' ? [] : [[`${workload.name}.svg`, plot] as const];
    }),
  );
}

function titlesOf(result: Result): ReadonlyMap<string, string> {
  return new Map(result.contenders.map((contender) => [contender.name, contender.title]));
}

function heading(result: Result): string {
  const { machine } = result;
  const who = result.contenders.map((one) => {
    const state = one.absent === undefined ? (one.version ?? '') : `absent: ${one.absent}`;
    return `<tr><td>${escaped(one.title)}</td><td>${escaped(state)}</td></tr>`;
  });
  const out = Object.entries(result.leftOut).map(
    ([name, reason]) => `<li>${escaped(name)}: left out, ${escaped(reason)}</li>`,
  );
  const quick = result.isQuick ? ' A quick run: few rounds, few messages; no figure to quote.' : '';
  return `<p>Commit ${escaped(result.commit)}, ${escaped(result.at)}. ${escaped(machine.cpu)}, ${machine.cores} cores, ${machine.memoryMiB.toLocaleString('en')} MiB, ${escaped(machine.kernel)}, Node ${escaped(machine.node)}, ${machine.descriptorsMax.toLocaleString('en')} descriptors a process. ${result.rounds} rounds by turns.${quick} Figures are medians (least–most) and, after ×, the median of the ratios to ${escaped(titlesOf(result).get('nginx') ?? 'the base')} of the same round. The two ways to read CPU (schedstat, utime + stime) were at most ${shown(result.clockDifferenceMs)} ms apart in one process.</p>
<table><tr><th>Contender</th><th>Version</th></tr>${who.join('')}</table>${out.length === 0 ? '' : `<ul>${out.join('')}</ul>`}`;
}

function targetTable(all: readonly Verdict[]): string {
  const rows = all.map(({ target, figure, isMet }) => {
    const state = isMet === undefined ? 'not measured' : isMet ? 'met' : 'missed';
    const to = target.to === undefined ? '' : ` × ${target.to}`;
    const kind = isMet === undefined ? '' : ` class="${state}"`;
    return `<tr${kind}><td>${escaped(target.text)}</td><td>≤ ${target.atMost}${escaped(to)}</td><td>${figure === undefined ? '–' : shown(figure)}</td><td>${state}</td></tr>`;
  });
  return `<h2>Targets</h2><table><tr><th>What</th><th>Target</th><th>Measured</th><th></th></tr>${rows.join('')}</table>`;
}

function memoryLine(result: Result): string {
  const sockets = breakEven(result, 'holdfast-epoll', 'nginx');
  if (sockets === undefined) return '';
  return sockets === Number.POSITIVE_INFINITY
    ? '<p>By these figures Holdfast never needs less memory in all than nginx.</p>'
    : `<p>nginx starts smaller. From ${Math.ceil(sockets).toLocaleString('en')} held WebSockets on Holdfast needs less private memory in all.</p>`;
}

function section(
  workload: WorkloadResult,
  rows: readonly Row[],
  titles: ReadonlyMap<string, string>,
  base: string,
): string {
  const own = rows.filter((row) => row.workload === workload.name);
  const lines = own.flatMap((row) =>
    row.cells.map(
      (cell, index) =>
        `<tr>${index === 0 ? `<td rowspan="${row.cells.length}">${escaped(row.case)}</td><td rowspan="${row.cells.length}">${escaped(row.measure.name)}${row.measure.unit === '' ? '' : `, ${escaped(row.measure.unit)}`}</td>` : ''}<td>${escaped(titles.get(cell.contender) ?? cell.contender)}</td><td>${escaped(shownCell(cell, base))}</td><td>${cell.rounds}</td></tr>`,
    ),
  );
  return `<h2>${escaped(workload.title)}</h2><p class="method">${escaped(workload.method)}</p>
${plotOf(workload, rows, titles, base)}
<details><summary>All figures</summary><table><tr><th>Case</th><th>Measure</th><th>Contender</th><th>Median (least–most) × ratio</th><th>Rounds</th></tr>${lines.join('')}</table></details>`;
}

function plotOf(
  workload: WorkloadResult,
  rows: readonly Row[],
  titles: ReadonlyMap<string, string>,
  base: string,
): string {
  const first = workload.cases[0]?.measures[0];
  if (first === undefined) return '';
  const own = rows.filter((row) => row.workload === workload.name && row.measure.name === first.name);
  return barPlot({ title: `${workload.title}: ${first.name}`, rows: own, titles, base });
}
