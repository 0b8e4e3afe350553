// A pattern's tree → the source of a JavaScript RegExp without flags that matches the same byte strings. Letters without case,
// options and classes are spelled out, so that V8's linear engine can run what has no look-around and no back-reference.
import { groupsIn, mayBeEmpty } from './pcre-check.ts';
import type { Assertion, PatternNode } from './pcre-parse.ts';
import { classOf } from './pcre-set.ts';

export interface EmittedPattern {
  readonly source: string;
  /** PCRE's number of a group → its number in the RegExp; 0 is the whole match. */
  readonly indexes: readonly number[];
  /** Groups that took the subject's last line feed for a `$`, and the groups of PCRE whose text must do without it. */
  readonly feeds: readonly { readonly index: number; readonly around: readonly number[] }[];
  /** What V8's linear engine cannot run; undefined when it can run all of it. */
  readonly unbounded: string | undefined;
}

/**
 * `$` also matches before a line feed that ends the subject, which JavaScript could only say with a look-ahead. So a pattern with a
 * `$` is emitted twice: once for subjects that end otherwise, and once (`endsInFeed`) with the line feed taken into a group.
 */
export function emitPattern(root: PatternNode, endsInFeed: boolean): EmittedPattern {
  const emitter = new Emitter(endsInFeed);
  const { text } = emitter.emit(root, false, COPIES_MAX);
  const { indexes, feeds, unbounded } = emitter;
  return { source: text, indexes, feeds, unbounded };
}

/** V8's RegExp compiler for its linear engine refuses bodies that would be copied more often (kMaxReplicationFactor). */
const COPIES_MAX = 16;
/** A count that needs more copies than this is left as it is. */
const SPLIT_TEXT_MAX = 8192;
const SPLIT_DEPTH_MAX = 60;

interface Text {
  readonly text: string;
  /** What may stand around it without parentheses. */
  readonly level: 'atom' | 'sequence' | 'choice';
  /** How often V8 would copy the innermost of its bodies. */
  readonly copies: number;
}

type Repeat = Extract<PatternNode, { kind: 'repeat' }>;

class Emitter {
  readonly indexes: number[] = [0];
  readonly feeds: { index: number; around: readonly number[] }[] = [];
  unbounded: string | undefined;
  private count = 0;
  private readonly open: number[] = [];
  private readonly endsInFeed: boolean;

  constructor(endsInFeed: boolean) {
    this.endsInFeed = endsInFeed;
  }

  /** `followed`: something may have to match after it. `budget`: how often V8 may copy its innermost body. */
  emit(node: PatternNode, followed: boolean, budget: number): Text {
    switch (node.kind) {
      case 'set':
        return { text: classOf(node.set), level: 'atom', copies: 1 };
      case 'sequence':
        return this.sequence(node.items, followed, budget);
      case 'choice': {
        const branches = node.branches.map((branch) => this.emit(branch, followed, budget));
        return { text: branches.map(({ text }) => text).join('|'), level: 'choice', copies: most(branches) };
      }
      case 'group':
        return this.group(node.index, node.body, followed, budget);
      case 'repeat':
        return this.repeat(node, followed, budget);
      case 'look': {
        this.unbounded ??= node.ahead ? 'look-ahead' : 'look-behind';
        const { text } = this.emit(node.body, true, budget);
        const mark = `${node.ahead ? '' : '<'}${node.negative ? '!' : '='}`;
        return { text: `(?:(?${mark}${text}))`, level: 'atom', copies: 1 };
      }
      case 'reference':
        this.unbounded ??= 'a back-reference';
        return { text: `(?:\\${this.indexes[node.index] ?? 0})`, level: 'atom', copies: 1 };
      case 'assertion':
        return { text: this.assertion(node.what, followed), level: 'sequence', copies: 1 };
    }
  }

  private sequence(items: readonly PatternNode[], followed: boolean, budget: number): Text {
    const lastSolid = items.findLastIndex((item) => item.kind !== 'assertion' || item.what !== 'dollar');
    const texts = items.map((item, i) => this.emit(item, followed || i < lastSolid, budget));
    const [only] = texts;
    if (only !== undefined && texts.length === 1) return only;
    const text = texts.map((each) => (each.level === 'choice' ? `(?:${each.text})` : each.text)).join('');
    return { text, level: 'sequence', copies: most(texts) };
  }

