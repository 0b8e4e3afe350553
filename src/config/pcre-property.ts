// PCRE2's `\p{…}` for bytes: without UTF a byte is the character of that number, so that a property is a set of bytes.
// Only general categories and PCRE2's own classes; scripts and binary properties are refused by name. As get_ucp().
import { PatternError, refused } from './pcre-error.ts';
import { ALL, type ByteSet, complement, setOf, TYPES, union } from './pcre-set.ts';

const CATEGORIES = [
  ...['C', 'Cc', 'Cf', 'Cn', 'Co', 'Cs', 'L', 'LC', 'Ll', 'Lm', 'Lo', 'Lt', 'Lu', 'M', 'Mc', 'Me', 'Mn'],
  ...['N', 'Nd', 'Nl', 'No', 'P', 'Pc', 'Pd', 'Pe', 'Pf', 'Pi', 'Po', 'Ps', 'S', 'Sc', 'Sk', 'Sm', 'So'],
  ...['Z', 'Zl', 'Zp', 'Zs'],
];

/** The set of the `\p` or `\P` whose backslash stands at `at`, and where the escape ends. */
export function propertyAt(source: string, at: number): { readonly set: ByteSet; readonly end: number } {
  const { name, negated, end } = readName(source, at + 2);
  const set = setOfProperty(name);
  if (set === undefined) {
    if (name === '' || name.length === 1) throw new PatternError('unknown property after \\P or \\p', end);
    throw refused(`the Unicode property "${name}"`, at);
  }
  return { set: negated === (source[at + 1] === 'p') ? complement(set) : set, end };
}

interface PropertyName {
  /** In lower case, without what PCRE2 skips in it. */
  readonly name: string;
  readonly negated: boolean;
  readonly end: number;
}

function readName(source: string, at: number): PropertyName {
  const char = source.charAt(at);
  if (/[A-Za-z]/.test(char)) return { name: char.toLowerCase(), negated: false, end: at + 1 };
  if (char !== '{') throw malformed(Math.min(at + 1, source.length));
  const close = source.indexOf('}', at);
  if (close < 0) throw malformed(source.length);
  const negated = source[at + 1] === '^';
  const name = source.slice(at + (negated ? 2 : 1), close).replace(/[\s_-]/g, '');
  return { name: name.toLowerCase(), negated, end: close + 1 };
}

function malformed(offset: number): PatternError {
  return new PatternError('malformed \\P or \\p sequence', offset);
}

function setOfProperty(name: string): ByteSet | undefined {
  const letters = (): ByteSet => union(category('L'), category('N'));
  switch (name) {
    case 'any':
      return ALL;
    case 'l&':
      return category('LC');
    case 'xan':
      return letters();
    case 'xwd':
      return union(letters(), setOf([95, 95]));
    case 'xps':
    case 'xsp':
      return union(category('Z'), ...['h', 'v', 's'].map((letter) => TYPES.get(letter) ?? setOf()));
    case 'xuc':
      return setOf([36, 36], [64, 64], [96, 96], [160, 255]);
    default: {
      const known = CATEGORIES.find((each) => each.toLowerCase() === name);
      return known === undefined ? undefined : category(known);
    }
  }
}

function category(name: string): ByteSet {
  const pattern = new RegExp(`^\\p{${name}}$`, 'u');
  return new Uint8Array(256).map((_, byte) => (pattern.test(String.fromCharCode(byte)) ? 1 : 0));
}
