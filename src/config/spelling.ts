// The near spelling of a mistyped name: Damerau-Levenshtein (optimal string alignment).

/** The nearest of `names` that a slip of the finger could have meant, or undefined; the first of equals. */
export function nearest(name: string, names: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = slipsMax(name) + 1;
  for (const candidate of names) {
    if (Math.abs(candidate.length - name.length) >= least) continue;
    const slips = distance(name, candidate);
    if (slips < least) {
      least = slips;
      best = candidate;
    }
  }
  return best;
}

/** How many insertions, deletions, replacements and swaps of neighbours lead from `a` to `b`. */
export function distance(a: string, b: string): number {
  let older: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let least = Math.min(
        at(above, column) + 1,
        at(current, column - 1) + 1,
        at(above, column - 1) + (same ? 0 : 1),
      );
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        least = Math.min(least, at(older, column - 2) + 1);
      }
      current.push(least);
    }
    older = above;
    above = current;
  }
  return at(above, b.length);
}

/** Longer names bear more slips; a very long "name" is no slip at all. */
function slipsMax(name: string): number {
  if (name.length > 80) return 0;
  return name.length <= 4 ? 1 : name.length <= 8 ? 2 : 3;
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? 0;
}
