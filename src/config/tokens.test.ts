// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is nginx's own syntax
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Statement } from './directive.ts';
import { memoryFiles } from './files.ts';
import { placeOf } from './position.ts';
import { type PrintedStatement, printStatements, printWord } from './print.ts';
import { parseConfig, parseText } from './tree.ts';

/** Statements as nested lists of words. */
type Shape = readonly (string | readonly Shape[])[];

function shapeOf({ name, words, block }: Statement): Shape {
  const texts = [name, ...words].map(({ text }) => text);
  return block === undefined ? texts : [...texts, block.map(shapeOf)];
}

function shapes(text: string): readonly Shape[] {
  return parseText(text).statements.map(shapeOf);
}

describe("words are nginx's words", () => {
  const cases: readonly [text: string, expected: readonly Shape[]][] = [
    ['', []],
    ['a;', [['a']]],
    ['a b\n\tc\r\nd ;e;', [['a', 'b', 'c', 'd'], ['e']]],
    ['a "b c" \'d;e\';', [['a', 'b c', 'd;e']]],
    ['a "" \'\';', [['a', '', '']]],
    ['a b"c d;', [['a', 'b"c', 'd']]],
    ['a "\\"\\\'\\\\\\t\\r\\n\\$";', [['a', '"\'\\\t\r\n\\$']]],
    ['a \\"b\\ c\\;d\\{;', [['a', '"b\\ c\\;d\\{']]],
    ['a \\;b;', [['a', '\\;b']]],
    ['a ${b}c${d;', [['a', '${b}c${d']]],
    ['a ${{b;', [['a', '${{b']]],
    ['a $b{ c; }', [['a', '$b', [['c']]]]],
    ['a $${b;', [['a', '$${b']]],
    ['a b#c # d;\n;', [['a', 'b#c']]],
    ['#a;\nb;#c', [['b']]],
    ['a"b" c;', [['a"b"', 'c']]],
    ['if ("a") { }', [['if', '(', 'a', ')', []]].slice(1).concat([['if', '("a")', []]])],
    ['if ( "a") { }', [['if', '(', 'a', ')', []]]],
    ['a{b{c;}}d;', [['a', [['b', [['c']]]]], ['d']]],
    [
      'a {\n}\nb{}',
      [
        ['a', []],
        ['b', []],
      ],
    ],
    ['a "b\nc";', [['a', 'b\nc']]],
    ['a }b;', [['a'], ['b']]],
    ['a b};', [['a', 'b}']]],
    ['a b}', []],
    ['a \0 \x7f\xff;', [['a', '\0', '\x7f\xff']]],
  ];
  it.each(cases)('%j', (text, expected) => {
    expect(shapes(text)).toEqual(expected);
  });

  it.each([
    [4094, ' b;', '', true],
    [4095, ' b;', '', false],
    [4095, ';', '', true],
    [4096, ';', '', false],
    [4093, ' b;', '"', true],
    [4094, ' b;', '"', false],
    [4094, ';', '"', true],
    [4095, ';', '"', false],
  ])("%i bytes before %j, quoted by %j, fit nginx's buffer: %j", (length, tail, quote, fits) => {
    const { errors } = parseText(`env ${quote}${'x'.repeat(length)}${quote}${tail}\nevents {}\n`);
    expect(errors.map(({ message }) => message)).toEqual(
      fits ? [] : ['too long parameter "xxxxxxxxxx..." started'],
    );
  });

  it('a quote that is not closed within the buffer is said so', () => {
    const { errors } = parseText(`env "${'x'.repeat(4096)}";\nevents {}\n}`);
    expect(errors.map(({ line, message }) => `${line} ${message}`)).toEqual([
      '1 too long parameter, probably missing terminating """ character',
      '3 unexpected "}"',
    ]);
  });
});

describe('a "#@" comment is configuration', () => {
  const cases: readonly [text: string, expected: readonly Shape[], errors: number][] = [
    ['#@ a b;\n# @ c;', [['a', 'b']], 0],
    ['a; #@ b; # c\nd;', [['a'], ['b'], ['d']], 0],
    ['#@a "b\t" ; c;', [['a', 'b\t'], ['c']], 0],
    ['#@ a {\n#@ b;\n#@ }\nc;', [['a', [['b']]], ['c']], 0],
    ['#@ a {\nb;\n#@ }', [['a', [['b']]]], 0],
    ['#@ a\n#@ b;\n', [['a', 'b']], 0],
    ['#@ a\nb;', [['b']], 1],
    ['#@ a "b\nc;\n', [['c']], 1],
    ['a #@ b\nc;', [['a', 'c']], 1],
    ['a {\n#@ }\n}', [['a', []]], 1],
    ['a {\n#@ b {\n}\nc;', [['a', [['b', []]]], ['c']], 1],
  ];
  it.each(cases)('%j', (text, expected, errors) => {
    const parsed = parseText(text);
    expect([parsed.statements.map(shapeOf), parsed.errors.length]).toEqual([expected, errors]);
  });
});

