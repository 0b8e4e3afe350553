// `npm run sim -- [--seeds N] [--from SEED] [--processes N] | --seed SEED | --faults [--only TEXT]`: the simulation, from a fresh bundle of the
// source as it stands. Many seeds, one seed with its trace, or the planted faults, each of which must be caught.
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { type Bundle, bundle, placesOf } from '../test/simulation/bundle.ts';
import { FAULTS, type PlantedFault } from '../test/simulation/faults.ts';
import { play } from '../test/simulation/players.ts';

/** In which a planted fault must show. */
const SEEDS_PER_FAULT = 400;
const FAILURES_SHOWN = 10;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '0' },
    processes: { type: 'string', default: String(availableParallelism()) },
    seed: { type: 'string' },
    faults: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
  },
});
const processes = Math.max(1, Number(values.processes));

if (values.seed !== undefined) await traceOne(Number(values.seed));
else if (values.faults) await plantAll(values.only);
else await playMany(Number(values.from), Number(values.seeds));

async function playMany(first: number, count: number): Promise<void> {
  const fresh = await bundle();
  const startedAt = Date.now();
  let shown = 0;
  const result = await play(fresh.script, {
    first,
    count,
    processes,
    failuresMax: Number.POSITIVE_INFINITY,
    failed: ({ seed, problems }) => {
      if (shown++ < FAILURES_SHOWN) console.log(`seed ${seed}: ${problems.join('\n  ')}`);
    },
  });
  fresh.dispose();
  const { runs, exchanges, sockets, perfect, failures } = result;
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  console.log(
    `${runs} seeds in ${seconds} s, ${exchanges} exchanges and ${sockets} sockets, ${perfect} of them without an excuse; ${failures.length} seeds failed`,
  );
  if (failures.length === 0) return;
  console.log(`replay one: npm run sim -- --seed ${failures[0]?.seed}`);
  process.exitCode = 1;
}

async function traceOne(seed: number): Promise<void> {
  const fresh = await bundle();
  const args = ['--enable-source-maps', fresh.script, 'trace', String(seed)];
  const ended = spawnSync(process.execPath, args, { stdio: 'inherit' });
  fresh.dispose();
  process.exitCode = ended.status ?? 1;
}

async function plantAll(only: string): Promise<void> {
  const chosen = FAULTS.filter(({ name, file }) => `${name} ${file}`.includes(only));
  let missed = 0;
  for (const fault of chosen) if (!(await isCaught(fault))) missed++;
  console.log(`${chosen.length - missed} of ${chosen.length} planted faults were caught`);
  if (missed > 0) process.exitCode = 1;
}

async function isCaught(fault: PlantedFault): Promise<boolean> {
  if (placesOf(fault) !== 1) {
    console.log(`${fault.name} (${fault.file}): NO PLACE for it any more`);
    return false;
  }
  const planted: Bundle = await bundle(fault);
  const { failures, runs } = await play(planted.script, {
    first: 0,
    count: SEEDS_PER_FAULT,
    processes,
    failuresMax: 1,
  });
  planted.dispose();
  const [first] = failures;
  const how =
    first === undefined
      ? `NOT CAUGHT in ${runs} seeds`
      : `caught by seed ${first.seed}: ${first.problems[0]?.split('\n')[0]}`;
  console.log(`${fault.name} (${fault.file}): ${how}`);
  return first !== undefined;
}
