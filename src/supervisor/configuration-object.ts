// A configuration as an object that mirrors its directives, turned into the text that it stands for; the text is then read as any other.
import { type PrintedStatement, printStatements } from '../config/print.ts';
import { modules } from '../modules/index.ts';
import { allDirectives } from '../plan/compile.ts';

export type DirectiveWord = string | number | boolean;

/**
 * What stands behind a directive's name: its only word, its words, a block, or a list of such lists or blocks where the directive
 * stands several times. `true` and `false` are on and off; `[]` is a directive without words (`internal`).
 */
export type DirectiveValue =
  | DirectiveWord
  | readonly DirectiveWord[]
  | readonly (readonly DirectiveWord[])[]
  | Directives
  | readonly Directives[];

/**
 * Directives by name. A block that has words of its own (`location`, `upstream`, `map`, `if`) is an object of blocks by these words:
 * `location: { '/': { … }, '~ \\.php$': { … } }`.
 */
export interface Directives {
  readonly [name: string]: DirectiveValue | undefined;
}

export function configurationText(directives: Directives): string {
  return printStatements(statementsOf(directives));
}

/** Blocks that are told apart by words before their brace. */
const keyedBlocks: ReadonlySet<string> = new Set(
  allDirectives(modules)
    .filter(({ opens, arity }) => opens !== undefined && arity[1] > 0)
    .map(({ name }) => name),
);

const wordless: ReadonlySet<string> = new Set(
  allDirectives(modules)
    .filter(({ opens, arity }) => opens === undefined && arity[1] === 0)
    .map(({ name }) => name),
);

function statementsOf(directives: Directives): PrintedStatement[] {
  return Object.entries(directives).flatMap(([name, value]) =>
    value === undefined ? [] : statementsFor(name, value),
  );
}

function statementsFor(name: string, value: DirectiveValue): PrintedStatement[] {
  if (!isList(value)) return isBlock(value) ? blocksFor(name, value) : wordsFor(name, [value]);
  const [first] = value;
  if (isBlock(first)) return (value as readonly Directives[]).flatMap((each) => blocksFor(name, each));
  if (isList(first)) return (value as readonly DirectiveWord[][]).flatMap((each) => wordsFor(name, each));
  return wordsFor(name, value as readonly DirectiveWord[]);
}

function blocksFor(name: string, block: Directives): PrintedStatement[] {
  if (!keyedBlocks.has(name)) return [{ name: text(name), words: [], block: statementsOf(block) }];
  return Object.entries(block).flatMap(([words, inner]) => {
    if (inner === undefined) return [];
    if (!isBlock(inner)) throw new TypeError(`"${name} ${words}" must be an object of directives`);
    const split = words.split(/\s+/).filter((word) => word !== '');
    return [{ name: text(name), words: split.map(text), block: statementsOf(inner) }];
  });
}

function wordsFor(name: string, words: readonly DirectiveWord[]): PrintedStatement[] {
  if (wordless.has(name) && words.length === 1 && typeof words[0] === 'boolean') {
    return words[0] ? [{ name: text(name), words: [], block: undefined }] : [];
  }
  return [{ name: text(name), words: words.map((word) => text(wordText(word))), block: undefined }];
}

function wordText(word: DirectiveWord): string {
  return typeof word === 'boolean' ? (word ? 'on' : 'off') : String(word);
}

function text(word: string): { readonly text: string } {
  return { text: word };
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function isBlock(value: unknown): value is Directives {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
