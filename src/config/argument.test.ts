// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is nginx's own syntax
import { describe, expect, it } from 'vitest';
import { confPath, optional, path, rest, time, variableName, word } from './argument.ts';
import { checkConfig } from './check.ts';
import { checkDeclaration } from './declaration.ts';
import { type Argument, directive } from './directive.ts';
import { pattern } from './pcre.ts';
import { constantText, template } from './template.ts';
import { parseText } from './tree.ts';
import { parseOffset, parseSeconds, parseSize, parseTime, parseWhole } from './units.ts';

const environment = {
  confPath: (name: string) => `/conf/${name}`,
  prefixPath: (name: string) => `/prefix/${name}`,
  readFile: (name: string) =>
    name === '/conf/keys' ? 'secret' : { code: 'EACCES', errno: 13, text: 'Permission denied' },
};

/** The value that `x WORD;` has, or the error's words. */
function read(argument: Argument<unknown>, text: string): unknown {
  const x = directive({ name: 'x', contexts: ['main'], args: [argument], doc: '', example: '' });
  const { block, errors } = checkConfig(parseText(`x ${text};`).statements, [x], environment);
  return errors[0]?.message ?? block.entries[0]?.value;
}

describe("numbers are nginx's", () => {
  const no = undefined;
  const cases: readonly [
    parse: (text: string) => number | undefined,
    text: string,
    value: number | undefined,
  ][] = [
    [parseWhole, '0', 0],
    [parseWhole, '0042', 42],
    [parseWhole, '', no],
    [parseWhole, '-1', no],
    [parseWhole, '1.5', no],
    [parseWhole, '9223372036854775807', 2 ** 63],
    [parseWhole, '9223372036854775808', no],
    [parseSize, '8k', 8192],
    [parseSize, '8K', 8192],
    [parseSize, '1m', 1_048_576],
    [parseSize, '1g', no],
    [parseSize, 'k', no],
    [parseSize, '', no],
    [parseSize, '9007199254740992k', no],
    [parseOffset, '1g', 1_073_741_824],
    [parseOffset, '2G', 2_147_483_648],
    [parseOffset, '1t', no],
    [parseTime, '60', 60_000],
    [parseTime, '60s', 60_000],
    [parseTime, '500ms', 500],
    [parseTime, '1h30m', 5_400_000],
    [parseTime, '1h 30m', 5_400_000],
    [parseTime, '1h30', 3_630_000],
    [parseTime, '1w2d3h4m5s6ms', 788_645_006],
    [parseTime, '5ms3', 3_005],
    [parseTime, '30 ', 30_000],
    [parseTime, '1 30', 31_000],
    [parseTime, '1hm', 3_600_000],
    [parseTime, ' 5', 5_000],
    [parseTime, '1M', no],
    [parseTime, '1y', no],
    [parseTime, '30m1h', no],
    [parseTime, '1s1s', no],
    [parseTime, '1s 1 ', no],
    [parseTime, '1 2 3', no],
    [parseTime, '', no],
    [parseTime, 'h', no],
    [parseTime, '1.5s', no],
    [parseTime, '-1', no],
    [parseTime, '1S', no],
    [parseTime, '9223372036854775', 9_223_372_036_854_775_000],
    [parseTime, '9223372036854776', no],
    [parseTime, '99999999999999999999ms', no],
    [parseSeconds, '1y 6M', 47_088_000],
    [parseSeconds, '1M1y', no],
    [parseSeconds, '500ms', no],
    [parseSeconds, '1w', 604_800],
    [parseSeconds, '30', 30],
  ];
  it.each(cases)('%o of %j is %j', (parse, text, value) => {
    expect(parse(text)).toBe(value);
  });
});

