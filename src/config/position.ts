// Where a word stands, for a person: line, column and the line itself. Everything that points into a file makes its error here.
import { ConfigError } from './config-error.ts';
import type { Source, Word } from './directive.ts';

/** The name of the source that `-g` gives; its errors read `… in command line`, without a line. */
export const COMMAND_LINE = 'command line';

export interface Place {
  /** From 1; 0 in the command line. */
  readonly line: number;
  /** In bytes, from 1. */
  readonly column: number;
}

const lineStarts = new WeakMap<Source, readonly number[]>();

export function placeOf(source: Source, offset: number): Place {
  if (source.file === COMMAND_LINE) return { line: 0, column: offset + 1 };
  const starts = startsOf(source);
  const line = lineAt(starts, offset);
  return { line: line + 1, column: offset - (starts[line] ?? 0) + 1 };
}

/** The line of a word, from 1; 0 in the command line. */
export function lineOf(word: Word): number {
  return placeOf(word.source, word.offset).line;
}

/** True when nothing but white space stands before `offset` on its line. */
export function opensLine(source: Source, offset: number): boolean {
  const { column } = placeOf(source, offset);
  return source.text.slice(offset - column + 1, offset).trim() === '';
}

/** The error for chars `from` to `to` of a source; the mark under it ends with the line. */
export function errorAt(
  source: Source,
  from: number,
  to: number,
  message: string,
  directive: string,
  hint?: string,
): ConfigError {
  const place = placeOf(source, from);
  const start = from - place.column + 1;
  const lineEnd = place.line === 0 ? source.text.length : lineEndOf(source, place.line);
  return new ConfigError({
    message,
    file: source.file,
    line: place.line,
    column: place.column,
    directive,
    hint,
    excerpt: {
      text: source.text.slice(place.line === 0 ? 0 : start, lineEnd),
      length: Math.max(1, Math.min(to, lineEnd) - from),
    },
  });
}

export function errorAtWord(word: Word, message: string, directive: string, hint?: string): ConfigError {
  return errorAt(word.source, word.offset, word.end, message, directive, hint);
}

/** Where line `line` (from 1) ends, from the table of lines: a search would make a long line full of mistakes quadratic. */
function lineEndOf(source: Source, line: number): number {
  const next = startsOf(source)[line];
  if (next === undefined) return source.text.length;
  const feed = next - 1;
  return source.text.charCodeAt(feed - 1) === 13 ? feed - 1 : feed;
}

function startsOf(source: Source): readonly number[] {
  const known = lineStarts.get(source);
  if (known !== undefined) return known;
  const starts = [0];
  for (let at = source.text.indexOf('\n'); at !== -1; at = source.text.indexOf('\n', at + 1)) {
    starts.push(at + 1);
  }
  lineStarts.set(source, starts);
  return starts;
}

/** The last line that starts at or before `offset`. */
function lineAt(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}
