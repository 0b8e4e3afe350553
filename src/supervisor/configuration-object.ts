// A configuration as an object that mirrors its directives → the text that it stands for, which is then read as any other, and where in
// the object each line of it comes from. Words are printed one by one: a value can never begin another directive.
import { utf8ByteString } from '../base/bytes.ts';
import { BLOCK_DEPTH_MAX } from '../base/limits.ts';
import type { Directive } from '../config/directive.ts';
import { type PrintedStatement, printStatements } from '../config/print.ts';
import { unescaped } from '../config/tokens.ts';
import { allDirectives } from '../plan/compile.ts';
import { embeddedModules } from './embedded-modules.ts';

export interface ObjectText {
  /** A byte string. */
  readonly text: string;
  /** By line, from 1: `http.server[0].location["/"].proxy_pass`. */
  readonly paths: readonly string[];
  /** What in the object is no configuration at all; then the text means nothing. */
  readonly mistakes: readonly ObjectMistake[];
}

export interface ObjectMistake {
  readonly path: string;
  readonly message: string;
}

export function objectText(configuration: object): ObjectText {
  const printer = new Printer();
  const statements = printer.block(configuration, { path: '', context: 'main', depth: 0 });
  const paths: string[] = [''];
  notePaths(statements, paths);
  return { text: printStatements(statements), paths, mistakes: printer.mistakes };
}

interface PathStatement extends PrintedStatement {
  readonly path: string;
  readonly block: readonly PathStatement[] | undefined;
}

interface Place {
  readonly path: string;
  /** Undefined where names are no directives: in `map`, `types`. */
  readonly context: string | undefined;
  readonly depth: number;
}

const table = new Map<string, Directive<unknown>[]>();
for (const directive of allDirectives(embeddedModules)) {
  table.set(directive.name, [...(table.get(directive.name) ?? []), directive]);
}

/** The declaration that counts where the name stands; where it may not stand there, any, since the checker will say so. */
function declarationOf(name: string, context: string | undefined): Directive<unknown> | undefined {
  if (context === undefined) return undefined;
  const declared = table.get(name);
  return declared?.find(({ contexts }) => contexts.some((each) => each === context)) ?? declared?.[0];
}

class Printer {
  readonly mistakes: ObjectMistake[] = [];

  block(block: unknown, place: Place): PathStatement[] {
    if (!isPlainObject(block)) {
      this.mistake(place.path, `a block is an object of directives, not ${kindOf(block)}`);
      return [];
    }
    if (place.depth > BLOCK_DEPTH_MAX) {
      this.mistake(place.path, `blocks are nested deeper than ${BLOCK_DEPTH_MAX}`);
      return [];
    }
    return Object.entries(block).flatMap(([name, value]) =>
      this.directive(name, value, { ...place, path: member(place.path, name) }),
    );
  }

  /** All statements of one name; `place` is that of its value. */
  private directive(name: string, value: unknown, place: Place): PathStatement[] {
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value)) return this.once(name, value, place);
    return value.flatMap((each, i) => this.once(name, each, { ...place, path: `${place.path}[${i}]` }));
  }

  private once(name: string, value: unknown, place: Place): PathStatement[] {
    if (value === undefined || value === null) return [];
    const declared = declarationOf(name, place.context);
    if (isPlainObject(value)) return this.blocks(name, value, declared, place);
    const words = Array.isArray(value)
      ? value.map((word, i) => this.word(word, `${place.path}[${i}]`))
      : this.words(value, declared, place.path);
    return words === undefined ? [] : [statement(name, words, undefined, place.path)];
  }

  private blocks(
    name: string,
    value: object,
    declared: Directive<unknown> | undefined,
    place: Place,
  ): PathStatement[] {
    if (declared === undefined) return [statement(name, [], [], place.path)]; // unknown: the checker has the last word
    const { opens, arity } = declared;
    const context = opens === 'statements' ? undefined : opens;
    const depth = place.depth + 1;
    const inner = (block: unknown, path: string): PathStatement[] =>
      this.block(block, { path, context, depth });
    if (arity[1] === 0) return [statement(name, [], inner(value, place.path), place.path)];
    if (opens === undefined) {
      this.mistake(place.path, `"${name}" takes words and no block`);
      return [];
    }
    return Object.entries(value).flatMap(([key, block]) => {
      const path = member(place.path, key);
      const words = splitWords(key);
      if (block === undefined || block === null) return [];
      if (!Array.isArray(block)) return [statement(name, words, inner(block, path), path)];
      return block.map((each, i) => statement(name, words, inner(each, `${path}[${i}]`), `${path}[${i}]`));
    });
  }

  /** Undefined for a directive that is left out. */
  private words(
    value: unknown,
    declared: Directive<unknown> | undefined,
    path: string,
  ): string[] | undefined {
    if (typeof value === 'string') return splitWords(value);
    // `internal: true` stands there without words, `internal: false` does not stand there.
    if (typeof value === 'boolean' && declared?.arity[0] === 0) return value ? [] : undefined;
    return [this.word(value, path)];
  }

  private word(value: unknown, path: string): string {
    if (typeof value === 'string') return value;
    if (typeof value === 'boolean') return value ? 'on' : 'off';
    if (typeof value === 'number' && Number.isFinite(value)) return String(value);
    this.mistake(path, `a word is a string, a number or a boolean, not ${kindOf(value)}`);
    return '';
  }

  private mistake(path: string, message: string): void {
    this.mistakes.push({ path, message });
  }
}

function statement(
  name: string,
  words: readonly string[],
  block: readonly PathStatement[] | undefined,
  path: string,
): PathStatement {
  return { name: word(name), words: words.map(word), block, path };
}

function word(text: string): { readonly text: string } {
  return { text: utf8ByteString(text) };
}

/** Words as the file separates them: white space outside of quotes; a quote counts where a word begins. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  for (const [, double, single, bare] of text.matchAll(WORD))
    words.push(unescaped(double ?? single ?? bare ?? ''));
  return words;
}

const WORD = /"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)'|((?:\\.|[^\s\\]|\\$)+)/gs;

/** One path a line, as printStatements() prints: a statement's words may have line feeds in them. */
function notePaths(statements: readonly PathStatement[], paths: string[]): void {
  for (const { name, words, block, path } of statements) {
    const feeds = [name, ...words].reduce((sum, { text }) => sum + text.split('\n').length - 1, 0);
    for (let line = 0; line <= feeds; line++) paths.push(path);
    if (block === undefined) continue;
    notePaths(block, paths);
    paths.push(path);
  }
}

function member(path: string, name: string): string {
  if (!/^[A-Za-z_$][\w$]*$/.test(name)) return `${path}[${JSON.stringify(name)}]`;
  return path === '' ? name : `${path}.${name}`;
}

/** Of this or another realm. */
function isPlainObject(value: unknown): value is object {
  return Object.prototype.toString.call(value) === '[object Object]';
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return `a ${Object.prototype.toString.call(value).slice(8, -1)}`;
  return typeof value === 'number' ? String(value) : `a ${typeof value}`;
}