describe('templates', () => {
  const cases: readonly [text: string, parts: unknown][] = [
    ['""', []],
    ['plain', ['plain']],
    ['$host', [{ name: 'host' }]],
    ['$HOST', [{ name: 'host' }]],
    ['http://$host$uri?x', ['http://', { name: 'host' }, { name: 'uri' }, '?x']],
    ['${a}b$c_1-d', [{ name: 'a' }, 'b', { name: 'c_1' }, '-d']],
    ['$1$2x', [{ name: '1' }, { name: '2' }, 'x']],
    ['$10', [{ name: '1' }, '0']],
    ['$0', [{ name: '0' }]],
    ['${10}', [{ name: '10' }]],
    ['a$', 'invalid variable name'],
    ['$$a', 'invalid variable name'],
    ['"$ a"', 'invalid variable name'],
    ['$\u00e9', 'invalid variable name'],
    ['"${}"', 'invalid variable name'],
    ['"${"', 'invalid variable name'],
    ['"${a"', 'the closing bracket in "a" variable is missing'],
    ['"${a-b}"', 'the closing bracket in "a" variable is missing'],
    ['"${-}"', 'the closing bracket in "" variable is missing'],
    ['${1}', 'unknown "1" variable'],
  ];
  it.each(cases)('%s', (text, parts) => {
    const value = read(template, text) as { parts: unknown } | string;
    expect(typeof value === 'string' ? value : value.parts).toEqual(parts);
  });

  it('one without variables is its text', () => {
    const constant = (text: string) =>
      constantText(read(template, text) as Parameters<typeof constantText>[0]);
    expect([constant('""'), constant('a'), constant('$a'), constant('a$a')]).toEqual([
      '',
      'a',
      undefined,
      undefined,
    ]);
  });
});

describe('other words', () => {
  it.each([
    [path, 'a', '/prefix/a'],
    [confPath, 'a', '/conf/a'],
    [variableName, '$Foo', 'foo'],
    [variableName, 'foo', 'invalid variable name "foo"'],
    [variableName, '$', 'invalid variable name "$"'],
    [rest(word), 'a b c', ['a', 'b', 'c']],
    [pattern, '"("', 'pcre2_compile() failed: missing closing parenthesis in "("'],
    [pattern, 'a++b', 'a possessive quantifier is not supported by Holdfast in "a++b" at "++b"'],
  ] as readonly [Argument<unknown>, string, unknown][])('%o %s', (argument, text, value) => {
    expect(read(argument, text)).toEqual(value);
  });

  it('a reader may ask for a further file', () => {
    const file: Argument<string> = {
      allowed: '',
      read: ({ text }, site) => site.readFile(site.confPath(text), site.words[0]!),
    };
    expect(read(file, 'keys')).toBe('secret');
    expect(read(file, 'other')).toBe('open() "/conf/other" failed (13: Permission denied)');
  });
});

describe('a declaration is tested against itself', () => {
  const plain = { name: 'x', contexts: ['http'], args: [time], default: '5s', doc: '' } as const;
  it.each([
    [
      {
        example: 'x 5m;',
        refuses: { 'x soon;': '"x" directive invalid value "soon": a time is', 'x;': 'takes 1 argument' },
      },
      [],
    ],
    [
      { example: 'x 5q;' },
      ['its example "x 5q;" is refused: "x" directive invalid value "5q": a time is 300s, 5m or 1h30m'],
    ],
    [
      { example: 'y;' },
      [
        'its example "y;" is refused: unknown directive "y" did you mean "x"?',
        'its example "y;" does not use it',
      ],
    ],
    [
      { example: 'x 1;', refuses: { 'x 2;': 'nonsense' } },
      ["\"x 2;\" should be refused with 'nonsense', not with ''"],
    ],
    [{ example: 'x 1;', default: 'soon' }, ['Error: bug: default of "x": "x" directive invalid value']],
  ])('%j', (more, faults) => {
    expect(checkDeclaration(directive({ ...plain, ...more }), [])).toEqual(faults);
  });

  it('an optional word left out is allowed', () => {
    const x = directive({
      name: 'x',
      contexts: ['main'],
      args: [word, optional(word)],
      doc: '',
      example: 'x a; ',
    });
    expect(checkDeclaration(x, [])).toEqual([]);
  });
});
