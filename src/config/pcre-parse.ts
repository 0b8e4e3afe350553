// PCRE2 syntax → a tree, as pcre2_compile() 10.42 reads it without UTF: escapes, groups, options, quantifiers, with its words and
// offsets for what is wrong. What JavaScript has no equal for is refused by name. Classes and escapes: pcre-escape.ts.

import { PatternError, refused } from './pcre-error.ts';
import { classAt, type Escape, escapeAt, nameAt } from './pcre-escape.ts';
import { ALPHABETIC, isLook, LOOKS, type Look, NON_ATOMIC } from './pcre-look.ts';
import { ALL, type ByteSet, caseless, NOT_LINE_FEED, setOf } from './pcre-set.ts';

export type PatternNode =
  | { readonly kind: 'set'; readonly set: ByteSet }
  | { readonly kind: 'sequence'; readonly items: readonly PatternNode[] }
  | { readonly kind: 'choice'; readonly branches: readonly PatternNode[] }
  | { readonly kind: 'group'; readonly index: number; readonly body: PatternNode }
  | {
      readonly kind: 'repeat';
      readonly body: PatternNode;
      readonly min: number;
      readonly max: number;
      readonly lazy: boolean;
    }
  | {
      readonly kind: 'look';
      readonly ahead: boolean;
      readonly negative: boolean;
      readonly body: PatternNode;
      readonly offset: number;
    }
  | { readonly kind: 'reference'; readonly index: number; readonly offset: number }
  | { readonly kind: 'assertion'; readonly what: Assertion };

export type Assertion = 'start' | 'lineStart' | 'dollar' | 'lineEnd' | 'end' | 'word' | 'notWord' | 'newline';

export interface ParsedPattern {
  readonly root: PatternNode;
  readonly groupCount: number;
  readonly names: ReadonlyMap<string, number>;
}

interface Options {
  /** i, m, s, x, xx, n and U, as in `(?imsxxnU)`. */
  readonly caseless: boolean;
  readonly multiline: boolean;
  readonly dotAll: boolean;
  readonly extended: boolean;
  readonly extendedMore: boolean;
  readonly noCapture: boolean;
  readonly ungreedy: boolean;
}

const NO_OPTIONS: Options = {
  caseless: false,
  multiline: false,
  dotAll: false,
  extended: false,
  extendedMore: false,
  noCapture: false,
  ungreedy: false,
};

/** PCRE2's own limits. */
const NESTING_MAX = 250;
const REPEAT_MAX = 65_535;
const NAME_LENGTH_MAX = 32;

/** Throws PatternError. */
export function parsePattern(source: string, isCaseless: boolean): ParsedPattern {
  const parser = new PatternParser(source, { ...NO_OPTIONS, caseless: isCaseless });
  return parser.parse();
}

class PatternParser {
  private at = 0;
  private depth = 0;
  private lookDepth = 0;
  /** `\K` stands in a look-around. */
  private movesStartInLook = false;
  private groupCount = 0;
  private quoting = false;
  private readonly names = new Map<string, number>();
  /** Checked when all groups are known. */
  private readonly references: { index: number | string; offset: number }[] = [];
  private readonly source: string;
  private options: Options;

  constructor(source: string, options: Options) {
    this.source = source;
    this.options = options;
  }

  parse(): ParsedPattern {
    const root = this.choice();
    if (this.at < this.source.length) throw new PatternError('unmatched closing parenthesis', this.at);
    for (const { index, offset } of this.references) {
      const known =
        typeof index === 'string' ? this.names.has(index) : index >= 1 && index <= this.groupCount;
      if (!known) throw new PatternError('reference to non-existent subpattern', offset);
    }
    if (this.movesStartInLook) {
      const message = '\\K is not allowed in lookarounds (but see PCRE2_EXTRA_ALLOW_LOOKAROUND_BSK)';
      throw new PatternError(message, this.source.length);
    }
    return { root: this.resolved(root), groupCount: this.groupCount, names: this.names };
  }

  /** Branches up to `)` or the end. An option set in one holds in those after it. */
  private choice(): PatternNode {
    const branches = [this.sequence()];
    while (this.source[this.at] === '|' && !this.quoting) {
      this.at++;
      branches.push(this.sequence());
    }
    const [only] = branches;
    return only !== undefined && branches.length === 1 ? only : { kind: 'choice', branches };
  }

