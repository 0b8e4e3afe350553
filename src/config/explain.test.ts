import { describe, expect, it } from 'vitest';
import { utf8ByteString } from '../base/bytes.ts';
import { renderMistake, renderMistakes } from './explain.ts';
import { COMMAND_LINE, errorAt } from './position.ts';
import { distance, nearest } from './spelling.ts';

function rendered(text: string, from: number, to: number, file = '/f', hint?: string): string[] {
  return renderMistake(errorAt({ file, text }, from, to, 'what', 'x', hint)).split('\n');
}

describe('a mistake for the terminal', () => {
  it('has its place, its line with a mark, and help', () => {
    expect(rendered('a;\n\tbad word;\r\n', 8, 12, '/f', 'help')).toEqual([
      'holdfast: [emerg] what in /f:2',
      ' 2 |  bad word;',
      '   |      ^^^^',
      '  help',
    ]);
  });

  it('counts columns as a person sees them', () => {
    const text = utf8ByteString('ü 漢字 e\u0301 x');
    expect(rendered(text, text.length - 1, text.length).slice(1)).toEqual([
      ' 1 | ü 漢字 e\u0301 x',
      '   |          ^',
    ]);
  });

  it('shows no control chars and only a piece of a long line', () => {
    const lines = rendered(`${'a'.repeat(500)} \x1b[31mbad ${'b'.repeat(500)}`, 501, 509);
    expect(lines[1]).toMatch(/^ 1 \| …a+ \ufffd\[31mbad b+…$/);
    expect(lines[1]!.length).toBeLessThan(140);
    expect(lines[2]!.indexOf('^')).toBe(lines[1]!.indexOf('\ufffd'));
  });

  it('in the command line there is no line', () => {
    expect(rendered('daemon maybe;', 7, 12, COMMAND_LINE)).toEqual([
      'holdfast: [emerg] what in command line',
      '  | daemon maybe;',
      '  |        ^^^^^',
    ]);
  });

  it('the mark ends with the line, and an empty line is not shown', () => {
    expect(rendered('ab "c\nd"', 3, 8).at(-1)).toBe('   |    ^^');
    expect(rendered('ab\n', 3, 3)).toEqual(['holdfast: [emerg] what in /f:2']);
  });

  it('many stand one after the other, and those left out are counted', () => {
    const source = { file: '/f', text: 'a b c' };
    const [b, a] = [errorAt(source, 2, 3, 'second', ''), errorAt(source, 0, 1, 'first', '')];
    const heads = renderMistakes([a, b], 3)
      .split('\n')
      .filter((line) => line.startsWith('holdfast'));
    expect(heads.map((line) => line.replace(/ in .*/, ''))).toEqual([
      'holdfast: [emerg] first',
      'holdfast: [emerg] second',
      'holdfast: [emerg] and 3 more errors',
    ]);
  });
});

describe('the near spelling', () => {
  it.each([
    ['', '', 0],
    ['abc', 'abc', 0],
    ['abc', 'acb', 1],
    ['abc', 'ab', 1],
    ['abc', 'xabc', 1],
    ['kitten', 'sitting', 3],
    ['ca', 'abc', 3],
  ])('%s to %s takes %i slips', (a, b, slips) => {
    expect([distance(a, b), distance(b, a)]).toEqual([slips, slips]);
  });

  it.each([
    ['proxy_pas', 'proxy_pass'],
    ['porxy_pass', 'proxy_pass'],
    ['proxy_set_headers', 'proxy_set_header'],
    ['gzp', 'gzip'],
    ['foo', undefined],
    ['x'.repeat(5000), undefined],
  ])('%.20s', (name, expected) => {
    expect(nearest(name, ['gzip', 'proxy_set_header', 'proxy_pass'])).toBe(expected);
  });
});
