// 256 runs of the simulation at every push, and the first of the planted faults, so that silence means something.
import { describe, expect, it } from 'vitest';
import { bundle, placesOf } from './bundle.ts';
import { FAULTS } from './faults.ts';
import { play } from './players.ts';
import { simulate } from './simulate.ts';

const SEEDS = 256;
const SEEDS_PER_CASE = 32;

describe('the simulation', () => {
  for (let first = 0; first < SEEDS; first += SEEDS_PER_CASE) {
    it(`finds nothing wrong with seeds ${first} to ${first + SEEDS_PER_CASE - 1}`, async () => {
      for (let seed = first; seed < first + SEEDS_PER_CASE; seed++) {
        const { problems } = await simulate(seed);
        expect(problems, `npm run sim -- --seed ${seed}`).toEqual([]);
      }
    }, 60_000);
  }

  it('has a place in the source for each fault that it plants', () => {
    const lost = FAULTS.filter((fault) => placesOf(fault) !== 1);
    expect(lost.map(({ name, file }) => `${name} (${file})`)).toEqual([]);
  });

  // The others: npm run sim -- --faults
  it.each(FAULTS.filter(({ quick }) => quick === true))(
    'notices that $name',
    async (fault) => {
      const planted = await bundle(fault);
      const { failures } = await play(planted.script, { first: 0, count: 40, processes: 1, failuresMax: 1 });
      planted.dispose();
      expect(failures.length).toBe(1);
    },
    60_000,
  );

  it('replays a seed event for event', async () => {
    const [first, second] = [await simulate(7, true), await simulate(7, true)];
    expect(second.trace).toEqual(first.trace);
    expect(second.steps).toBe(first.steps);
  });
});