  private sequence(): PatternNode {
    const items: PatternNode[] = [];
    let repeatable = false;
    while (this.at < this.source.length) {
      const char = this.source.charAt(this.at);
      if (this.skipQuoteMark() || this.skipExtended()) continue;
      if (!this.quoting) {
        if (char === '|' || char === ')') break;
        const bounds = this.quantifierAt();
        if (bounds !== undefined) {
          const body = items.pop();
          if (!repeatable || body === undefined) {
            throw new PatternError('quantifier does not follow a repeatable item', bounds[2] - 1);
          }
          items.push(this.repeat(body, bounds));
          repeatable = false;
          continue;
        }
        if (this.source.startsWith('(?#', this.at)) {
          this.skipComment();
          continue;
        }
      }
      const item = this.item(char);
      repeatable = item !== undefined && (item.kind !== 'assertion' || item.what === 'newline');
      if (item !== undefined) items.push(item);
    }
    return { kind: 'sequence', items };
  }

  /** One thing that a quantifier may follow, or undefined for `(?i)` and `\K`. */
  private item(char: string): PatternNode | undefined {
    if (this.quoting) return this.literal();
    const { multiline, dotAll } = this.options;
    switch (char) {
      case '(':
        return this.group();
      case '[': {
        const { set, end } = classAt(this.source, this.at, this.options);
        this.at = end;
        return { kind: 'set', set };
      }
      case '\\':
        return this.escaped(escapeAt(this.source, this.at, this.groupCount));
      case '.':
        this.at++;
        return { kind: 'set', set: dotAll ? ALL : NOT_LINE_FEED };
      case '^':
        this.at++;
        return { kind: 'assertion', what: multiline ? 'lineStart' : 'start' };
      case '$':
        this.at++;
        return { kind: 'assertion', what: multiline ? 'lineEnd' : 'dollar' };
      default:
        return this.literal();
    }
  }

  private literal(): PatternNode {
    const byte = this.source.charCodeAt(this.at++);
    return this.char(byte);
  }

  private char(byte: number): PatternNode {
    const set = setOf([byte, byte]);
    return { kind: 'set', set: this.options.caseless ? caseless(set) : set };
  }

  private escaped(found: Escape): PatternNode | undefined {
    const start = this.at;
    this.at = found.end;
    if ('byte' in found) return this.char(found.byte);
    if ('set' in found) return { kind: 'set', set: found.set };
    if ('assertion' in found) return { kind: 'assertion', what: found.assertion };
    if ('group' in found) return this.reference(found.group, start, found.at ?? start + 1);
    this.movesStartInLook ||= this.lookDepth > 0;
    return undefined;
  }

  private reference(group: number | string, start: number, offset: number): PatternNode {
    this.references.push({ index: group, offset });
    if (this.options.caseless) throw refused('a back-reference that ignores case', start);
    // A name may be given to a group further on: the number is put in by `resolved`.
    const index = typeof group === 'string' ? -1 - this.nameIndex(group) : group;
    return { kind: 'reference', index, offset: start };
  }

  private readonly referredNames: string[] = [];

  private nameIndex(name: string): number {
    this.referredNames.push(name);
    return this.referredNames.length - 1;
  }

  /** References by name turned into numbers, once all names are known. */
  private resolved(node: PatternNode): PatternNode {
    switch (node.kind) {
      case 'sequence':
        return { ...node, items: node.items.map((item) => this.resolved(item)) };
      case 'choice':
        return { ...node, branches: node.branches.map((branch) => this.resolved(branch)) };
      case 'group':
      case 'repeat':
      case 'look':
        return { ...node, body: this.resolved(node.body) };
      case 'reference': {
        if (node.index >= 0) return node;
        const name = this.referredNames[-1 - node.index] ?? '';
        return { ...node, index: this.names.get(name) ?? 0 };
      }
      default:
        return node;
    }
  }

  private group(): PatternNode | undefined {
    const start = this.at;
    if (++this.depth > NESTING_MAX) throw new PatternError('parentheses are too deeply nested', start + 1);
    const outer = this.options;
    const open = this.open(start);
    let node: PatternNode | undefined;
    if (open !== 'options') {
      const index = open === 'group' ? ++this.groupCount : 0;
      const body = isLook(open) ? this.lookedAt() : this.choice();
      if (this.at >= this.source.length) throw new PatternError('missing closing parenthesis', this.at);
      node = closeGroup(open, index, body, start);
      this.options = outer;
    }
    this.at++;
    this.depth--;
    return node;
  }

