// What the two head parsers share: taking reads apart into lines and lines into names and values, whatever the reads' cuts, with bare
// CR, NUL and folded lines refused. Whole lines are taken straight from the read; only an unfinished line is kept.
import { byteString } from '../base/bytes.ts';
import { asciiLower, knownName, type NameKind, PLAIN } from './header-name.ts';

/** As much of a read as is turned into text at a time: a body that follows a head is not. */
const WINDOW_BYTES = 4096;

const CR = 13;
const LF = 10;
const SPACE = 32;

export abstract class HeadLines<E> {
  /** Bytes of the last `push` that belong to the head; the rest is the body's or the next head's. */
  consumed = 0;
  /** What the log adds to an error's reason: the line, mostly. */
  detail = '';
  /** Bytes of the head's whole lines before `kept`. */
  protected passed = 0;
  /** Where in the head (as `passed` counts) the room for the line at hand ends. */
  protected roomEnd = 0;
  /** The start line has been read. */
  protected begun = false;
  /** Of the header line that was refused, where it is whole; `passed` is where it began. */
  protected refusedBytes = 0;
  /** The unfinished line of earlier reads. */
  private kept = '';

  /** Takes bytes `start` to `end`, up to the head's end at most. After 'head' or an error call `reset` before the next head. */
  push(bytes: Uint8Array, start: number, end: number): 'more' | 'head' | E {
    let at = start;
    while (at < end) {
      const stop = end - at > WINDOW_BYTES ? at + WINDOW_BYTES : end;
      const kept = this.kept.length;
      const fresh = byteString(bytes, at, stop);
      const text = kept === 0 ? fresh : this.kept + fresh;
      const verdict = this.lines(text, kept);
      if (typeof verdict === 'number') {
        this.consumed = at - start + verdict - kept;
        return 'head';
      }
      if (verdict !== 'more') {
        this.consumed = end - start;
        return verdict;
      }
      at = stop;
    }
    this.consumed = end - start;
    return 'more';
  }

  /** Has a byte of a head come, be it of an empty line before it? A connection without is idle. */
  get started(): boolean {
    return this.begun || this.kept !== '' || this.passed > 0;
  }

  /** The start line has been read, and nothing was wrong with it. */
  get lineRead(): boolean {
    return this.begun;
  }

  /** A start line with its line feed, or as much of one as there is. Undefined: fine so far. 'head': there is nothing after it (HTTP/0.9). */
  protected abstract startLine(line: string, whole: boolean): undefined | 'head' | E;
  /** A line whose name is in the table of header-name.ts, in one of the spellings there. */
  protected abstract field(name: string, lower: string, kind: NameKind, value: string): undefined | E;
  /** Any other line; its name holds no control character and no space. */
  protected abstract unusualField(name: string, lower: string, kind: NameKind, value: string): undefined | E;
  /** The error for a line that is none. */
  protected abstract invalid(line: string): E;
  /** The empty line has come; the head ends at `at`, empty lines before it counted in. */
  protected abstract finish(at: number): undefined | E;
  /** The line that began at `lineAt` does not end before `lineEnd`: makes room up to there or says why not. */
  protected abstract makeRoom(lineAt: number, lineEnd: number): undefined | E;
  /** May an empty line before the start line be skipped? `at` is where it ends. */
  protected abstract skipsEmpty(at: number): boolean;

  protected clear(roomEnd: number): void {
    this.consumed = 0;
    this.detail = '';
    this.passed = 0;
    this.roomEnd = roomEnd;
    this.begun = false;
    this.refusedBytes = 0;
    this.kept = '';
  }

  /** All whole lines of `text`, whose first `searched` bytes hold no line feed. Returns where the head ends in it. */
  private lines(text: string, searched: number): number | 'more' | E {
    const nul = text.includes('\0');
    let at = 0;
    let cr = -1;
    for (;;) {
      if (!this.begun) at = this.skipEmpty(text, at);
      const lf = text.indexOf('\n', Math.max(at, searched));
      if (lf === -1) return this.keep(text, at);
      if (this.passed + lf >= this.roomEnd) {
        const failure = this.outgrown(text, at, lf + 1);
        if (failure !== undefined) return this.refusedAt(at, at, failure);
      }
      if (cr < at) cr = text.indexOf('\r', at);
      if (cr === -1) cr = text.length;
      if (!this.begun) {
        const verdict = this.startLine(text.slice(at, lf + 1), true);
        if (verdict === 'head') return lf + 1;
        if (verdict !== undefined) return verdict;
        this.begun = true;
      } else {
        const end = lf > at && text.charCodeAt(lf - 1) === CR ? lf - 1 : lf;
        if (end === at) return this.finish(this.passed + lf + 1) ?? lf + 1;
        const failure = cr < end || nul ? this.refused(text, at, end) : this.fieldLine(text, at, end);
        if (failure !== undefined) return this.refusedAt(at, lf + 1, failure);
      }
      at = lf + 1;
    }
  }

