// Assertions: a failed one is a bug of ours, never something that a peer or a file can cause.

/** Set by the build: true in tests and in the checked bundle, false in the release. */
declare const HOLDFAST_DEBUG: boolean | undefined;

/** Guards asserts of per-byte code: `if (DEBUG) assert(…)` is cut from the release bundle. */
export const DEBUG: boolean = typeof HOLDFAST_DEBUG === 'undefined' ? false : HOLDFAST_DEBUG;

/** Throws when `condition` is false. The worker dies of it and the supervisor starts another. */
export function assert(condition: boolean, message = 'assertion failed'): asserts condition {
  if (!condition) throw new Error(`bug: ${message}`);
}

/** Closes a switch over a union: the compiler refuses a missing case. */
export function unreachable(value: never): never {
  throw new Error(`bug: unreachable value ${JSON.stringify(value)}`);
}
