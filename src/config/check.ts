// Statements → checked directives with their values: name, context, block, arity, duplicates, argument by argument, in nginx's
// order and wording (ngx_conf_handler()). Every mistake is gathered. What values mean together is plan/'s.
import { CONFIG_ERRORS_MAX } from '../base/limits.ts';
import { finished, type Steps } from '../base/steps.ts';
import { ConfigError, type Mistake } from './config-error.ts';
import type { Context, Directive, Site, Statement, Word } from './directive.ts';
import { type FileFailure, failureMessage } from './files.ts';
import { errorAtWord, opensLine, placeOf } from './position.ts';
import { nearest } from './spelling.ts';
import { parseText } from './tree.ts';
import { Unread } from './unread.ts';

/** What the readers of directives need of the world. */
export interface Environment {
  /** Makes a path absolute against the configuration's folder. */
  confPath(path: string): string;
  /** Makes a path absolute against the prefix. */
  prefixPath(path: string): string;
  readFile(path: string): string | FileFailure;
  readonly anyPort?: boolean;
}

export interface Block {
  readonly context: Context;
  /** What opened it; none for `main`. */
  readonly statement: Statement | undefined;
  /** In the file's order. */
  readonly entries: readonly Entry[];
}

export interface Entry<T = unknown> {
  readonly directive: Directive<T>;
  readonly value: NonNullable<T>;
  readonly statement: Statement;
  readonly block: Block | undefined;
}

export interface CheckedConfig {
  readonly block: Block;
  readonly errors: readonly ConfigError[];
  /** Errors beyond CONFIG_ERRORS_MAX. */
  readonly errorsDropped: number;
  readonly warnings: readonly Mistake[];
  readonly unread: Unread;
  /** Named groups of regular expressions, where they stand. */
  readonly captures: readonly WrittenCapture[];
}

export interface WrittenCapture {
  readonly name: string;
  readonly word: Word;
  readonly directive: string;
}

export function checkConfig(
  statements: readonly Statement[],
  directives: readonly Directive<unknown>[],
  environment: Environment,
  context: Context = 'main',
): CheckedConfig {
  return finished(checkSteps(statements, directives, environment, context));
}

/** A step a statement. */
export function* checkSteps(
  statements: readonly Statement[],
  directives: readonly Directive<unknown>[],
  environment: Environment,
  context: Context = 'main',
): Steps<CheckedConfig> {
  const checker = new Checker(directives, environment);
  const block = yield* checker.block(statements, context, undefined);
  const { errors, errorsDropped, warnings, unread, captures } = checker;
  return { block, errors, errorsDropped, warnings, unread, captures };
}

/** Values of the declared defaults that are the same in every environment. */
const constantDefaults = new Map<Directive<unknown>, unknown>();

/** The value of a directive's default (or of another that is given), read by the same code as the file's; undefined where it has none. */
export function defaultValue<T>(
  directive: Directive<T>,
  environment: Environment,
  words: string | undefined = directive.defaultText,
): T | undefined {
  if (words === undefined) return undefined;
  if (words !== directive.defaultText) return readDefault(directive, environment, words);
  const key = directive as Directive<unknown>;
  if (constantDefaults.has(key)) return constantDefaults.get(key) as T;
  const watched = new WatchedEnvironment(environment);
  const value = readDefault(directive, watched, words);
  if (!watched.wasAsked) constantDefaults.set(key, value);
  return value;
}

/** Notes whether a reader asked for anything. */
class WatchedEnvironment implements Environment {
  wasAsked = false;
  private readonly environment: Environment;

  constructor(environment: Environment) {
    this.environment = environment;
  }

  confPath(path: string): string {
    return this.asked.confPath(path);
  }

  prefixPath(path: string): string {
    return this.asked.prefixPath(path);
  }

  readFile(path: string): string | FileFailure {
    return this.asked.readFile(path);
  }

  get anyPort(): boolean {
    return this.asked.anyPort === true;
  }

  private get asked(): Environment {
    this.wasAsked = true;
    return this.environment;
  }
}

function readDefault<T>(directive: Directive<T>, environment: Environment, words: string): T {
  const text = `${directive.name} ${words};`;
  const [context = 'main'] = directive.contexts;
  const { block, errors } = checkConfig(parseText(text).statements, [directive], environment, context);
  const [entry] = block.entries;
  if (entry === undefined) throw new Error(`bug: default of "${directive.name}": ${errors[0]?.message}`);
  return entry.value as T;
}

