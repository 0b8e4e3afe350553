// Work in steps, done piece by piece, so that others come to their turn in between: those whom this process serves, or other processes.
import type { Steps } from '../base/steps.ts';
import { monotonicNow, startImmediate, startTimeout } from '../io/portable/host-clock.ts';

/** As long as an echo takes. */
const PIECE_MS = 0.25;
/** A piece may be longer where serving takes longer: a loop under full load would never come to the end else. */
const SHARE_OF_SERVING = 0.2;

/** Leaves the processor so long after each piece, in which a worker may want it. */
const REST_MS = 1;
/** A piece is longer where the whole takes long, or it would take several times as long. */
const SHARE_OF_ALL = 0.02;

/**
 * Between the turns of Node's loop. `done` is called in a later turn, and `failed` where a step has thrown; what is returned prevents
 * both and lets go of the steps.
 */
export function betweenTurns<T>(
  steps: Steps<T>,
  done: (value: T) => void,
  failed: (error: unknown) => void,
): () => void {
  let left: Steps<T> | undefined = steps;
  let endedAt = monotonicNow();
  const piece = (): void => {
    if (left === undefined) return;
    const served = monotonicNow() - endedAt;
    const end = runFor(left, Math.max(PIECE_MS, served * SHARE_OF_SERVING));
    endedAt = monotonicNow();
    if (end === undefined) return void startImmediate(piece);
    left = undefined;
    if ('error' in end) failed(end.error);
    else done(end.value);
  };
  startImmediate(piece);
  return () => {
    left = undefined;
  };
}

/** With a rest after each piece. */
export function withRests<T>(steps: Steps<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const begunAt = monotonicNow();
    const piece = (): void => {
      const end = runFor(steps, Math.max(PIECE_MS, (monotonicNow() - begunAt) * SHARE_OF_ALL));
      if (end === undefined) startTimeout(piece, REST_MS);
      else if ('error' in end) reject(end.error);
      else resolve(end.value);
    };
    piece();
  });
}

/** The end, or undefined where there is more to do. */
function runFor<T>(
  steps: Steps<T>,
  ms: number,
): { readonly value: T } | { readonly error: unknown } | undefined {
  const until = monotonicNow() + ms;
  try {
    for (;;) {
      const step = steps.next();
      if (step.done === true) return { value: step.value };
      if (monotonicNow() >= until) return undefined;
    }
  } catch (error) {
    return { error };
  }
}
