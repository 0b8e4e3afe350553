// A short pass of `npm run fuzz`: seeds on the simulated engine, and one on real sockets.
import { expect, it } from 'vitest';
import { portableStage, simulatedStage } from '../support/stage.ts';
import { fuzz, PIECES } from './fuzz.ts';

it.each([1, 2, 3, 4, 5, 6, 7, 8])('hostile clients and peers break nothing (seed %d)', async (seed) => {
  expect(await fuzz(simulatedStage(seed, PIECES), seed, 12)).toEqual([]);
});

it('hostile clients and peers break nothing on real sockets', async () => {
  expect(await fuzz(await portableStage(), 1, 12)).toEqual([]);
});
