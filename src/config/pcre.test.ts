import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { compilePattern } from './pcre.ts';
import { EMPTY_ROUND, SKIPPED_CAPTURE } from './pcre-check.ts';
import { emitPattern } from './pcre-emit.ts';
import { PatternError } from './pcre-error.ts';
import { parsePattern } from './pcre-parse.ts';

// As whoever starts the process does, before any pattern is compiled; the second makes the flag `l` known, to ask V8 itself.
beforeAll(() => {
  setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks');
  setFlagsFromString('--enable-experimental-regexp-engine');
});

const CASES = new URL('../../test/cases/config/', import.meta.url);
function facts<Row>(name: string): Row[] {
  return JSON.parse(readFileSync(new URL(name, CASES), 'utf8'));
}

describe('a pattern matches what PCRE2 10.42 matches', () => {
  type Row = [options: string, pattern: string, subject: string, captures: (string | null)[] | null];
  it.each(facts<Row>('pcre-matches.json'))('%s %j against %j', (options, source, subject, captures) => {
    const pattern = compilePattern(source, { caseless: options === 'i' });
    const found = pattern.exec(subject);
    expect(found === undefined ? null : Array.from(found, (text) => text ?? null)).toEqual(captures);
    expect(pattern.test(subject)).toBe(captures !== null);
    if (captures !== null) expect(pattern.groups).toBe(captures.length - 1);
    const canRun = (endsInFeed: boolean): boolean => {
      try {
        return (
          new RegExp(emitPattern(parsePattern(source, options === 'i').root, endsInFeed).source, 'l') !==
          undefined
        );
      } catch {
        return false;
      }
    };
    if (pattern.linear) expect([canRun(false), canRun(true)]).toEqual([true, true]);
  });
});

describe("a wrong pattern is refused in PCRE's words at its offset", () => {
  it.each(facts<[pattern: string, message: string, offset: number]>('pcre-errors.json'))(
    '%j',
    (source, message, offset) => {
      expect(refusal(source)).toMatchObject({ message, offset, unsupported: false });
    },
  );
});

describe('what has no equal in JavaScript is refused by name', () => {
  it.each([
    ['a++', 'a possessive quantifier'],
    ['a?+', 'a possessive quantifier'],
    ['a{2}+', 'a possessive quantifier'],
    ['(?>a)', 'an atomic group'],
    ['(?|(a)|(b))', 'a group that resets numbers (?|'],
    ['(a)(?(1)b)', 'a conditional group'],
    ['(?R)', 'recursion'],
    ['(a(?1))', 'recursion'],
    ['(?<n>a)(?&n)', 'a subroutine call'],
    ['(?<n>a)(?P>n)', 'a subroutine call'],
    ['(a)\\g<1>', 'a subroutine call'],
    ['a(?C1)', 'a callout'],
    ['(?J)a', 'the option J'],
    ['(*UTF8)a', '"(*UTF8"'],
    ['(?*a)b', 'a non-atomic look-around'],
    ['(?<*a)b', 'a non-atomic look-around'],
    ['(*napla:a)b', 'a non-atomic look-around'],
    ['(*atomic:a)b', 'an atomic group'],
    ['(*sr:a)b', 'a script run'],
    ['\\p{Greek}', 'the Unicode property "greek"'],
    ['[\\P{sc=Greek}]', 'the Unicode property "sc=greek"'],
    ['\\X', '"\\X"'],
    ['[[:<:]]a', '"[[:<:]]"'],
    ['(?i)(a)\\1', 'a back-reference that ignores case'],
    ['(a)?\\1', 'a back-reference to a group that may be unset'],
    ['(a)|\\1', 'a back-reference to a group that may be unset'],
    ['\\g{+1}(a)', 'a back-reference to a group that may be unset'],
    ['(?:(a)|b\\1)+', 'a back-reference to a group that may be unset'],
  ])('%s', (source, name) => {
    expect(refusal(source)).toMatchObject({
      message: `${name} is not supported by Holdfast`,
      unsupported: true,
    });
  });
});

describe('what a pattern says of itself', () => {
  it.each([
    ['^/(a+)+$', undefined],
    ['^[0-9a-f]{64}$', undefined],
    ['(x{20})+', undefined],
    ['(?i)straSSe(/|$)', undefined],
    ['^(?!/api/)', 'look-ahead'],
    ['(?<=a)b', 'look-behind'],
    ['(a)\\1', 'a back-reference'],
    ['(ab){17}', 'a count above 16'],
    ['(?m)^a', '"^" with the option m'],
    ['a\\R', '"\\R"'],
    ['a$\\n', '"$" before the end of the pattern'],
  ])('%s is bounded unless it has %s', (source, unbounded) => {
    const pattern = compilePattern(source);
    expect([pattern.unbounded, pattern.linear]).toEqual([unbounded, unbounded === undefined]);
  });

  it.each([
    ['(a|(b))+', [SKIPPED_CAPTURE]],
    ['(a*)*', [EMPTY_ROUND]],
    ['(?:a*)*', []],
    ['(?:/(en|de))?/(.*)', []],
    ['(a(b))+', []],
  ])('%s has these caveats: %j', (source, caveats) => {
    expect(compilePattern(source).caveats).toEqual(caveats);
  });

  it('names are numbered', () => {
    expect([...compilePattern("(a)(?<x>b)(?P<y>c)(?'z'd)").names]).toEqual([
      ['x', 2],
      ['y', 3],
      ['z', 4],
    ]);
  });
});

describe('properties', () => {
  it('^/(a+)+$ against 10,000 chars takes under 50 ms', () => {
    const pattern = compilePattern('^/(a+)+$');
    const subject = `/${'a'.repeat(10_000)}`;
    for (const [tail, matches] of [
      ['!', false],
      ['\n\n', false],
      ['!\n', false],
      ['\n', true],
    ] as const) {
      const began = performance.now();
      expect(pattern.test(subject + tail)).toBe(matches);
      expect(performance.now() - began).toBeLessThan(50);
    }
  });

  it('any text is a pattern or a PatternError, and a match throws nothing', () => {
    const parts = fc.constantFrom(
      ..."ab\n\xe9()[]{}|*+?^$.\\-:<>=!#&0123,PQEKRxnuigd ' ".split(''),
      '(?',
      '[[:alpha:]]',
      '(?<n>',
      '\\k<n>',
      '{2}',
      '(?i)',
      '(*',
    );
    fc.assert(
      fc.property(fc.string({ unit: parts, maxLength: 12 }), fc.boolean(), (source, caseless) => {
        try {
          compilePattern(source, { caseless }).exec('ab\n');
        } catch (error) {
          expect(error).toBeInstanceOf(PatternError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('a literal in \\Q…\\E matches itself whatever its bytes', () => {
    const byte = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
    fc.assert(
      fc.property(
        fc.string({ unit: byte, maxLength: 20 }).filter((text) => !text.includes('\\E')),
        (text) => {
          fc.pre(!text.endsWith('\\'));
          const [found] = compilePattern(`\\A\\Q${text}\\E\\z`).exec(text) ?? [];
          expect(found).toBe(text);
        },
      ),
    );
  });

  it('deep nesting and great counts are errors, not exceptions', () => {
    expect(refusal('('.repeat(5000))).toMatchObject({
      message: 'parentheses are too deeply nested',
      offset: 251,
    });
    expect(refusal(`${'(?:a{1000}){1000}'.repeat(3)}`)?.message ?? 'compiled').toMatch(/too large|compiled/);
  });
});

function refusal(source: string): PatternError | undefined {
  try {
    compilePattern(source);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(PatternError);
    return error as PatternError;
  }
}
