// Look-arounds, and the groups that PCRE2 writes with a name: `(*pla:…)` is `(?=…)`.

export interface Look {
  readonly ahead: boolean;
  readonly negative: boolean;
}

export const LOOKS = {
  ahead: { ahead: true, negative: false },
  notAhead: { ahead: true, negative: true },
  behind: { ahead: false, negative: false },
  notBehind: { ahead: false, negative: true },
} as const satisfies Readonly<Record<string, Look>>;

export function isLook(open: string | object): open is Look {
  return typeof open === 'object' && 'negative' in open && !('kind' in open);
}

export const NON_ATOMIC = 'a non-atomic look-around';
const SCRIPT_RUN = 'a script run';

/** What `(*name:` opens, or what it is called where JavaScript has no equal. */
export const ALPHABETIC: ReadonlyMap<string, Look | string> = new Map<string, Look | string>([
  ['pla', LOOKS.ahead],
  ['positive_lookahead', LOOKS.ahead],
  ['nla', LOOKS.notAhead],
  ['negative_lookahead', LOOKS.notAhead],
  ['plb', LOOKS.behind],
  ['positive_lookbehind', LOOKS.behind],
  ['nlb', LOOKS.notBehind],
  ['negative_lookbehind', LOOKS.notBehind],
  ['napla', NON_ATOMIC],
  ['non_atomic_positive_lookahead', NON_ATOMIC],
  ['naplb', NON_ATOMIC],
  ['non_atomic_positive_lookbehind', NON_ATOMIC],
  ['atomic', 'an atomic group'],
  ['sr', SCRIPT_RUN],
  ['script_run', SCRIPT_RUN],
  ['asr', SCRIPT_RUN],
  ['atomic_script_run', SCRIPT_RUN],
]);