/** In place of a value that could not be read. */
const REFUSED = Symbol('refused');

class Checker {
  readonly errors: ConfigError[] = [];
  errorsDropped = 0;
  readonly warnings: Mistake[] = [];
  readonly captures: WrittenCapture[] = [];
  readonly unread = new Unread();
  private readonly table = new Map<string, Directive<unknown>[]>();
  readonly environment: Environment;

  constructor(directives: readonly Directive<unknown>[], environment: Environment) {
    this.environment = environment;
    for (const directive of directives) {
      const same = this.table.get(directive.name);
      if (same === undefined) this.table.set(directive.name, [directive]);
      else same.push(directive);
    }
  }

  *block(statements: readonly Statement[], context: Context, opener: Statement | undefined): Steps<Block> {
    const entries: Entry[] = [];
    const seen = new Set<Directive<unknown>>();
    for (const statement of statements) {
      yield;
      const directive = this.choose(statement, context);
      if (directive === undefined) {
        if (!this.full) this.unread.add(statement, opener);
        yield* this.lookInside(statement, context);
        continue;
      }
      const duplicate = !directive.repeat && seen.has(directive);
      seen.add(directive);
      const value = this.read(directive, statement, context, duplicate);
      const { opens } = directive;
      const inner = opens === 'statements' ? undefined : opens;
      const block =
        inner === undefined || statement.block === undefined
          ? undefined
          : yield* this.block(statement.block, inner, statement);
      if (value === REFUSED) {
        if (!this.full) this.unread.add(statement, opener);
      } else entries.push({ directive, value: value as NonNullable<unknown>, statement, block });
    }
    return { context, statement: opener, entries };
  }

  /** The block of a mistyped or misplaced name is read as what was meant, for the mistakes in it. */
  private *lookInside({ name, block }: Statement, context: Context): Steps<void> {
    if (block === undefined || this.full) return;
    const here = this.declaredIn(context).filter((each) => each.opens !== undefined);
    const near = nearest(
      name.text,
      here.map((each) => each.name),
    );
    const meant = this.table.get(name.text)?.[0] ?? here.find((each) => each.name === near);
    if (meant?.opens !== undefined && meant.opens !== 'statements')
      yield* this.block(block, meant.opens, undefined);
  }

  private declaredIn(context: Context): Directive<unknown>[] {
    return [...this.table.values()].flat().filter((each) => each.contexts.includes(context));
  }

  /** The declaration of the statement's name that may stand in `context`, or an error. */
  private choose(statement: Statement, context: Context): Directive<unknown> | undefined {
    const { name } = statement;
    const declared = this.table.get(name.text);
    const chosen = declared?.find((each) => each.contexts.includes(context) || each.unsupported);
    if (chosen !== undefined) return chosen;
    if (this.full) {
      this.errorsDropped++;
      return undefined;
    }
    const [message, hint] =
      declared === undefined
        ? [`unknown directive "${name.text}"`, this.hintOfUnknown(name, context)]
        : [`"${name.text}" directive is not allowed here`, hintOfContexts(name.text, declared, context)];
    this.fail(errorAtWord(name, message, name.text, hint));
    return undefined;
  }

  private read(
    directive: Directive<unknown>,
    statement: Statement,
    context: Context,
    duplicate: boolean,
  ): unknown {
    const site = new CheckedSite(statement, context, this);
    try {
      this.checkShape(directive, statement, site);
      if (duplicate) throw site.error(`"${directive.name}" directive is duplicate`);
      return directive.read(site);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.fail(error);
      return REFUSED;
    }
  }

  /** Block or none, and how many words: nginx's order. */
  private checkShape(directive: Directive<unknown>, statement: Statement, site: Site): void {
    const { name, words, block } = statement;
    if (directive.unsupported) return;
    if (directive.opens === undefined && block !== undefined) {
      throw site.error(`directive "${name.text}" is not terminated by ";"`);
    }
    if (directive.opens !== undefined && block === undefined) {
      throw site.error(`directive "${name.text}" has no opening "{"`);
    }
    const [fewest, most] = directive.arity;
    if (words.length < fewest || words.length > most) {
      const message = `invalid number of arguments in "${name.text}" directive`;
      throw site.error(message, undefined, hintOfArity(directive));
    }
    if (directive.opens !== 'statements') return;
    const nested = block?.find((inner) => inner.block !== undefined);
    if (nested !== undefined) throw site.error('unexpected "{"', nested.name);
  }

