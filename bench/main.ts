// `npm run bench -- [--quick] [--only WORKLOAD|CONTENDER]… [--rounds N] [--out FOLDER]`: measures, and writes bench.json, bench.html
// and an SVG per workload into the folder (bench-out/ unless one is named). Seven rounds, three with --quick.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { allContenders, type Contender, NGINX } from './contenders.ts';
import { htmlPage, svgFiles } from './page.ts';
import { textReport } from './report.ts';
import { run } from './run.ts';
import { WORKLOADS } from './workloads/all.ts';

const ROUNDS = 7;
const QUICK_ROUNDS = 3;

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string' },
    out: { type: 'string', default: 'bench-out' },
  },
});
const known = [...WORKLOADS, ...allContenders(undefined)].map((one) => one.name);
const unknown = values.only.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`no workload or contender is named ${unknown.join(', ')}; there are ${known.join(', ')}`);
  process.exit(2);
}
if (process.platform !== 'linux') {
  console.error('the bench reads /proc: it runs on Linux alone');
  process.exit(2);
}
const result = await run({
  scale: values.quick ? 'quick' : 'full',
  rounds: Number(values.rounds ?? (values.quick ? QUICK_ROUNDS : ROUNDS)),
  workloads: named(WORKLOADS),
  contenders: (all) => withBase(named(all), all),
  say: (line) => console.error(line),
});
const folder = resolve(values.out);
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'bench.json'), `${JSON.stringify(result, undefined, 1)}\n`);
writeFileSync(join(folder, 'bench.html'), htmlPage(result, NGINX));
for (const [name, svg] of svgFiles(result, NGINX)) writeFileSync(join(folder, name), svg);
console.log(textReport(result, NGINX));

/** Those that --only names; all, where it names none of them. */
function named<T extends { readonly name: string }>(all: readonly T[]): readonly T[] {
  const chosen = all.filter((one) => values.only.includes(one.name));
  return chosen.length > 0 ? chosen : all;
}

/** nginx always plays: every ratio is to it. */
function withBase(chosen: readonly Contender[], all: readonly Contender[]): readonly Contender[] {
  return all.filter((one) => chosen.includes(one) || one.name === NGINX);
}
