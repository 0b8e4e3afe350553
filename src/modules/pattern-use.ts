// Regular expressions that a request meets while it is served: what they capture becomes the exchange's, `$1` to `$9` and the named
// groups, as ngx_http_regex_exec().
import type { Pattern } from '../config/pcre.ts';
import type { Scope } from '../plan/scope.ts';
import type { Exchange } from '../proxy/exchange.ts';

/** Whether `text` matches; the captures of a match replace those of the one before, and without a match those stay. */
export type PatternTest = (x: Exchange, text: string) => boolean;

/** Declares the pattern's named groups as variables. */
export function patternTest(scope: Scope, pattern: Pattern): PatternTest {
  const slots = scope.captureSlots(pattern);
  return (x, text) => {
    const captures = pattern.exec(text);
    if (captures === undefined) return false;
    x.captures = captures;
    for (const [group, slot] of slots) x.variables[slot] = captures[group] ?? '';
    return true;
  };
}
