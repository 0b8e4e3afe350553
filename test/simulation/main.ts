// A process of its own that plays runs: `main.js play FIRST COUNT FAILURES` writes a JSON line for each run that failed, stops after so
// many of them, and writes the sums at the end; `main.js trace SEED` writes one run for a person.
import { type Outcome, simulate } from './simulate.ts';

export interface Failed {
  readonly seed: number;
  readonly problems: readonly string[];
}

export interface Sums {
  readonly runs: number;
  readonly exchanges: number;
  readonly sockets: number;
  readonly perfect: number;
  readonly steps: number;
}

async function play(first: number, count: number, failuresMax: number): Promise<void> {
  let failures = 0;
  let runs = 0;
  const sums = { exchanges: 0, sockets: 0, perfect: 0, steps: 0 };
  for (let seed = first; seed < first + count && failures < failuresMax; seed++) {
    const outcome = await simulate(seed);
    runs++;
    for (const key of Object.keys(sums) as (keyof typeof sums)[]) sums[key] += outcome[key];
    if (outcome.problems.length === 0) continue;
    failures++;
    say({ seed, problems: outcome.problems } satisfies Failed);
  }
  say({ runs, ...sums } satisfies Sums);
}

async function trace(seed: number): Promise<void> {
  const outcome: Outcome = await simulate(seed, true);
  for (const line of outcome.trace) console.log(line);
  const { exchanges, sockets, perfect, steps, problems } = outcome;
  console.log(`\n${exchanges} exchanges, ${sockets} sockets, ${perfect} without an excuse, ${steps} steps`);
  console.log(problems.length === 0 ? 'no problem' : `problems:\n${problems.join('\n')}`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}

function say(line: Failed | Sums): void {
  console.log(JSON.stringify(line));
}

const [command, ...numbers] = process.argv.slice(2);
const [first = 0, count = 1, failuresMax = Number.POSITIVE_INFINITY] = numbers.map(Number);
if (command === 'trace') await trace(first);
else await play(first, count, failuresMax);