  /** A word that opens a line of its own and is a directive's name: the `;` before it is missing. */
  missingSemicolon(statement: Statement): string | undefined {
    const { name, words } = statement;
    const at = words.findIndex(
      (word) => !word.quoted && this.table.has(word.text) && opensLine(word.source, word.offset),
    );
    if (at === -1) return undefined;
    const before = words[at - 1] ?? name;
    return `is ";" missing after "${before.text}" on line ${placeOf(before.source, before.offset).line}?`;
  }

  fail(error: ConfigError): void {
    if (this.full) this.errorsDropped++;
    else this.errors.push(error);
  }

  /** Further errors are counted alone: looking for the near spelling of half a million words would take minutes. */
  private get full(): boolean {
    return this.errors.length >= CONFIG_ERRORS_MAX;
  }

  private hintOfUnknown(name: Word, context: Context): string | undefined {
    if (name.text.startsWith('\u00ef\u00bb\u00bf')) return 'the file begins with a byte order mark';
    const hint = this.hintOfSpelling(name.text, context);
    if (hint !== undefined) return hint;
    const { column } = placeOf(name.source, name.offset);
    if (!name.source.text.slice(name.offset - column + 1, name.offset).includes('#@')) return undefined;
    return 'a comment that begins with "#@" is read as configuration; write "# @" for any other';
  }

  private hintOfSpelling(name: string, context: Context): string | undefined {
    const here = this.declaredIn(context).map((each) => each.name);
    const near = nearest(name, here);
    if (near !== undefined) return `did you mean "${near}"?`;
    const elsewhere = nearest(name, this.table.keys());
    if (elsewhere === undefined) return undefined;
    const declared = this.table.get(elsewhere) ?? [];
    if (declared.some((each) => each.unsupported)) return undefined;
    return `did you mean "${elsewhere}"? ${allowedIn(elsewhere, declared)}`;
  }
}

class CheckedSite implements Site {
  readonly statement: Statement;
  readonly context: Context;
  private readonly checker: Checker;

  constructor(statement: Statement, context: Context, checker: Checker) {
    this.statement = statement;
    this.context = context;
    this.checker = checker;
  }

  get words(): readonly Word[] {
    return this.statement.words;
  }

  error(message: string, word: Word = this.statement.name, hint?: string): ConfigError {
    const better = this.checker.missingSemicolon(this.statement) ?? hint;
    return errorAtWord(word, message, this.statement.name.text, better);
  }

  warn(message: string, word: Word = this.statement.name): void {
    this.checker.warnings.push(errorAtWord(word, message, this.statement.name.text));
  }

  capture(name: string, word: Word): void {
    this.checker.captures.push({ name, word, directive: this.statement.name.text });
  }

  confPath(path: string): string {
    return this.checker.environment.confPath(path);
  }

  prefixPath(path: string): string {
    return this.checker.environment.prefixPath(path);
  }

  get anyPort(): boolean {
    return this.checker.environment.anyPort === true;
  }

  readFile(path: string, word: Word): string {
    const text = this.checker.environment.readFile(path);
    if (typeof text === 'string') return text;
    throw this.error(failureMessage(path, text), word);
  }
}

function hintOfArity({ name, arity: [fewest, most], opens }: Directive<unknown>): string {
  const plural = (count: number): string => (count === 1 ? '1 argument' : `${count} arguments`);
  const tail = opens === undefined ? '' : ' before its "{"';
  if (most === 0) return `"${name}" takes no arguments${tail}`;
  if (fewest === most) return `"${name}" takes ${plural(most)}${tail}`;
  if (most === Number.POSITIVE_INFINITY) return `"${name}" takes ${plural(fewest)} or more${tail}`;
  return `"${name}" takes ${fewest} ${most === fewest + 1 ? 'or' : 'to'} ${most} arguments${tail}`;
}

function hintOfContexts(name: string, declared: readonly Directive<unknown>[], context: Context): string {
  return `${allowedIn(name, declared)}, and this is ${context === 'main' ? 'the top of the file' : `"${context}"`}`;
}

function allowedIn(name: string, declared: readonly Directive<unknown>[]): string {
  const contexts = [...new Set(declared.flatMap((each) => each.contexts))];
  return `"${name}" is allowed in ${contexts.map((context) => `"${context}"`).join(', ')}`;
}
