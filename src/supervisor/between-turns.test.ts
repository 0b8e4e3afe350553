import { describe, expect, it } from 'vitest';
import type { Steps } from '../base/steps.ts';
import { betweenTurns, withRests } from './between-turns.ts';

const STEPS = 200;

/** Two hundred steps of a twentieth of a millisecond: longer than any piece. */
function* work(steps: { done: number }): Steps<string> {
  for (; steps.done < STEPS; steps.done++) {
    for (const until = performance.now() + 0.05; performance.now() < until; );
    yield;
  }
  return 'the end';
}

/** How far the work was at each turn of the loop until it ended. */
async function seenMeanwhile(steps: { done: number }, ended: Promise<unknown>): Promise<number[]> {
  const seen: number[] = [];
  let over = false;
  void ended.then(() => {
    over = true;
  });
  while (!over) {
    await new Promise((resolve) => setImmediate(resolve));
    seen.push(steps.done);
  }
  return seen;
}

describe('work in steps', () => {
  it('between turns lets the loop turn, and comes to its end', async () => {
    const steps = { done: 0 };
    const ended = new Promise<string>((resolve, reject) => void betweenTurns(work(steps), resolve, reject));
    expect(steps.done).toBe(0);
    const seen = await seenMeanwhile(steps, ended);
    expect(await ended).toBe('the end');
    expect(new Set(seen).size).toBeGreaterThan(10);
  });

  it('between turns that was prevented goes no further', async () => {
    const steps = { done: 0 };
    let ended = false;
    const end = (): void => {
      ended = true;
    };
    const prevent = betweenTurns(work(steps), end, end);
    while (steps.done === 0) await new Promise((resolve) => setImmediate(resolve));
    prevent();
    const reached = steps.done;
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect([steps.done, ended]).toEqual([reached, false]);
    expect(reached).toBeLessThan(STEPS);
  });

  it('with rests lets the loop turn many times after each piece', async () => {
    const steps = { done: 0 };
    const ended = withRests(work(steps));
    const seen = await seenMeanwhile(steps, ended);
    expect(await ended).toBe('the end');
    expect(new Set(seen).size).toBeGreaterThan(5);
    expect(seen.length).toBeGreaterThan(2 * new Set(seen).size);
  });

  it('that fails says so', async () => {
    function* failing(): Steps<void> {
      yield;
      throw new Error('a bug');
    }
    await expect(withRests(failing())).rejects.toThrow('a bug');
    const ended = new Promise<void>((resolve, reject) => void betweenTurns(failing(), resolve, reject));
    await expect(ended).rejects.toThrow('a bug');
  });
});
