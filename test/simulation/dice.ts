// Choices drawn from a seed.
import { type Random, seededRandom } from '../../src/base/random.ts';

export class Dice {
  private readonly random: Random;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  chance(probability: number): boolean {
    return this.random.fraction() < probability;
  }

  /** A whole number, `lowest` to `highest`, both included. */
  whole(lowest: number, highest: number): number {
    return lowest + this.random.below(highest - lowest + 1);
  }

  /** Small numbers more often than large ones. */
  skewed(lowest: number, highest: number): number {
    const fraction = this.random.fraction() ** 3;
    return lowest + Math.floor(fraction * (highest - lowest + 1));
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.random.below(choices.length)] as T;
  }

  /** One of the keys; the numbers say how often, relative to one another. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries(weights) as [K, number][];
    let left = this.random.fraction() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [key, weight] of entries) {
      left -= weight;
      if (left < 0) return key;
    }
    return entries[0]![0];
  }

  list<T>(count: number, make: (index: number) => T): T[] {
    return Array.from({ length: count }, (_, index) => make(index));
  }
}
