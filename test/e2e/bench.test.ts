// The bench's own way from the C parts to the report, on a workload of a few hundred messages: its figures are not looked at.
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { FLOOR, NGINX } from '../../bench/contenders.ts';
import { rowsOf } from '../../bench/report.ts';
import { run } from '../../bench/run.ts';
import { echo } from '../../bench/workloads/echo.ts';

const HAS_CC = process.platform === 'linux' && spawnSync('cc', ['--version']).status === 0;

it('plays a tiny workload by turns and reports it', async ({ skip }) => {
  skip(!HAS_CC, 'the load, the upstream and the floor are C: needs cc, on Linux');
  const result = await run({
    scale: 'tiny',
    rounds: 2,
    workloads: [echo],
    contenders: (all) => all.filter((one) => ['holdfast-portable', NGINX, FLOOR].includes(one.name)),
    say: () => undefined,
  });
  const cpu = rowsOf(result, FLOOR).find((row) => row.measure.name === 'CPU per echo');
  const present = result.contenders.filter((one) => one.absent === undefined).map((one) => one.name);
  expect(present).toContain('holdfast-portable');
  expect(cpu?.cells.map((cell) => cell.contender)).toEqual(present);
  for (const cell of cpu?.cells ?? []) {
    expect(cell).toMatchObject({ rounds: 2, failure: undefined });
    expect(cell.median).toBeGreaterThan(0);
  }
});