  private refusedAt(at: number, end: number, failure: E): E {
    this.passed += at;
    this.refusedBytes = end - at;
    return failure;
  }

  /** `Name: value` between `at` and `end`, as ngx_http_parse_header_line() and RFC 9112, 5 have it. */
  private fieldLine(text: string, at: number, end: number): undefined | E {
    const colon = text.indexOf(':', at);
    if (colon === -1 || colon >= end) return this.invalid(text.slice(at, end));
    let from = colon + 1;
    let to = end;
    while (from < to && text.charCodeAt(from) === SPACE) from++;
    while (to > from && text.charCodeAt(to - 1) === SPACE) to--;
    const known = knownName(text, at, colon);
    if (known !== undefined) return this.field(known.name, known.lower, known.kind, text.slice(from, to));
    const name = text.slice(at, colon);
    // a folded line begins with a space, a space before the colon ends a name: neither is one
    if (name === '' || /[\x00-\x20\x7f]/.test(name)) return this.invalid(text.slice(at, end));
    const lower = asciiLower(name);
    return this.unusualField(name, lower, knownName(lower)?.kind ?? PLAIN, text.slice(from, to));
  }

  /** The slow way for a text with a bare CR or a NUL in it, which may be in a later line or in a body. */
  private refused(text: string, at: number, end: number): undefined | E {
    const line = text.slice(at, end);
    return /[\r\0]/.test(line) ? this.invalid(text.slice(at, end)) : this.fieldLine(text, at, end);
  }

  /** CRLF and LF before a start line. */
  private skipEmpty(text: string, from: number): number {
    let at = from;
    for (;;) {
      const code = text.charCodeAt(at);
      const feedAt = code === CR ? at + 1 : at;
      if (text.charCodeAt(feedAt) !== LF || !this.skipsEmpty(this.passed + feedAt + 1)) return at;
      at = feedAt + 1;
    }
  }

  private keep(text: string, at: number): 'more' | E {
    const length = text.length - at;
    if (!this.begun && length === 1 && text.charCodeAt(at) === CR) {
      this.passed += at;
      this.kept = '\r';
      return 'more';
    }
    if (length > 0 && this.passed + text.length >= this.roomEnd) {
      const failure = this.outgrown(text, at, text.length + 1);
      if (failure !== undefined) return this.refusedAt(at, at, failure);
    }
    if (!this.begun && length > 0) {
      const verdict = this.startLine(text.slice(at), false);
      if (verdict !== undefined && verdict !== 'head') return verdict;
    }
    this.passed += at;
    this.kept = text.slice(at);
    return 'more';
  }

  /** A line that does not fit is looked at first as far as it did: what is wrong in it came before. */
  private outgrown(text: string, at: number, end: number): undefined | E {
    const failure = this.makeRoom(this.passed + at, this.passed + end);
    if (failure === undefined) return undefined;
    const fitted = text.slice(at, this.roomEnd - this.passed);
    if (!this.begun) {
      const verdict = this.startLine(fitted, false);
      return verdict === undefined || verdict === 'head' ? failure : verdict;
    }
    const line = fitted.endsWith('\r') ? fitted.slice(0, -1) : fitted;
    const name = /^[^:]*/.exec(line)![0];
    const wrong = (name === '' && line !== '') || /[\x00-\x20\x7f]/.test(name) || /[\r\0]/.test(line);
    if (wrong) return this.invalid(line);
    if (this.detail === '') this.detail = `: "${fitted.slice(0, 1748)}..."`;
    return failure;
  }
}

/** A refused line as nginx logs it: in quotes, broken off at the byte that may not be there. */
export function quoteLine(line: string): string {
  const name = /^[^:]*/.exec(line)![0];
  let at = name === '' ? 0 : name.search(/[\x00-\x20\x7f]/);
  if (at === -1) at = line.search(/[\r\0]/);
  if (at === -1 || at === line.length) return `"${line}"`;
  return `"${line.slice(0, at)}\\x${line.charCodeAt(at).toString(16).padStart(2, '0')}..."`;
}