  private open(start: number): Opening {
    const mark = this.source[start + 1];
    if (mark === '?') return this.openGroup(start);
    if (mark === '*') return this.openAlphabetic(start);
    this.at++;
    return this.options.noCapture ? 'plain' : 'group';
  }

  private lookedAt(): PatternNode {
    this.lookDepth++;
    const body = this.choice();
    this.lookDepth--;
    return body;
  }

  /** What follows `(?`; the cursor is left at the body, or at the `)` of an option setting. */
  private openGroup(start: number): Opening {
    this.at = start + 3;
    const kind = this.source.charAt(start + 2);
    const next = this.source.charAt(start + 3);
    switch (kind) {
      case ':':
        return 'plain';
      case '=':
        return LOOKS.ahead;
      case '!':
        return LOOKS.notAhead;
      case '<':
        if (next === '*') throw refused(NON_ATOMIC, start);
        if (next !== '=' && next !== '!') return this.named('>');
        this.at++;
        return next === '!' ? LOOKS.notBehind : LOOKS.behind;
      case "'":
        return this.named("'");
      case 'P':
        if (next === '<') {
          this.at++;
          return this.named('>');
        }
        return this.pythonic(start, next);
      default:
        return this.refuseOrOptions(start, kind, next);
    }
  }

  /** `(?P=name)` is a reference; nothing else is left of `(?P`. */
  private pythonic(start: number, next: string): Opening {
    if (next === '>') throw refused('a subroutine call', start);
    if (next === '=') {
      const name = nameAt(this.source, start + 4, ')');
      this.at = start + 4 + name.length;
      return this.reference(name, start, start + 4);
    }
    if (next === '') throw new PatternError('missing closing parenthesis', start + 3);
    throw new PatternError('unrecognized character after (?P', start + 3);
  }

  private named(terminator: string): Opening {
    const start = this.at;
    const name = nameAt(this.source, start, terminator);
    if (name.length > NAME_LENGTH_MAX) {
      const message = `subpattern name is too long (maximum ${NAME_LENGTH_MAX} code units)`;
      throw new PatternError(message, start + name.length);
    }
    this.at = start + name.length + 1;
    if (this.names.has(name)) {
      const message = 'two named subpatterns have the same name (PCRE2_DUPNAMES not set)';
      throw new PatternError(message, start + name.length + 1);
    }
    this.names.set(name, this.groupCount + 1);
    return 'group';
  }

  private refuseOrOptions(start: number, kind: string, next: string): Opening {
    const named: Readonly<Record<string, string>> = {
      '>': 'an atomic group',
      '|': 'a group that resets numbers (?|',
      '(': 'a conditional group',
      C: 'a callout',
      R: 'recursion',
      '&': 'a subroutine call',
      '+': 'a subroutine call',
      '*': NON_ATOMIC,
    };
    const name = /[0-9]/.test(kind) || (kind === '-' && /[0-9]/.test(next)) ? 'recursion' : named[kind];
    if (name !== undefined) throw refused(name, start);
    return this.setOptions(start + 2);
  }

  /** `(?i)`, `(?i-s:…)`, `(?^x)`. */
  private setOptions(from: number): Opening {
    const options: Record<keyof Options, boolean> = { ...this.options };
    let at = from;
    let on = true;
    let hyphens = false;
    if (this.source[at] === '^') {
      Object.assign(options, NO_OPTIONS, { ungreedy: options.ungreedy });
      hyphens = true;
      at++;
    }
    for (; at < this.source.length; at++) {
      const char = this.source.charAt(at);
      if (char === ')' || char === ':') break;
      if (char === '-') {
        if (hyphens) throw new PatternError('invalid hyphen in option setting', at);
        hyphens = true;
        on = false;
        continue;
      }
      at += this.setOption(options, char, at, on);
    }
    if (at >= this.source.length) throw new PatternError('missing closing parenthesis', at);
    const opensBody = this.source[at] === ':';
    // Of the body alone where there is one: `group` puts the outer options back.
    this.options = options;
    this.at = opensBody ? at + 1 : at;
    return opensBody ? 'plain' : 'options';
  }

