// Regular expressions as nginx's PCRE reads them, run by JavaScript's RegExp over byte strings. Where V8's linear engine can run
// the pattern, a match is bounded whatever the subject; `unbounded` names what prevents it, for the start to show with its line.
import type { Argument, Site, Word } from './directive.ts';
import { checkMeaning } from './pcre-check.ts';
import { type EmittedPattern, emitPattern } from './pcre-emit.ts';
import { PatternError } from './pcre-error.ts';
import { parsePattern } from './pcre-parse.ts';

/** The whole match first, then PCRE's groups in order; undefined where a group took no part. */
export type Captures = readonly (string | undefined)[];

export interface Pattern {
  readonly source: string;
  readonly caseless: boolean;
  /** How many groups capture. */
  readonly groups: number;
  /** The numbers of the named ones. */
  readonly names: ReadonlyMap<string, number>;
  /** False when V8's linear engine cannot run it, and a subject may be found that it takes very long to match. */
  readonly linear: boolean;
  /** Why it is not linear: `look-ahead`, `a back-reference`, … */
  readonly unbounded: string | undefined;
  /** Where captures may differ from PCRE's for some subjects, in sentences. */
  readonly caveats: readonly string[];
  exec(subject: string): Captures | undefined;
  test(subject: string): boolean;
}

export interface PatternOptions {
  readonly caseless?: boolean;
}

/** Throws PatternError. */
export function compilePattern(source: string, { caseless = false }: PatternOptions = {}): Pattern {
  const parsed = parsePattern(source, caseless);
  const caveats = checkMeaning(parsed);
  const plain = emitPattern(parsed.root, false);
  const fed = emitPattern(parsed.root, true);
  const main = compiled(plain);
  const whenFed = fed.source === plain.source ? undefined : compiled(fed);
  const { groupCount: groups, names } = parsed;
  const { unbounded } = plain;
  return {
    source,
    caseless,
    groups,
    names,
    linear: unbounded === undefined,
    unbounded,
    caveats,
    exec: (subject) =>
      whenFed !== undefined && subject.endsWith('\n')
        ? capturesOf(run(whenFed, subject), fed)
        : run(main, subject),
    test: (subject) =>
      run(whenFed !== undefined && subject.endsWith('\n') ? whenFed : main, subject) !== undefined,
  };
}

/** A word's regular expression, or one that begins within it at `from` (after a `~`). Throws ConfigError with PCRE's words. */
export function readPattern(
  word: Word,
  site: Site,
  { caseless = false, from = 0 }: PatternOptions & { readonly from?: number } = {},
): Pattern {
  const source = word.text.slice(from);
  try {
    const pattern = compilePattern(source, { caseless });
    for (const name of pattern.names.keys()) site.capture(name, word);
    return pattern;
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    const { offset } = error;
    const where = offset >= source.length ? `in "${source}"` : `in "${source}" at "${source.slice(offset)}"`;
    if (error.unsupported) throw site.error(`${error.message} ${where}`, word);
    throw site.error(`pcre2_compile() failed: ${error.message} ${where}`, word);
  }
}

/** A regular expression as a word of its own. */
export const pattern: Argument<Pattern> = {
  allowed: 'a regular expression as PCRE reads it',
  read: (word, site) => readPattern(word, site),
};

/** V8 compiles at the first match: it is made here, so that a pattern too large is found at the start. */
function compiled({ source }: EmittedPattern): RegExp {
  try {
    const regExp = new RegExp(source);
    regExp.exec('');
    return regExp;
  } catch {
    throw new PatternError('regular expression is too large', 0);
  }
}

function run(regExp: RegExp, subject: string): Captures | undefined {
  try {
    return regExp.exec(subject) ?? undefined;
  } catch {
    return undefined; // V8's backtracking stack is full, where PCRE would report its own limit: no match
  }
}

/** PCRE's captures from those of the RegExp that took the last line feed for a `$`. */
function capturesOf(match: Captures | undefined, { indexes, feeds }: EmittedPattern): Captures | undefined {
  if (match === undefined) return undefined;
  const captures = indexes.map((index) => match[index]);
  for (const { index, around } of feeds) {
    if (match[index] === undefined) continue;
    for (const group of around) captures[group] = captures[group]?.slice(0, -1);
  }
  return captures;
}
