// Which location answers a URI: an exact one, else the longest prefix, else the first regular expression that matches, as
// ngx_http_core_find_location(). Prefixes are a sorted list with links to the shorter ones, so 10,000 of them cost a binary search.
import type { Captures } from '../config/pcre.ts';
import type { LocationPlan } from './plan.ts';

export interface FoundLocation {
  readonly location: LocationPlan;
  /** What the location's regular expression captured. */
  readonly captures: Captures | undefined;
  /** The URI is the location's name without its last slash: answered with a redirect to it. */
  readonly redirect: boolean;
}

export class LocationTree {
  private readonly exact = new Map<string, LocationPlan>();
  /** Sorted by name. */
  private readonly prefixes: LocationPlan[];
  /** For each prefix the index of the longest shorter one that it begins with, -1 for none. */
  private readonly shorter: Int32Array;
  private readonly regexes: readonly LocationPlan[];

  constructor(locations: readonly LocationPlan[]) {
    for (const location of locations) if (location.kind === 'exact') this.exact.set(location.name, location);
    this.prefixes = locations.filter(({ kind }) => kind === 'prefix' || kind === 'no-regex');
    this.prefixes.sort((a, b) => (a.name < b.name ? -1 : 1));
    this.shorter = new Int32Array(this.prefixes.length);
    this.regexes = locations.filter(({ kind }) => kind === 'regex');
    const open: number[] = [];
    this.prefixes.forEach(({ name }, i) => {
      while (open.length > 0 && !name.startsWith(this.prefixes[open.at(-1) ?? 0]?.name ?? '')) open.pop();
      this.shorter[i] = open.at(-1) ?? -1;
      open.push(i);
    });
  }

  /** The location of `uri`, or undefined: the server's own settings hold. */
  find(uri: string): FoundLocation | undefined {
    const exact = this.exact.get(uri);
    if (exact !== undefined) return { location: exact, captures: undefined, redirect: false };
    const prefix = this.longestPrefix(uri);
    if (prefix?.name !== uri) {
      const slashed = this.slashed(`${uri}/`);
      if (slashed !== undefined) return { location: slashed, captures: undefined, redirect: true };
    }
    const inner = prefix?.tree?.find(uri);
    if (inner !== undefined) return inner;
    if (prefix?.kind !== 'no-regex') {
      const matched = this.firstRegex(uri);
      if (matched !== undefined) return matched;
    }
    return prefix === undefined ? undefined : { location: prefix, captures: undefined, redirect: false };
  }

  private firstRegex(uri: string): FoundLocation | undefined {
    for (const location of this.regexes) {
      const captures = location.pattern?.exec(uri);
      if (captures === undefined) continue;
      return location.tree?.find(uri) ?? { location, captures, redirect: false };
    }
    return undefined;
  }

  private longestPrefix(uri: string): LocationPlan | undefined {
    let low = 0;
    let high = this.prefixes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.prefixes[middle]?.name ?? '') <= uri) low = middle + 1;
      else high = middle;
    }
    let index = low - 1;
    while (index >= 0) {
      const prefix = this.prefixes[index];
      if (prefix !== undefined && uri.startsWith(prefix.name)) return prefix;
      index = this.shorter[index] ?? -1;
    }
    return undefined;
  }

  /** A location of exactly that name which passes requests on and so wants its slash. */
  private slashed(name: string): LocationPlan | undefined {
    const exact = this.exact.get(name);
    if (exact?.autoRedirect === true) return exact;
    const prefix = this.longestPrefix(name);
    return prefix?.name === name && prefix.autoRedirect ? prefix : undefined;
  }
}