  private group(index: number, body: PatternNode, followed: boolean, budget: number): Text {
    this.indexes[index] = ++this.count;
    this.open.push(index);
    const { text, copies } = this.emit(body, followed, budget);
    this.open.pop();
    return { text: `(${text})`, level: 'atom', copies };
  }

  private repeat(node: Repeat, followed: boolean, budget: number): Text {
    const { min, max, lazy } = node;
    const rounds = max === Number.POSITIVE_INFINITY ? min + 1 : Math.max(1, max);
    const fits = rounds <= budget;
    const inner = this.emit(node.body, followed || max > 1, fits ? Math.floor(budget / rounds) : budget);
    const body = inner.level === 'atom' ? inner.text : `(?:${inner.text})`;
    if (min === 0 && max === 1 && mayBeEmpty(node.body)) {
      // JavaScript's `?` refuses a round that matches nothing, PCRE's does not, and then the captures are set.
      return { text: lazy ? `|${body}` : `${body}|`, level: 'choice', copies: inner.copies };
    }
    const plain: Text = {
      text: times(body, min, max, lazy),
      level: 'sequence',
      copies: inner.copies * rounds,
    };
    if (fits) return plain;
    if (groupsIn(node.body).length === 0) {
      const split = splitRepeat(body, min, max, lazy, Math.max(1, Math.floor(budget / inner.copies)));
      if (split !== undefined) return { text: split, level: 'sequence', copies: budget };
    }
    this.unbounded ??= `a count above ${COPIES_MAX}`;
    return { ...plain, copies: 1 };
  }

  private assertion(what: Assertion, followed: boolean): string {
    switch (what) {
      case 'start':
        return '^';
      case 'end':
        return '$';
      case 'word':
        return '\\b';
      case 'notWord':
        return '\\B';
      case 'dollar':
        return this.dollar(followed);
      case 'lineStart':
        this.unbounded ??= '"^" with the option m';
        return '(?:^|(?<=\\n)(?!$))';
      case 'lineEnd':
        this.unbounded ??= '"$" with the option m';
        return '(?:(?=\\n)|$)';
      case 'newline':
        this.unbounded ??= '"\\R"';
        return '(?:\\r\\n|\\r(?!\\n)|[\\n\\x0b\\f\\x85])';
    }
  }

  private dollar(followed: boolean): string {
    if (followed) this.unbounded ??= '"$" before the end of the pattern';
    if (!this.endsInFeed) return '$';
    if (followed) return '(?:(?=\\n?$))';
    this.feeds.push({ index: ++this.count, around: [0, ...this.open] });
    return '(?:$|(\\n)$)';
  }
}

function most(texts: readonly Text[]): number {
  return texts.reduce((copies, text) => Math.max(copies, text.copies), 1);
}

function times(body: string, min: number, max: number, lazy: boolean): string {
  const mark = lazy ? '?' : '';
  if (min === 1 && max === 1) return body;
  if (max === 1) return `${body}?${mark}`;
  if (max === Number.POSITIVE_INFINITY) {
    return `${body}${min === 0 ? '*' : min === 1 ? '+' : `{${min},}`}${mark}`;
  }
  return min === max ? `${body}{${min}}` : `${body}{${min},${max}}${mark}`;
}

/** `x{40}` → `x{16}x{16}x{8}`, each small enough; `x{0,40}` nests, so that no count is tried twice. */
function splitRepeat(
  body: string,
  min: number,
  max: number,
  lazy: boolean,
  chunk: number,
): string | undefined {
  const isEndless = max === Number.POSITIVE_INFINITY;
  const chunks = Math.ceil((isEndless ? min : max) / chunk);
  if (chunks > SPLIT_DEPTH_MAX || chunks * (body.length + 16) > SPLIT_TEXT_MAX) return undefined;
  const exactly = (count: number): string => {
    const rest = count % chunk;
    return (
      times(body, chunk, chunk, false).repeat((count - rest) / chunk) +
      (rest > 0 ? times(body, rest, rest, false) : '')
    );
  };
  const upTo = (count: number): string => {
    if (count <= chunk) return times(body, 0, count, lazy);
    const more = `${exactly(chunk)}${upTo(count - chunk)}`;
    const fewer = chunk === 1 ? '' : times(body, 0, chunk - 1, lazy);
    return lazy ? `(?:${fewer}|${more})` : `(?:${more}|${fewer})`;
  };
  if (isEndless) return exactly(min) + times(body, 0, max, lazy);
  return exactly(min) + (max > min ? upTo(max - min) : '');
}
