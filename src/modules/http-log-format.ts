// log_format: from its words to a function that makes a line, and, for a tunnel, to pieces with gaps for what only its end knows.
import type { Site, Word } from '../config/directive.ts';
import { asciiLower } from '../config/units.ts';
import type { Scope } from '../plan/scope.ts';
import type { AtEnd, Value, VariableRef } from '../plan/variable.ts';
import type { Exchange } from '../proxy/exchange.ts';
import type { LateFacts } from '../proxy/late.ts';
import { ESCAPES, type Escaping } from './http-log-escape.ts';

export interface FormatSource {
  readonly name: string;
  readonly escaping: Escaping;
  readonly parts: readonly (string | { readonly name: string; readonly word?: Word })[];
}

/** The format that needs no `log_format`. */
export const COMBINED: FormatSource = {
  name: 'combined',
  escaping: 'default',
  parts: [
    { name: 'remote_addr' },
    ' - ',
    { name: 'remote_user' },
    ' [',
    { name: 'time_local' },
    '] "',
    { name: 'request' },
    '" ',
    { name: 'status' },
    ' ',
    { name: 'body_bytes_sent' },
    ' "',
    { name: 'http_referer' },
    '" "',
    { name: 'http_user_agent' },
    '"',
  ],
};

type Part = string | { readonly ref: VariableRef; readonly escape: (value: Value) => string };

/** nginx writes these itself, as they are and never as "-". */
const PLAIN: ReadonlySet<string> = new Set([
  'pipe',
  'time_local',
  'time_iso8601',
  'msec',
  'request_time',
  'status',
  'bytes_sent',
  'body_bytes_sent',
  'request_length',
]);

export interface Gap {
  readonly fill: AtEnd;
  readonly escape: (value: Value) => string;
}

export class LogFormat {
  /** In the order of the line. */
  private readonly parts: readonly Part[];
  /** `freezes`, once an exchange has asked: the plan is complete by then. */
  private frozen: boolean | undefined;

  constructor(source: FormatSource, scope: Scope) {
    const ofValues = ESCAPES[source.escaping];
    this.parts = source.parts.map((part) => {
      if (typeof part === 'string') return part;
      const ref = scope.variable(part.name, part.word);
      return { ref, escape: PLAIN.has(part.name) ? ESCAPES.none : ofValues };
    });
  }

  /** One line, without its line feed. */
  line(x: Exchange): string {
    let text = '';
    for (const part of this.parts)
      text += typeof part === 'string' ? part : part.escape(part.ref.evaluate(x));
    return text;
  }

  /** False when a late variable stands in it that its end cannot fill in: the exchange is needed until then. */
  get freezes(): boolean {
    this.frozen ??= this.parts.every(
      (part) => typeof part === 'string' || !part.ref.late || part.ref.atEnd !== undefined,
    );
    return this.frozen;
  }

  /** The gaps, in their order. */
  gaps(): readonly Gap[] {
    const gaps: Gap[] = [];
    for (const part of this.parts) {
      const fill = typeof part === 'string' || !part.ref.late ? undefined : part.ref.atEnd;
      if (fill !== undefined && typeof part !== 'string') gaps.push({ fill, escape: part.escape });
    }
    return gaps;
  }

  /** Adds what is known now: the text before the first gap, then for each gap its value so far where it asks for it, and the text after. */
  freeze(x: Exchange, pieces: string[]): void {
    let text = '';
    for (const part of this.parts) {
      if (typeof part === 'string') text += part;
      else if (!part.ref.late || part.ref.atEnd === undefined) text += part.escape(part.ref.evaluate(x));
      else {
        pieces.push(text, part.ref.atEnd.length > 1 ? (part.ref.evaluate(x) ?? '') : '');
        text = '';
      }
    }
    pieces.push(text);
  }
}

/** The line whose pieces begin at `at`. */
export function thawedLine(
  gaps: readonly Gap[],
  pieces: readonly string[],
  at: number,
  late: LateFacts,
): string {
  let line = pieces[at] ?? '';
  for (let i = 0; i < gaps.length; i++) {
    const gap = gaps[i];
    if (gap === undefined) break;
    line += gap.escape(gap.fill(late, pieces[at + 1 + 2 * i] ?? '')) + (pieces[at + 2 + 2 * i] ?? '');
  }
  return line;
}

/** As ngx_http_log_set_format() and ngx_http_log_compile_format(). */
export function readFormat(site: Site): FormatSource {
  const [name, ...words] = site.words;
  let escaping: Escaping = 'default';
  const [first] = words;
  if (first?.text.startsWith('escape=')) {
    const given = first.text.slice('escape='.length);
    if (given !== 'default' && given !== 'json' && given !== 'none') {
      throw site.error(
        `unknown log format escaping "${given}"`,
        first,
        'escape= takes default, json or none',
      );
    }
    escaping = given;
    words.shift();
  }
  return { name: name?.text ?? '', escaping, parts: words.flatMap((word) => readParts(word, site)) };
}

/** Text and variables of one word; unlike elsewhere `$1` is a variable's name. */
function readParts(word: Word, site: Site): FormatSource['parts'] {
  const parts: (string | { name: string; word: Word })[] = [];
  const { text } = word;
  for (let at = 0; at < text.length; ) {
    const dollar = text.indexOf('$', at);
    if (dollar !== at) {
      parts.push(text.slice(at, dollar === -1 ? text.length : dollar));
      at = dollar === -1 ? text.length : dollar;
      continue;
    }
    const [whole, open, name, close] = /^\$(\{?)(\w*)(\}?)/.exec(text.slice(at)) ?? ['$', '', '', ''];
    if (open !== '' && close === '' && !(name === '' && whole.length + at === text.length)) {
      throw site.error(`the closing bracket in "${name}" variable is missing`, word);
    }
    if (name === undefined || name === '') throw site.error(`invalid parameter "${text.slice(at)}"`, word);
    if (/^[1-9]$/.test(name)) {
      throw site.error(
        `unknown "${name}" variable`,
        word,
        'a log has no captures; `set` one into a variable',
      );
    }
    parts.push({ name: asciiLower(name), word });
    at += 1 + name.length + (open === '' ? 0 : 2);
  }
  return parts;
}
