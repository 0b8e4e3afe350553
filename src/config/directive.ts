// How a directive is declared: once, in its module's file. The declaration drives arity, contexts, values, inheritance, messages,
// "did you mean", the generated page and its own tests. Read by check.ts; asked for by scope.get(directive) in plan/.
import type { ConfigError } from './config-error.ts';

/** Where a directive may stand, in nginx's words. */
export type Context =
  | 'main'
  | 'events'
  | 'http'
  | 'server'
  | 'location'
  | 'if in server'
  | 'if in location'
  | 'limit_except'
  | 'upstream';

/** One file of the configuration; its text is a byte string (base/bytes.ts). */
export interface Source {
  readonly file: string;
  readonly text: string;
  /** Where the first `include` that names it says so; none for the main file. */
  readonly includedAt?: Word | undefined;
}

export interface Word {
  /** Unquoted and unescaped, as nginx hands it to a directive. */
  readonly text: string;
  readonly quoted: boolean;
  readonly source: Source;
  /** Where it begins in `source.text`, its quote included. */
  readonly offset: number;
  /** Where it ends in `source.text`, its quote included. */
  readonly end: number;
}

/** `name words… ;` or `name words… { block }`; includes are already in place of their `include`. */
export interface Statement {
  readonly name: Word;
  readonly words: readonly Word[];
  readonly block: readonly Statement[] | undefined;
}

/** What a directive's reader is given, for reading one statement. */
export interface Site {
  readonly statement: Statement;
  readonly words: readonly Word[];
  readonly context: Context;
  /** The error for `word` (the directive's name when left out); the caller throws it. `message` is nginx's own wording, `hint` ours. */
  error(message: string, word?: Word, hint?: string): ConfigError;
  /** A line at `warn`; the configuration stands. */
  warn(message: string, word?: Word): void;
  /** A regular expression's named group, which is to be a variable. */
  capture(name: string, word: Word): void;
  /** A path relative to the configuration's folder, made absolute (what nginx calls conf prefix); `root`, logs and temp paths use `prefixPath`. */
  confPath(path: string): string;
  prefixPath(path: string): string;
  /** Port 0 may be written in `listen`: the program is somebody's test, and asks which it has become. */
  readonly anyPort?: boolean;
  /** Text of a further file that the configuration names (a password file is read while serving and is none). Throws ConfigError. */
  readFile(path: string, word: Word): string;
}

export interface Argument<T> {
  /** What is allowed, for a hint and the page: "a time is 300s, 5m or 1h30m". */
  readonly allowed: string;
  /** Optional ones may be left out at the end of the line. */
  readonly optional?: boolean;
  /** Takes all words to the end of the line. */
  readonly rest?: boolean;
  read(word: Word, site: Site): T;
}

/** A declared directive; `T` is the type of its value after merging: it has `undefined` in it where there is no default. */
export interface Directive<T> {
  readonly name: string;
  readonly contexts: readonly Context[];
  /** Fewest and most words after the name. */
  readonly arity: readonly [min: number, max: number];
  /** Its block is read as directives of that context; 'statements': the reader itself reads `statement.block` (map, types). */
  readonly opens: Context | 'statements' | undefined;
  read(site: Site): NonNullable<T>;
  readonly defaultText: string | undefined;
  /** 'replace': this level's value, else the outer one's, else the default. 'none': only what stands in the block itself. */
  readonly inherit: 'replace' | 'none';
  /** May stand several times in one block; asked for with `scope.all`. Otherwise a second one `is duplicate`. */
  readonly repeat: boolean;
  readonly origin: 'nginx' | 'holdfast';
  /** "… because …": accepted, has no effect, says so on its page and once at start. */
  readonly noEffect: string | undefined;
  readonly doc: string;
  readonly example: string;
  readonly refuses: Readonly<Record<string, string>>;
  /** Set on what nginx knows and Holdfast does not: its use is an error. */
  readonly unsupported: boolean;
}

interface Declaration {
  readonly name: string;
  readonly contexts: readonly Context[];
  readonly inherit?: 'replace' | 'none';
  readonly repeat?: boolean;
  readonly opens?: Context | 'statements';
  readonly origin?: 'nginx' | 'holdfast';
  readonly noEffect?: string;
  readonly doc: string;
  /** Must pass in the first of its contexts. */
  readonly example: string;
  /** Each key must fail with a message that contains its value. */
  readonly refuses?: Readonly<Record<string, string>>;
}

type Values<A extends readonly Argument<unknown>[]> = A extends readonly [Argument<infer One>]
  ? One
  : { -readonly [K in keyof A]: A[K] extends Argument<infer Each> ? Each : never };

interface ByArguments<A extends readonly Argument<unknown>[]> extends Declaration {
  readonly args: A;
}

interface ByReader<T> extends Declaration {
  readonly arity: readonly [min: number, max: number];
  read(site: Site): T;
}

/** Declares a directive whose words are read one by one (`args`) or by a reader of its own (`arity` and `read`). */
export function directive<const A extends readonly Argument<unknown>[]>(
  declaration: ByArguments<A> & { readonly default: string },
): Directive<Values<A>>;
export function directive<const A extends readonly Argument<unknown>[]>(
  declaration: ByArguments<A>,
): Directive<Values<A> | undefined>;
export function directive<T>(declaration: ByReader<T> & { readonly default: string }): Directive<T>;
export function directive<T>(declaration: ByReader<T>): Directive<T | undefined>;
export function directive(
  declaration: (ByArguments<readonly Argument<unknown>[]> | ByReader<unknown>) & {
    readonly default?: string;
  },
): Directive<unknown> {
  const byArguments = 'args' in declaration;
  return Object.freeze({
    name: declaration.name,
    contexts: declaration.contexts,
    arity: byArguments ? arityOf(declaration.args) : declaration.arity,
    opens: declaration.opens,
    read: byArguments ? (site: Site) => readArguments(declaration.args, site) : declaration.read,
    defaultText: declaration.default,
    inherit: declaration.inherit ?? 'replace',
    repeat: declaration.repeat ?? false,
    origin: declaration.origin ?? 'nginx',
    noEffect: declaration.noEffect,
    doc: declaration.doc,
    example: declaration.example,
    refuses: declaration.refuses ?? {},
    unsupported: false,
  } as Directive<unknown>);
}

/** A directive that nginx knows and Holdfast does not: its use is an error that says so, never silence. */
export function unsupported(name: string, why = ''): Directive<undefined> {
  return Object.freeze({
    name,
    contexts: [],
    arity: [0, Number.POSITIVE_INFINITY] as const,
    opens: undefined,
    read: (site: Site): never => {
      throw site.error(`"${name}" directive is not supported by Holdfast`, undefined, why || undefined);
    },
    defaultText: undefined,
    inherit: 'none',
    repeat: true,
    origin: 'nginx',
    noEffect: undefined,
    doc: why,
    example: '',
    refuses: {},
    unsupported: true,
  });
}

function arityOf(args: readonly Argument<unknown>[]): readonly [number, number] {
  const needed = args.filter((argument) => !argument.optional && !argument.rest).length;
  const endless = args.some((argument) => argument.rest);
  return [
    needed + (endless && !args.at(-1)?.optional ? 1 : 0),
    endless ? Number.POSITIVE_INFINITY : args.length,
  ];
}

function readArguments(args: readonly Argument<unknown>[], site: Site): unknown {
  const values = args.map((argument, i) => {
    if (argument.rest) return site.words.slice(i).map((word) => argument.read(word, site));
    const word = site.words[i];
    return word === undefined ? undefined : argument.read(word, site);
  });
  return args.length === 1 ? values[0] : values;
}
