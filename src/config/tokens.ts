// nginx.conf text → words and the `;` `{` `}` that end them, char by char as ngx_conf_read_token(). After a mistake it goes on
// where a person would, so that the next one is found too. Reads one text, knows no directive. Driven by tree.ts.
import type { Source, Word } from './directive.ts';
import { placeOf } from './position.ts';

/** What ended the words: `;`, `{`, a lone `}`, or the end of the text. */
export type Token = 'statement' | 'open' | 'close' | 'end';

/** Told of each mistake: chars `from` to `to` of the text. */
export type Report = (from: number, to: number, message: string, hint?: string) => void;

/** As NGX_CONF_BUFFER: a word must end within this many bytes of its begin, unless the text does. */
const WORD_BYTES_MAX = 4096;

const SHARP_HINT = 'a comment that begins with "#@" is configuration, and what begins in one must end in one';

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const DOUBLE = 34;
const SHARP = 35;
const DOLLAR = 36;
const SINGLE = 39;
const CLOSING_PARENTHESIS = 41;
const SEMICOLON = 59;
const AT = 64;
const BACKSLASH = 92;
const OPEN = 123;
const CLOSE = 125;

export class Tokens {
  /** The words before the token that `next` returned. */
  words: Word[] = [];
  /** A mistake was found among them: they are no statement to be checked further. */
  broken = false;
  /** The token stands in a `#@` comment. */
  sharp = false;
  /** Where the token stands. */
  at = 0;
  private cursor = 0;
  /** End of the `#@` comment that is being read. */
  private sharpEnd = 0;
  /** The first word stands in a `#@` comment: its statement must end there. */
  private sharpWords = false;
  private readonly source: Source;
  private readonly text: string;
  private readonly isFile: boolean;
  private readonly report: Report;

  constructor(source: Source, isFile: boolean, report: Report) {
    this.source = source;
    this.text = source.text;
    this.isFile = isFile;
    this.report = report;
  }

  next(): Token {
    this.words = [];
    this.broken = false;
    for (;;) {
      this.skipSpace();
      const at = this.cursor;
      this.at = at;
      this.sharp = at < this.sharpEnd;
      if (at >= this.text.length) {
        if (this.words.length === 0) return 'end';
        this.unfinished(at);
        continue;
      }
      if (this.words.length > 0 && this.sharpWords && !this.sharp) this.endSharpWords();
      const char = this.text.charCodeAt(at);
      if (char === SEMICOLON || char === OPEN) {
        this.cursor++;
        if (this.words.length === 0) this.report(at, at + 1, `unexpected "${this.text.charAt(at)}"`);
        if (char === OPEN) return 'open';
        if (this.words.length > 0) return 'statement';
      } else if (char === CLOSE) {
        if (this.words.length === 0) {
          this.cursor++;
          return 'close';
        }
        const last = this.words.at(-1);
        this.report(at, at + 1, 'unexpected "}"', `is ";" missing after "${last?.text ?? ''}"?`);
        return 'statement';
      } else {
        if (this.words.length === 0) this.sharpWords = this.sharp;
        this.readWord(at, char);
      }
    }
  }

  /** The token that `next` returned is read once more. */
  back(): void {
    this.cursor = this.at;
  }

  /** White space and comments; `#@` counts as white space, and what follows it is read. */
  private skipSpace(): void {
    const { text } = this;
    while (this.cursor < text.length) {
      const char = text.charCodeAt(this.cursor);
      if (isSpace(char)) {
        this.cursor++;
      } else if (char === SHARP) {
        const feed = text.indexOf('\n', this.cursor);
        const end = feed === -1 ? text.length : feed;
        const asks = text.charCodeAt(this.cursor + 1) === AT;
        if (asks && this.words.length > 0 && !this.sharpWords) {
          this.report(
            this.cursor,
            end,
            'a "#@" comment must stand between directives',
            'write "# @" for a comment that is none of Holdfast\'s',
          );
        } else if (asks) {
          this.sharpEnd = end;
          this.cursor += 2;
          continue;
        }
        this.cursor = end;
      } else return;
    }
  }

  private readWord(start: number, first: number): void {
    const quoted = first === DOUBLE || first === SINGLE;
    const begin = quoted ? start + 1 : start;
    const stop = quoted ? this.endOfQuoted(begin, first) : this.endOfBare(begin);
    if (start < this.sharpEnd && (stop === -1 || stop > this.sharpEnd)) {
      this.report(start, this.sharpEnd, 'unexpected end of "#@" comment in a parameter', SHARP_HINT);
      return this.resume(this.sharpEnd);
    }
    if (stop === -1) return this.unended(start, begin, quoted);
    const end = quoted ? stop + 1 : stop;
    this.words.push({
      text: unescaped(this.text.slice(begin, stop)),
      quoted,
      source: this.source,
      offset: start,
      end,
    });
    this.cursor = end;
    if (quoted && !this.followsQuoted(end)) return this.unexpectedAfter(start, end);
    const gap = isSpace(this.text.charCodeAt(end)) ? end + 1 : end;
    if (this.isFile && gap - begin >= WORD_BYTES_MAX && gap < this.text.length) {
      this.unended(start, begin, false);
    }
  }

