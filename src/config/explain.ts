// A mistake as lines for a terminal: nginx's words and place first, then the line with a mark under the word, then the help.
import { unicodeOf } from '../base/bytes.ts';
import type { Mistake } from './config-error.ts';
import { COMMAND_LINE } from './position.ts';

/** Chars of a line that are shown around the mark. */
const EXCERPT_WIDTH = 100;

/** Without a line feed at the end. `warn` for what the configuration can live with. */
export function renderMistake(mistake: Mistake, level: 'emerg' | 'warn' = 'emerg'): string {
  const lines = [`holdfast: [${level}] ${visible(mistake.message)}${placeIn(mistake)}`];
  if (mistake.excerpt !== undefined && mistake.excerpt.text.trim() !== '') {
    const { before, marked, after } = cut(mistake.excerpt.text, mistake.column, mistake.excerpt.length);
    const margin = mistake.line === 0 ? '' : String(mistake.line);
    const blank = ' '.repeat(margin.length);
    lines.push(` ${margin} | ${before}${marked}${after}`);
    lines.push(` ${blank} | ${' '.repeat(width(before))}${'^'.repeat(Math.max(1, width(marked)))}`);
  }
  if (mistake.hint !== undefined) lines.push(`  ${visible(mistake.hint)}`);
  return lines.join('\n');
}

/** All mistakes of a configuration, and how many more there were. */
export function renderMistakes(mistakes: readonly Mistake[], dropped = 0): string {
  const lines = mistakes.map((mistake) => renderMistake(mistake));
  if (dropped > 0) lines.push(`holdfast: [emerg] and ${dropped} more ${dropped === 1 ? 'error' : 'errors'}`);
  return lines.join('\n');
}

function placeIn({ file, line }: Mistake): string {
  if (file === '') return '';
  return file === COMMAND_LINE || line === 0 ? ` in ${visible(file)}` : ` in ${visible(file)}:${line}`;
}

/** The line around the mark, in three parts, each as a person sees it. */
function cut(
  text: string,
  column: number,
  length: number,
): { before: string; marked: string; after: string } {
  const from = Math.min(column - 1, text.length);
  const to = Math.min(from + length, text.length, from + EXCERPT_WIDTH);
  const start = from > EXCERPT_WIDTH / 2 ? boundary(text, from - 20) : 0;
  const end = boundary(text, Math.min(text.length, start + EXCERPT_WIDTH + (to - from)));
  return {
    before: (start > 0 ? '…' : '') + visible(text.slice(start, from)),
    marked: visible(text.slice(from, to)),
    after: visible(text.slice(to, Math.max(end, to))) + (end < text.length ? '…' : ''),
  };
}

/** Not in the middle of a char of UTF-8. */
function boundary(text: string, at: number): number {
  let from = at;
  while (from > 0 && from < text.length && (text.charCodeAt(from) & 0xc0) === 0x80) from--;
  return from;
}

/** A byte string as text without anything that a terminal would obey. */
function visible(text: string): string {
  return unicodeOf(text)
    .replace(/[\t\r\n]/g, ' ')
    .replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/g, '\ufffd');
}

/** Columns on a terminal: wide chars take two, marks that combine take none. */
function width(text: string): number {
  let columns = 0;
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    if (/\p{M}/u.test(char)) continue;
    columns += isWide(code) ? 2 : 1;
  }
  return columns;
}

/** East Asian wide and full-width ranges, roughly, and emoji. */
function isWide(code: number): boolean {
  return (
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd)
  );
}
