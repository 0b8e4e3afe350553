// A scope is one block of the configuration with the blocks around it: where merged values are asked for, by the directive itself.
import type { Entry } from '../config/check.ts';
import type { ConfigError } from '../config/config-error.ts';
import type { Context, Directive, Statement, Word } from '../config/directive.ts';
import type { Pattern } from '../config/pcre.ts';
import type { Template } from '../config/template.ts';
import type { Handler } from '../modules/module.ts';
import type { Exchange } from '../proxy/exchange.ts';
import type { LocationPlan, UpstreamPlan } from './plan.ts';
import type { VariableDeclaration, VariableRef } from './variable.ts';

/** A template compiled: its text with the variables filled in; an absent variable is ''. */
export interface Render {
  (x: Exchange): string;
  /** The text when it has no variables, else undefined. */
  readonly constant: string | undefined;
  readonly parts: readonly (string | VariableRef)[];
}

/** How a log is written: straight through, or gathered in memory first, and packed. */
export interface LogOptions {
  /** 0: each turn's lines are written at its end. */
  readonly bufferBytes: number;
  /** Lines wait no longer than this; 0: until the buffer is full. */
  readonly flushMs: number;
  /** 0: not packed. */
  readonly gzipLevel: number;
}

export interface Scope {
  readonly context: Context;
  readonly outer: Scope | undefined;
  readonly statement: Statement | undefined;
  /** What this block becomes; http and server have one too: what locations inherit from. Undefined in main, events and upstream. */
  readonly location: LocationPlan | undefined;

  /** The merged value: this block's, else an outer one's, else the default. */
  get<T>(directive: Directive<T>): T;
  /** All statements of a directive that may be repeated: this block's if it has any, else the outer's; a default counts as one. */
  all<T>(directive: Directive<T>): readonly NonNullable<T>[];
  /**
   * What stands in this block itself. In an `if` or `limit_except` block: or in the location around it, since such a block
   * answers as that location does.
   */
  own<T>(directive: Directive<T>): NonNullable<T> | undefined;
  /** Whether the directive stands in this very block. */
  has<T>(directive: Directive<T>): boolean;
  /** This block's own statements, in the order of the file. */
  readonly entries: readonly Entry[];
  /** Where one of `directives` is written whose value counts here: the last of the innermost block that has any. */
  placeOf(...directives: Directive<unknown>[]): Word | undefined;
  /** Compiles a block inside this one (`if`, `limit_except`) into a location without a name. */
  inner(entry: Entry): LocationPlan;

  /** Sets what answers requests in this location (proxy_pass, empty_gif); `if` blocks inside take it over. */
  setContent(handler: Handler): void;

  render(template: Template): Render;
  variable(name: string, word?: Word): VariableRef;
  /** Declares a variable that is a function of the exchange (map, geo, split_clients). */
  declareVariable(declaration: VariableDeclaration): void;
  /** The slot in `x.variables` of a variable that this configuration sets (set, named captures, auth_request_set). */
  variableSlot(name: string): number;
  /** Slots for the named groups of a pattern, by group. */
  captureSlots(pattern: Pattern): readonly (readonly [group: number, slot: number])[];
  /** For `set $args`: how one of nginx's own variables is changed, or undefined. */
  assignable(name: string): VariableDeclaration | undefined;
  /** Whether the name is nginx's own or another directive's, so that `set` may not make it (`the duplicate "x" variable`). */
  isBuiltIn(name: string): boolean;

  /**
   * A log by absolute path ("stderr" and "syslog:…" stand for themselves), opened by the master; its number in `x.generation.logs`.
   * The same path with other options is a log of its own.
   */
  logFile(path: string, options?: LogOptions): number;
  /** A folder for temporary files: the master makes it at start, and it is the workers' own. Returns its path. */
  temporaryFolder(path: string): string;
  /** Memory shared by all workers, by name; its number in `x.generation.zones`. Throws where the name has another size or kind. */
  zone(name: string, bytes: number, kind: string, word: Word): number;
  /** A use of a zone that may be declared anywhere; `number` is right when the plan is complete (else `zero size shared memory zone`). */
  zoneRef(name: string, kind: string, word: Word): { readonly number: number };
  /** The upstream block of that name, else an implicit one for the host and port (0: none was written), resolved at start as nginx does. */
  upstream(host: string, port: number, defaultPort: number, word: Word): UpstreamPlan;
  /** The upstream block of that name, for what is only known while serving (proxy_pass with variables). */
  findUpstream(name: string): UpstreamPlan | undefined;

  /** Addresses of a host, in the resolver's order; undefined: not found (or not asked yet, in a first pass whose plan is thrown away). */
  resolve(host: string): readonly string[] | undefined;
  /** Runs when all blocks are compiled and variables are bound. */
  whenComplete(work: () => void): void;
  error(message: string, word?: Word, hint?: string): ConfigError;
  warn(message: string, word?: Word): void;
}
