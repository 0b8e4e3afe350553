// Sets of bytes, for PCRE's character classes: what `\d`, `[:alpha:]` or `[^a-z]` match in the C locale without UTF, and the
// JavaScript class that matches the same of a byte string.

/** For each byte, 1 when it is in the set. */
export type ByteSet = Uint8Array;

export function setOf(...ranges: readonly (readonly [from: number, to: number])[]): ByteSet {
  const set = new Uint8Array(256);
  for (const [from, to] of ranges) set.fill(1, from, to + 1);
  return set;
}

export function complement(set: ByteSet): ByteSet {
  return set.map((inside) => 1 - inside);
}

export function union(...sets: readonly ByteSet[]): ByteSet {
  return new Uint8Array(256).map((_, byte) => (sets.some((set) => set[byte] === 1) ? 1 : 0));
}

/** With the other case of each letter from A to Z, and of no other byte. */
export function caseless(set: ByteSet): ByteSet {
  const folded = set.slice();
  for (let upper = 65; upper <= 90; upper++) {
    const lower = upper + 32;
    if (set[upper] === 1 || set[lower] === 1) folded[upper] = folded[lower] = 1;
  }
  return folded;
}

const DIGIT = setOf([48, 57]);
const UPPER = setOf([65, 90]);
const LOWER = setOf([97, 122]);
const ALPHA = union(UPPER, LOWER);
const ALNUM = union(ALPHA, DIGIT);
const WORD = union(ALNUM, setOf([95, 95]));
const SPACE = setOf([9, 13], [32, 32]);
const GRAPH = setOf([33, 126]);

export const ALL: ByteSet = setOf([0, 255]);
export const NOT_LINE_FEED: ByteSet = complement(setOf([10, 10]));

/** `\d` and the like; the upper-case letter is the complement. */
export const TYPES: ReadonlyMap<string, ByteSet> = new Map(
  Object.entries({
    d: DIGIT,
    s: SPACE,
    w: WORD,
    h: setOf([9, 9], [32, 32], [160, 160]),
    v: setOf([10, 13], [133, 133]),
  }).flatMap(([letter, set]) => [
    [letter, set],
    [letter.toUpperCase(), complement(set)],
  ]),
);

/** `[:alpha:]` and the like. */
export const POSIX_CLASSES: ReadonlyMap<string, ByteSet> = new Map(
  Object.entries({
    alnum: ALNUM,
    alpha: ALPHA,
    ascii: setOf([0, 127]),
    blank: setOf([9, 9], [32, 32]),
    cntrl: setOf([0, 31], [127, 127]),
    digit: DIGIT,
    graph: GRAPH,
    lower: LOWER,
    print: setOf([32, 126]),
    punct: union(setOf([33, 47], [58, 64], [91, 96], [123, 126])),
    space: SPACE,
    upper: UPPER,
    word: WORD,
    xdigit: setOf([48, 57], [65, 70], [97, 102]),
  }),
);

/** The set as a JavaScript class or char; right for chars up to 255. */
export function classOf(set: ByteSet): string {
  const ranges = rangesOf(set);
  const [first] = ranges;
  if (first === undefined) return '[]';
  if (ranges.length === 1 && first[0] === first[1]) return charOf(first[0]);
  const others = rangesOf(complement(set));
  return others.length < ranges.length
    ? `[^${others.map(rangeOf).join('')}]`
    : `[${ranges.map(rangeOf).join('')}]`;
}

function rangesOf(set: ByteSet): [number, number][] {
  const ranges: [number, number][] = [];
  set.forEach((inside, byte) => {
    const last = ranges.at(-1);
    if (inside === 0) return;
    if (last?.[1] === byte - 1) last[1] = byte;
    else ranges.push([byte, byte]);
  });
  return ranges;
}

function rangeOf([from, to]: readonly [number, number]): string {
  if (from === to) return charOf(from);
  return `${charOf(from)}${to === from + 1 ? '' : '-'}${charOf(to)}`;
}

/** Letters, digits, `_`, `/` and the like stand for themselves; other bytes by number. */
function charOf(byte: number): string {
  const char = String.fromCharCode(byte);
  if (/[\w/:%&=~"'<>@!,;` #]/.test(char)) return char;
  return byte > 32 && byte < 127 ? `\\${char}` : `\\x${byte.toString(16).padStart(2, '0')}`;
}
