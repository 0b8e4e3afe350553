// `npm run fuzz -- [--seeds N] [--from SEED] [--rounds N] [--engine simulated|portable|epoll] | --seed SEED`: hostile clients and peers, one
// seed after another. A failure's seed replays it on the simulated engine; on real sockets it only begins alike.
import { parseArgs } from 'node:util';
import { fuzz, PIECES } from '../test/fuzz/fuzz.ts';
import { epollStage, portableStage, type Stage, simulatedStage } from '../test/support/stage.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '300' },
    from: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '25' },
    engine: { type: 'string', default: 'simulated' },
    seed: { type: 'string' },
  },
});
const first = Number(values.seed ?? values.from);
const count = values.seed === undefined ? Number(values.seeds) : 1;
let failed = 0;

for (let seed = first; seed < first + count; seed++) {
  const problems = await problemsOf(seed);
  if (problems.length === 0) continue;
  failed++;
  console.log(`seed ${seed}: ${problems.slice(0, 5).join('\n  ')}`);
}
console.log(`${count} seeds on the ${values.engine} engine, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);

async function problemsOf(seed: number): Promise<readonly string[]> {
  try {
    return await fuzz(await stageFor(seed), seed, Number(values.rounds));
  } catch (error) {
    return [String((error as Error).stack ?? error)];
  }
}

async function stageFor(seed: number): Promise<Stage> {
  if (values.engine === 'epoll') {
    const { selfTest } = await import('../src/io/epoll/self-test.ts'); // native code, for whoever asks for it
    const refusal = selfTest();
    if (refusal !== undefined) throw new Error(refusal);
    return epollStage();
  }
  return values.engine === 'portable' ? portableStage() : simulatedStage(seed, PIECES);
}