describe('reading goes on after a mistake, so that the next is found too', () => {
  const cases: readonly [text: string, mistakes: readonly string[]][] = [
    ['a "b"c; ; d {\n', ['1 unexpected "c"', '1 unexpected ";"', '2 unexpected end of file, expecting "}"']],
    ['}\na }\n{ b; }\nc;', ['1 unexpected "}"', '2 unexpected "}"', '2 unexpected "}"', '3 unexpected "{"']],
    ['a "b;\nc d;\ne "f";\n}', ['3 unexpected "f"', '4 unexpected "}"']],
    ['a "b;\nc;\n}', ['3 unexpected end of file, expecting ";" or "}"', '3 unexpected "}"']],
    [
      'include;\ninclude a b;\ninclude x {}\n',
      [
        '1 invalid number of arguments in "include" directive',
        '2 invalid number of arguments in "include" directive',
        '3 directive "include" is not terminated by ";"',
      ],
    ],
  ];
  it.each(cases)('%j', (text, mistakes) => {
    expect(parseText(text).errors.map(({ line, message }) => `${line} ${message}`)).toEqual(mistakes);
  });

  it('what stands around a mistake is kept', () => {
    expect(shapes('a; b "c"d; e { f }; g; } h;')).toEqual([['a'], ['e', [['f']]], ['g'], ['h']]);
  });

  it('blocks nested deeper than 100 are one mistake', () => {
    const { errors } = parseText(`${'a{'.repeat(5000)}${'}'.repeat(5000)}b;`);
    expect(errors.map(({ message }) => message)).toEqual(['blocks are nested deeper than 100']);
  });
});

describe('properties', () => {
  const bytes = fc.string({
    unit: fc.integer({ min: 0, max: 255 }).map((byte) => String.fromCharCode(byte)),
    maxLength: 60,
  });
  const grammar = fc.string({ unit: fc.constantFrom(...'ab ;{}"\'\\#@$\n\t\r)include'), maxLength: 60 });
  const { statements } = fc.letrec<{ statements: PrintedStatement[]; statement: PrintedStatement }>(
    (tie) => ({
      statements: fc.array(tie('statement'), { maxLength: 4 }),
      statement: fc.record({
        name: bytes.filter((text) => text !== 'include').map((text) => ({ text })),
        words: fc.array(
          bytes.map((text) => ({ text })),
          { maxLength: 4 },
        ),
        block: fc.option(tie('statements'), { nil: undefined, maxDepth: 3 }),
      }),
    }),
  );

  it('what is printed is read back the same', () => {
    fc.assert(
      fc.property(statements, (list) => {
        const parsed = parseText(printStatements(list));
        expect(parsed.errors).toEqual([]);
        expect(printStatements(parsed.statements)).toBe(printStatements(list));
      }),
    );
    fc.assert(
      fc.property(bytes, (text) => {
        expect(shapes(`a ${printWord(text)};`)).toEqual([['a', text]]);
      }),
    );
  });

  it('any text gives statements and errors, and throws nothing', () => {
    fc.assert(
      fc.property(fc.oneof(bytes, grammar), fc.boolean(), (text, isFile) => {
        const files = memoryFiles({ '/f': isFile ? text : '' });
        const { errors } = parseConfig('/f', files, isFile ? {} : { globals: text });
        for (const error of errors) {
          if (error.file === '' || error.line === 0) continue;
          expect(error.line).toBeLessThanOrEqual(text.split('\n').length);
          expect(error.column).toBeLessThanOrEqual((text.split('\n')[error.line - 1] ?? '').length + 1);
        }
      }),
      { numRuns: 400 },
    );
  });

  it('a word stands where its offsets say', () => {
    fc.assert(
      fc.property(grammar, (text) => {
        const visit = ({ name, words, block }: Statement): void => {
          for (const word of [name, ...words]) {
            const raw = text.slice(word.offset, word.end);
            expect(/^["']/.test(raw)).toBe(word.quoted);
            const { line, column } = placeOf(word.source, word.offset);
            expect(
              text
                .split('\n')
                .slice(0, line - 1)
                .join('\n').length +
                (line > 1 ? 1 : 0) +
                column -
                1,
            ).toBe(word.offset);
            if (!raw.includes('\\')) expect(word.quoted ? raw.slice(1, -1) : raw).toBe(word.text);
          }
          block?.forEach(visit);
        };
        parseText(text).statements.forEach(visit);
      }),
      { numRuns: 400 },
    );
  });
});
