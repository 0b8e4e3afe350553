// `npm run bench:compare -- REF [--quick] [--portable] [--only WORKLOAD]… [--rounds N]`: builds another commit in a worktree of its own
// and plays it and this tree by turns. Every ratio is this tree's to that commit's of the same round.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { holdfast } from './contenders.ts';
import { ROOT } from './native.ts';
import { textReport } from './report.ts';
import { run } from './run.ts';
import { WORKLOADS } from './workloads/all.ts';

const THERE = 'there';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    portable: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string' },
  },
});
const [ref] = positionals;
if (ref === undefined) {
  console.error('usage: npm run bench:compare -- REF [--quick] [--portable] [--only WORKLOAD]… [--rounds N]');
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), 'holdfast-compare-'));
const tree = join(folder, 'tree');
try {
  buildThere(ref);
  const engine = values.portable ? 'portable' : 'epoll';
  const workloads = WORKLOADS.filter((one) => values.only.length === 0 || values.only.includes(one.name));
  const result = await run({
    scale: values.quick ? 'quick' : 'full',
    rounds: Number(values.rounds ?? (values.quick ? 3 : 7)),
    workloads,
    contenders: () => [holdfast('here', 'this tree', engine, ROOT), holdfast(THERE, ref, engine, tree)],
    say: (line) => console.error(line),
  });
  console.log(textReport(result, THERE));
} finally {
  spawnSync('git', ['-C', ROOT, 'worktree', 'remove', '--force', tree]);
  rmSync(folder, { recursive: true, force: true });
}

/** The commit's own build; its packages are those of this tree, where both ask for the same. */
function buildThere(commit: string): void {
  must('git', ['-C', ROOT, 'worktree', 'add', '--detach', tree, commit], ROOT);
  const lock = (root: string): string => readFileSync(join(root, 'package-lock.json'), 'utf8');
  if (lock(tree) === lock(ROOT)) symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'));
  else must('npm', ['ci', '--include=dev', '--no-audit', '--no-fund'], tree);
  must('npm', ['run', 'build'], tree);
}

function must(command: string, flags: readonly string[], cwd: string): void {
  const ended = spawnSync(command, flags, { cwd, encoding: 'utf8' });
  if (ended.status === 0) return;
  throw new Error(`${command} ${flags.join(' ')}: ${ended.error?.message ?? ended.stderr.slice(-1000)}`);
}
