// 256 runs of the simulation at every push, and the first of the planted faults, so that silence means something.
import { describe, expect, it } from 'vitest';
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

  it('replays a seed event for event', async () => {
    const [first, second] = [await simulate(7, true), await simulate(7, true)];
    expect(second.trace).toEqual(first.trace);
    expect(second.steps).toBe(first.steps);
  });
});
