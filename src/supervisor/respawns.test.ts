import { expect, it } from 'vitest';
import { Respawns } from './respawns.ts';

it('three workers are replaced at once, then one a second, and three again after a while', () => {
  const respawns = new Respawns();
  const waits = (now: number, count: number): number[] =>
    Array.from({ length: count }, () => respawns.waitMs(now));
  expect(waits(10_000, 6)).toEqual([0, 0, 0, 1000, 2000, 3000]);
  expect(waits(11_500, 1)).toEqual([2500]);
  expect(waits(60_000, 4)).toEqual([0, 0, 0, 1000]);
});

it('one that dies once an hour is replaced at once each time', () => {
  const respawns = new Respawns();
  for (let now = 0; now < 36_000_000; now += 3_600_000) expect(respawns.waitMs(now)).toBe(0);
});
