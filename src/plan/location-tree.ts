// Which location answers a URI: exact ones, then the longest prefix, then regular expressions in the file's order, as
// ngx_http_core_find_location(). Prefixes are found by a sorted list and its nesting, so that 10,000 of them cost a binary search.
import type { Captures } from '../config/pcre.ts';
import type { LocationPlan } from './plan.ts';

export interface FoundLocation {
  readonly location: LocationPlan;
  /** What the location's regular expression captured. */
  readonly captures: Captures | undefined;
  /** The URI is the location's name without its last slash: answered with a redirect to it. */
  readonly redirect: boolean;
}