  /** Returns how many further chars the option took. */
  private setOption(options: Record<keyof Options, boolean>, char: string, at: number, on: boolean): number {
    const names: Readonly<Record<string, keyof Options>> = {
      i: 'caseless',
      m: 'multiline',
      s: 'dotAll',
      n: 'noCapture',
      U: 'ungreedy',
      x: 'extended',
    };
    if (char === 'J') throw refused('the option J', at);
    const name = names[char];
    if (name === undefined) throw new PatternError('unrecognized character after (? or (?-', at);
    options[name] = on;
    if (char !== 'x') return 0;
    const more = this.source[at + 1] === 'x';
    options.extendedMore = on && more;
    return more ? 1 : 0;
  }

  /** `(*pla:…)` and the like; verbs, which are written in capitals, are refused. */
  private openAlphabetic(start: number): Opening {
    const name = /^\w*/.exec(this.source.slice(start + 2))?.[0] ?? '';
    const end = start + 2 + name.length;
    const next = this.source.charAt(end);
    if (/^[a-z]/.test(name)) {
      const meant = next === ':' ? ALPHABETIC.get(name) : undefined;
      if (meant === undefined) throw new PatternError('(*alpha_assertion) not recognized', end);
      if (typeof meant === 'string') throw refused(meant, start);
      this.at = end + 1;
      return meant;
    }
    if (name === '' && (next === '' || next === ')')) {
      throw new PatternError('quantifier does not follow a repeatable item', start + 1);
    }
    throw refused(`"(*${name}"`, start);
  }

  private repeat(body: PatternNode, [min, max, end]: readonly [number, number, number]): PatternNode {
    const start = this.at;
    this.at = end;
    const mark = this.source[end];
    if (mark === '+') throw refused('a possessive quantifier', start);
    if (mark === '?') this.at++;
    return { kind: 'repeat', body, min, max, lazy: (mark === '?') !== this.options.ungreedy };
  }

  /** Fewest, most and where it ends. */
  private quantifierAt(): readonly [number, number, number] | undefined {
    const { source, at } = this;
    switch (source[at]) {
      case '*':
        return [0, Number.POSITIVE_INFINITY, at + 1];
      case '+':
        return [1, Number.POSITIVE_INFINITY, at + 1];
      case '?':
        return [0, 1, at + 1];
      case '{':
        return this.boundsAt(at);
      default:
        return undefined;
    }
  }

  private boundsAt(at: number): readonly [number, number, number] | undefined {
    const match = /^\{([0-9]+)(?:(,)([0-9]*))?\}/.exec(this.source.slice(at, at + 200));
    if (match === null) return undefined;
    const [text, least, comma, most] = match;
    const min = Number(least);
    const max = comma === undefined ? min : most === '' ? Number.POSITIVE_INFINITY : Number(most);
    if (min > REPEAT_MAX || (max > REPEAT_MAX && max !== Number.POSITIVE_INFINITY)) {
      throw new PatternError('number too big in {} quantifier', at + text.length - 1);
    }
    if (min > max) throw new PatternError('numbers out of order in {} quantifier', at + text.length - 1);
    return [min, max, at + text.length];
  }

  /** `\Q` and `\E` are nothing by themselves. */
  private skipQuoteMark(): boolean {
    const mark = this.source.slice(this.at, this.at + 2);
    if (mark !== '\\E' && (mark !== '\\Q' || this.quoting)) return false;
    this.quoting = mark === '\\Q';
    this.at += 2;
    return true;
  }

  private skipExtended(): boolean {
    if (!this.options.extended || this.quoting) return false;
    const skipped = /^(?:[ \t-\r]+|#[^\n]*\n?)/.exec(this.source.slice(this.at));
    if (skipped === null) return false;
    this.at += skipped[0].length;
    return true;
  }

  private skipComment(): void {
    const end = this.source.indexOf(')', this.at);
    if (end === -1) throw new PatternError('missing ) after (?# comment', this.source.length);
    this.at = end + 1;
  }
}

type Opening = 'plain' | 'group' | 'options' | Look | PatternNode;

function closeGroup(
  open: Exclude<Opening, 'options'>,
  index: number,
  body: PatternNode,
  offset: number,
): PatternNode {
  if (open === 'plain') return { kind: 'sequence', items: [body] };
  if (open === 'group') return { kind: 'group', index, body };
  if ('kind' in open) return open; // a reference in parentheses: (?P=name)
  return { kind: 'look', ...open, body, offset };
}
