// Node's clocks and timers as they were when the program was loaded: fake timers of a user's own tests do not stop the engine.

const monotonic = performance.now.bind(performance);
const wall = Date.now.bind(Date);

export const startTimeout: typeof setTimeout = globalThis.setTimeout;
export const stopTimeout: typeof clearTimeout = globalThis.clearTimeout;
export const startImmediate: typeof setImmediate = globalThis.setImmediate;
export const stopImmediate: typeof clearImmediate = globalThis.clearImmediate;

/** Monotonic milliseconds, fractional. */
export function monotonicNow(): number {
  return monotonic();
}

/** Milliseconds since 1970. */
export function wallClock(): number {
  return wall();
}
