// Seeded random numbers (sfc32): the same seed gives the same run, in the simulator and in the balancing methods.

/** A source of random numbers that is handed in wherever chance is needed, so that a test can repeat it. */
export interface Random {
  /** A whole number, 0 ≤ n < `bound`; `bound` is 1 to 2^32. */
  below(bound: number): number;
  /** A number, 0 ≤ n < 1. */
  fraction(): number;
}

export function seededRandom(seed: number): Random {
  let a = seed >>> 0;
  let b = 0x9e3779b9;
  let c = 0x243f6a88;
  let counter = 1;
  const next = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return sum >>> 0;
  };
  for (let i = 0; i < 12; i++) next();
  return {
    below: (bound) => Math.floor((next() / 4294967296) * bound),
    fraction: () => next() / 4294967296,
  };
}