  private followsQuoted(at: number): boolean {
    if (at >= this.text.length) return true;
    const char = this.text.charCodeAt(at);
    return isSpace(char) || char === SEMICOLON || char === OPEN || char === CLOSING_PARENTHESIS;
  }

  /** Where the closing quote stands; -1 when the text or the buffer ends first. */
  private endOfQuoted(begin: number, quote: number): number {
    const limit = this.wordLimit(begin);
    for (let at = begin; at < limit; at++) {
      const char = this.text.charCodeAt(at);
      if (char === BACKSLASH) at++;
      else if (char === quote) return at;
    }
    return -1;
  }

  /** Where the bare word ends; a `{` right after a `$` belongs to it. */
  private endOfBare(begin: number): number {
    const limit = this.wordLimit(begin);
    let variable = false;
    for (let at = begin; at < limit; at++) {
      const char = this.text.charCodeAt(at);
      if (char === OPEN && variable) continue;
      variable = char === DOLLAR;
      if (char === BACKSLASH) at++;
      else if (isSpace(char) || char === SEMICOLON || char === OPEN) return at;
    }
    return -1;
  }

  private wordLimit(begin: number): number {
    return this.isFile ? Math.min(this.text.length, begin + WORD_BYTES_MAX) : this.text.length;
  }

  /** A word that has no end: a quote is missing, or the last `;` of the text. */
  private unended(start: number, begin: number, quoted: boolean): void {
    if (!this.isFile || begin + WORD_BYTES_MAX >= this.text.length) {
      if (this.words.length === 0) this.sharpWords = start < this.sharpEnd;
      this.cursor = this.text.length;
      return this.unfinished(start, quoted);
    }
    const quote = this.text.charAt(start);
    this.report(
      start,
      start + 1,
      quoted
        ? `too long parameter, probably missing terminating "${quote}" character`
        : `too long parameter "${this.text.slice(begin, begin + 10)}..." started`,
      `a parameter has ${WORD_BYTES_MAX} bytes at most`,
    );
    this.resume(this.lineEnd(start));
  }

  /** The text ends within a statement. Reading goes on after the line of a quote that was never closed. */
  private unfinished(start: number, quoted = false): void {
    const end = this.text.length;
    const first = this.words[0]?.offset ?? start;
    const message = this.isFile
      ? 'unexpected end of file, expecting ";" or "}"'
      : 'unexpected end of parameter, expecting ";"';
    const line = placeOf(this.source, quoted ? start : first).line;
    const where = line === 0 ? '' : ` on line ${line}`;
    const hint = quoted
      ? `the quote opened${where} is not closed`
      : `is ";" missing after "${this.words.at(-1)?.text ?? this.text.slice(start, start + 40)}"?`;
    this.report(end, end, message, hint);
    this.resume(quoted ? this.lineEnd(start) : end);
  }

  /** As nginx's `need_space`: after a closing quote only white space, `;`, `{` or `)` may stand. */
  private unexpectedAfter(start: number, end: number): void {
    const opened = placeOf(this.source, start).line;
    const manyLines = placeOf(this.source, end).line !== opened;
    const hint = manyLines
      ? `the quote opened on line ${opened} ends here`
      : 'a space or ";" must stand after a closing quote';
    this.report(end, end + 1, `unexpected "${this.text.charAt(end)}"`, hint);
    if (manyLines) return this.resume(this.lineEnd(start));
    this.broken = true;
  }

  /** The line ended within a statement that a `#@` comment began: nginx reads what follows, so it is read for itself. */
  private endSharpWords(): void {
    const first = this.words[0];
    const last = this.words.at(-1);
    if (first === undefined || last === undefined) return;
    this.report(first.offset, last.end, 'unexpected end of "#@" comment, expecting ";"', SHARP_HINT);
    this.words = [];
    this.broken = false;
  }

  private resume(at: number): void {
    this.words = [];
    this.broken = false;
    this.cursor = at;
  }

  private lineEnd(at: number): number {
    const feed = this.text.indexOf('\n', at);
    return feed === -1 ? this.text.length : feed;
  }
}

function isSpace(char: number): boolean {
  return char === SPACE || char === TAB || char === LF || char === CR;
}

/** nginx's escapes: `\"` `\'` `\\` lose their backslash, `\t` `\r` `\n` are the control chars, any other backslash stays. */
export function unescaped(raw: string): string {
  if (!raw.includes('\\')) return raw;
  return raw.replace(/\\(["'\\trn])/g, (_, char: string) => {
    if (char === 't') return '\t';
    if (char === 'r') return '\r';
    return char === 'n' ? '\n' : char;
  });
}
