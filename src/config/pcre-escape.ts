// The small parts of PCRE2's syntax: what stands after a backslash, between brackets, and in a group's name.
import { PatternError, refused } from './pcre-error.ts';
import type { Assertion } from './pcre-parse.ts';
import { propertyAt } from './pcre-property.ts';
import { type ByteSet, caseless, complement, POSIX_CLASSES, setOf, TYPES, union } from './pcre-set.ts';

/** What an escape means, and where it ends. `ignored` is `\K`: it moves the match's start, which nginx shows nobody. */
export type Escape = { readonly end: number } & (
  | { readonly byte: number }
  | { readonly set: ByteSet }
  | { readonly assertion: Assertion }
  | { readonly group: number | string; readonly at?: number }
  | { readonly ignored: true }
);

const ASSERTIONS: Readonly<Record<string, Assertion>> = {
  A: 'start',
  G: 'start', // where the match was asked to begin: nginx always asks at 0
  Z: 'dollar',
  z: 'end',
  b: 'word',
  B: 'notWord',
  R: 'newline',
};

const CONTROLS: Readonly<Record<string, number>> = { a: 7, e: 27, f: 12, n: 10, r: 13, t: 9 };

/** The escape whose backslash stands at `at`, outside brackets. `groups`: how many have been opened so far. */
export function escapeAt(source: string, at: number, groups: number): Escape {
  const char = source.charAt(at + 1);
  const end = at + 2;
  const assertion = ASSERTIONS[char];
  if (assertion !== undefined) return { assertion, end };
  if (char === 'N') {
    if (!/^\{(?![0-9]+(?:,[0-9]*)?\})/.test(source.slice(end)))
      return { set: complement(setOf([10, 10])), end };
    const inUtf = /^\{U\+/.test(source.slice(end));
    throw inUtf
      ? new PatternError('\\N{U+dddd} is supported only in Unicode (UTF) mode', end)
      : unsupportedLetter(end);
  }
  if (char === 'K') return { ignored: true, end };
  if (char === 'g') return groupReference(source, end, groups);
  if (char === 'k') return namedReference(source, end);
  if (/[1-9]/.test(char)) {
    const digits = /^[0-9]+/.exec(source.slice(at + 1))?.[0] ?? '';
    const group = Number(digits);
    if (group < 10 || /[89]/.test(char) || group <= groups) {
      return { group, end: at + 1 + digits.length, at: at + digits.length };
    }
  }
  return simpleEscape(source, at);
}

/** Escapes that mean the same within brackets and outside: types, control chars, numbers, and chars for themselves. */
function simpleEscape(source: string, at: number): Escape {
  const char = source.charAt(at + 1);
  const end = at + 2;
  if (char === '') throw new PatternError('\\ at end of pattern', at + 1);
  const set = TYPES.get(char);
  if (set !== undefined) return { set, end };
  const control = CONTROLS[char];
  if (control !== undefined) return { byte: control, end };
  if (char === 'x' || char === 'o' || /[0-9]/.test(char)) return numberedByte(source, at);
  if (char === 'c') return controlByte(source, end);
  if (/[pP]/.test(char)) return propertyAt(source, at);
  if (/[XC]/.test(char)) throw refused(`"\\${char}"`, at);
  if (/[FLlUu]/.test(char)) throw unsupportedLetter(end);
  if (/[A-Za-z]/.test(char)) throw new PatternError('unrecognized character follows \\', at + 1);
  return { byte: char.charCodeAt(0), end };
}

function unsupportedLetter(offset: number): PatternError {
  return new PatternError('PCRE2 does not support \\F, \\L, \\l, \\N{name}, \\U, or \\u', offset);
}

/** `\xhh`, `\x{…}`, `\o{…}`, `\ddd`. */
function numberedByte(source: string, at: number): Escape {
  const char = source.charAt(at + 1);
  const end = at + 2;
  if (char === 'o' && source[end] !== '{') throw new PatternError('missing opening brace after \\o', at + 1);
  if (source[end] === '{' && (char === 'x' || char === 'o')) return bracedByte(source, at, char === 'x');
  const text = source.slice(at + 1, at + 4);
  if (char === 'x') {
    const digits = /^[0-9A-Fa-f]{0,2}/.exec(source.slice(end, end + 2))?.[0] ?? '';
    return { byte: digits === '' ? 0 : Number.parseInt(digits, 16), end: end + digits.length };
  }
  const digits = /^[0-7]{1,3}/.exec(text)?.[0];
  if (digits === undefined) return { byte: char.charCodeAt(0), end };
  const byte = Number.parseInt(digits, 8);
  if (byte > 255) {
    const message = 'octal value is greater than \\377 in 8-bit non-UTF-8 mode';
    throw new PatternError(message, at + 1 + digits.length);
  }
  return { byte, end: at + 1 + digits.length };
}

function bracedByte(source: string, at: number, isHex: boolean): Escape {
  const digits = (isHex ? /^[0-9A-Fa-f]*/ : /^[0-7]*/).exec(source.slice(at + 3))?.[0] ?? '';
  const close = at + 3 + digits.length;
  if (source[close] !== '}' && (digits !== '' || (source[close] ?? '') !== '')) {
    const kind = isHex ? 'non-hex character in \\x{}' : 'non-octal character in \\o{}';
    throw new PatternError(`${kind} (closing brace missing?)`, Math.min(close, source.length - 1));
  }
  if (digits === '') throw new PatternError('digits missing in \\x{} or \\o{} or \\N{U+}', at + 3);
  const byte = Number.parseInt(digits, isHex ? 16 : 8);
  if (byte > 255) throw new PatternError('character code point value in \\x{} or \\o{} is too large', close);
  return { byte, end: close + 1 };
}

function controlByte(source: string, at: number): Escape {
  const char = source.charAt(at);
  if (char === '') throw new PatternError('\\c at end of pattern', at);
  const byte = char.toUpperCase().charCodeAt(0);
  if (byte < 32 || byte > 126)
    throw new PatternError('\\c must be followed by a printable ASCII character', at);
  return { byte: byte ^ 64, end: at + 1 };
}

/** `\g1`, `\g{1}`, `\g{-1}`, `\g{name}`; `\g<…>` calls a group. */
function groupReference(source: string, at: number, groups: number): Escape {
  if (source[at] === '<' || source[at] === "'") throw refused('a subroutine call', at - 2);
  const match = /^(?:\{([+-]?[0-9]+)\}|([+-]?[0-9]+))/.exec(source.slice(at));
  if (match !== null) {
    const text = match[1] ?? match[2] ?? '';
    const base = text.startsWith('-') ? groups + 1 : text.startsWith('+') ? groups : 0;
    return { group: base + Number(text), end: at + match[0].length, at: at + match[0].length - 1 };
  }
  if (source[at] !== '{' || /^\{[0-9]/.test(source.slice(at))) {
    const allowed = 'a braced, angle-bracketed, or quoted name/number or by a plain number';
    throw new PatternError(`\\g is not followed by ${allowed}`, at);
  }
  const name = nameAt(source, at + 1, '}');
  return { group: name, end: at + name.length + 2, at: at + 1 };
}

/** `\k<name>`, `\k'name'`, `\k{name}`. */
function namedReference(source: string, at: number): Escape {
  const terminator = ({ '<': '>', "'": "'", '{': '}' } as Readonly<Record<string, string>>)[
    source.charAt(at)
  ];
  if (terminator === undefined) {
    const allowed = 'a braced, angle-bracketed, or quoted name';
    throw new PatternError(`\\k is not followed by ${allowed}`, at);
  }
  const name = nameAt(source, at + 1, terminator);
  return { group: name, end: at + name.length + 2, at: at + 1 };
}

/** A group's name from `at` up to its terminator. */
export function nameAt(source: string, at: number, terminator: string): string {
  if (/[0-9]/.test(source.charAt(at))) {
    throw new PatternError('subpattern name must start with a non-digit', at);
  }
  const name = /^\w*/.exec(source.slice(at))?.[0] ?? '';
  if (name === '') throw new PatternError('subpattern name expected', at);
  if (source[at + name.length] !== terminator) {
    throw new PatternError('syntax error in subpattern name (missing terminator?)', at + name.length);
  }
  return name;
}

interface ClassOptions {
  readonly caseless: boolean;
  readonly extendedMore: boolean;
}

/** The class whose `[` stands at `start`. */
export function classAt(
  source: string,
  start: number,
  options: ClassOptions,
): { readonly set: ByteSet; readonly end: number } {
  if (source.startsWith('[[:<:]]', start) || source.startsWith('[[:>:]]', start)) {
    throw refused(`"${source.slice(start, start + 7)}"`, start);
  }
  const outside = posixAt(source, start);
  if (outside !== undefined) {
    const message =
      outside.kind === ':'
        ? 'POSIX named classes are supported only within a class'
        : 'POSIX collating elements are not supported';
    throw new PatternError(message, start);
  }
  const negated = source[start + 1] === '^';
  const reader = new ClassReader(source, start + (negated ? 2 : 1), options);
  const set = reader.read();
  return { set: negated ? complement(set) : set, end: reader.at };
}

class ClassReader {
  at: number;
  private quoting = false;
  private readonly sets: ByteSet[] = [];
  private readonly source: string;
  private readonly options: ClassOptions;

  constructor(source: string, at: number, options: ClassOptions) {
    this.source = source;
    this.at = at;
    this.options = options;
  }

  read(): ByteSet {
    for (let isFirst = true; ; isFirst = false) {
      const item = this.item(isFirst);
      if (item === 'end') break;
      if (typeof item !== 'number') {
        this.sets.push(item);
        if (this.hyphen()) throw new PatternError('invalid range in character class', this.at - 1);
        continue;
      }
      if (!this.hyphen()) {
        this.sets.push(this.folded(setOf([item, item])));
        continue;
      }
      const to = this.item(true);
      if (typeof to !== 'number') throw new PatternError('invalid range in character class', this.at);
      if (to < item) throw new PatternError('range out of order in character class', this.at - 1);
      this.sets.push(this.folded(setOf([item, to])));
    }
    return union(...this.sets);
  }

  private folded(set: ByteSet): ByteSet {
    return this.options.caseless ? caseless(set) : set;
  }

  /** Takes a `-` that makes a range: neither quoted nor the last of the class. */
  private hyphen(): boolean {
    this.skip();
    if (this.quoting || this.source[this.at] !== '-') return false;
    const before = this.at++;
    this.skip();
    if (!this.quoting && (this.source[this.at] ?? ']') === ']') {
      this.at = before;
      return false;
    }
    return true;
  }

  /** `\Q`, `\E` and, with `(?xx)`, blanks. */
  private skip(): void {
    for (;;) {
      const mark = this.source.slice(this.at, this.at + 2);
      if (mark === '\\E' || (mark === '\\Q' && !this.quoting)) {
        this.quoting = mark === '\\Q';
        this.at += 2;
      } else if (this.options.extendedMore && !this.quoting && /^[ \t]/.test(mark)) this.at++;
      else return;
    }
  }

  /** A byte, a set, or the closing bracket, which is a char for itself where it stands first. */
  private item(isFirst: boolean): number | ByteSet | 'end' {
    this.skip();
    const char = this.source.charAt(this.at);
    if (char === '') {
      throw new PatternError('missing terminating ] for character class', this.source.length);
    }
    if (this.quoting) return this.source.charCodeAt(this.at++);
    if (char === ']' && !isFirst) {
      this.at++;
      return 'end';
    }
    if (char === '\\') return this.escaped();
    const posix = char === '[' ? posixAt(this.source, this.at) : undefined;
    if (posix === undefined) return this.source.charCodeAt(this.at++);
    return this.posix(posix);
  }

  private escaped(): number | ByteSet {
    const char = this.source.charAt(this.at + 1);
    if (char === 'b' || char === 'g') {
      this.at += 2;
      return char === 'b' ? 8 : 103;
    }
    if (char === 'N') throw new PatternError('\\N is not supported in a class', this.at + 2);
    if (char !== '' && /[BRXCKGAZzk]/.test(char)) {
      throw new PatternError('escape sequence is invalid in character class', this.at + 1);
    }
    const found = simpleEscape(this.source, this.at);
    this.at = found.end;
    if ('byte' in found) return found.byte;
    return 'set' in found ? found.set : setOf();
  }

  private posix({ kind, name, end }: Posix): ByteSet {
    if (kind !== ':') throw new PatternError('POSIX collating elements are not supported', this.at);
    const negated = name.startsWith('^');
    let plain = negated ? name.slice(1) : name;
    if (this.options.caseless && /^(?:upper|lower)$/.test(plain)) plain = 'alpha';
    const set = POSIX_CLASSES.get(plain);
    if (set === undefined) throw new PatternError('unknown POSIX class name', this.at + 2);
    this.at = end;
    return negated ? complement(set) : set;
  }
}

interface Posix {
  readonly kind: string;
  readonly name: string;
  readonly end: number;
}

/** `[:name:]`, `[.x.]` or `[=x=]` at `at`. */
function posixAt(source: string, at: number): Posix | undefined {
  const match = /^\[([:.=])((?:\\[\]\\]|(?!\[\1)[^\]])*?)\1\]/s.exec(source.slice(at, at + 100));
  if (match === null) return undefined;
  const [text, kind = '', name = ''] = match;
  return { kind, name, end: at + text.length };
}
