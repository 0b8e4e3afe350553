// Configuration text → plan. One function, run by the master to learn what to open and resolve, and by each worker from the same texts.
// All mistakes are gathered; a plan comes out only when there are none.
import { CONFIG_ERRORS_MAX } from '../base/limits.ts';
import { finished, type Steps } from '../base/steps.ts';
import { type Block, type CheckedConfig, checkSteps, type Entry, type Environment } from '../config/check.ts';
import { ConfigError, type Mistake } from '../config/config-error.ts';
import type { Directive, Source } from '../config/directive.ts';
import type { ConfigFiles } from '../config/files.ts';
import { placeOf } from '../config/position.ts';
import { inReadingOrder } from '../config/reading-order.ts';
import { folderOf, type ParsedConfig, parseSteps } from '../config/tree.ts';
import type { AnyModule } from '../modules/module.ts';
import {
  blockDirectives,
  http,
  listen,
  location,
  plainListen,
  server,
  serverName,
  upstream,
  type WrittenListen,
  type WrittenLocation,
  type WrittenName,
} from './block-directives.ts';
import { Builder } from './builder.ts';
import { ListenerTable } from './listeners.ts';
import { LocationTree } from './location-tree.ts';
import type { LocationPlan, Plan, ProcessSettings, ServerPlan } from './plan.ts';
import { BlockScope } from './scope-tree.ts';

const NOTHING = new ConfigError({
  message: 'no "events" section in configuration',
  file: '',
  line: 0,
  column: 0,
  directive: '',
  hint: 'there is no "http" block either: is the file empty?',
});

export interface CompileInput {
  /** Absolute path of the configuration, and what `-g` said. */
  readonly file: string;
  readonly globals?: string | undefined;
  /** Absolute, with its slash. */
  readonly prefix: string;
  readonly files: ConfigFiles;
  /** Addresses by host, in the resolver's order; empty for a host that has none. Hosts that are absent come back in `unresolved`. */
  readonly names: ReadonlyMap<string, readonly string[]>;
  readonly hostname: string;
  /** Of a server without `listen`: 80 when left out; nginx takes 8000 for a user who is not root. */
  readonly defaultPort?: number;
  /** Port 0 may be written in `listen`. */
  readonly anyPort?: boolean;
  /** Defaults that differ from the declared ones, in the file's own syntax, by directive. */
  readonly defaults?: Readonly<Record<string, string>>;
  readonly modules: readonly AnyModule[];
  /** Compiles what main and events say (modules/core.ts). */
  readonly processSettings: (main: BlockScope, events: BlockScope | undefined) => ProcessSettings;
}

export interface CompileResult {
  /** Undefined where there are errors. */
  readonly plan: Plan | undefined;
  readonly errors: readonly ConfigError[];
  /** Errors beyond CONFIG_ERRORS_MAX. */
  readonly errorsDropped: number;
  readonly warnings: readonly Mistake[];
  /** "sendfile" and where it stands: accepted, without effect. */
  readonly noEffect: readonly { readonly name: string; readonly place: string; readonly why: string }[];
  /** Hosts to resolve before the plan can be right: compile again with them in `names`. */
  readonly unresolved: readonly string[];
  readonly sources: readonly Source[];
}

export function compilePlan(input: CompileInput): CompileResult {
  return finished(compileSteps(input));
}

/** In steps of which each is short, however long the configuration. */
export function* compileSteps(input: CompileInput): Steps<CompileResult> {
  const parsed = yield* parseSteps(
    input.file,
    input.files,
    input.globals === undefined ? {} : { globals: input.globals },
  );
  const environment = environmentOf(input);
  const checked = yield* checkSteps(parsed.statements, allDirectives(input.modules), environment);
  const { modules, names, file, defaults } = input;
  const builder = new Builder({ modules, environment, names, file, defaults });
  builder.checkCaptures(checked.captures);
  const compiler = new Compiler(builder, input);
  const plan = yield* compiler.plan(checked.block);
  const { sources } = parsed;
  const errors = [...parsed.errors, ...checked.errors, ...ownMistakes(builder.errors, parsed, checked)];
  const warnings = [...checked.warnings, ...ownMistakes(builder.warnings, parsed, checked)];
  const dropped = parsed.errors.length > 0 ? 0 : builder.errorsDropped;
  const beyond = Math.max(0, errors.length - CONFIG_ERRORS_MAX);
  return {
    plan: errors.length > 0 ? undefined : plan,
    errors: inReadingOrder(errors, sources).slice(0, CONFIG_ERRORS_MAX),
    errorsDropped: parsed.errorsDropped + checked.errorsDropped + dropped + beyond,
    warnings: inReadingOrder(warnings, sources),
    noEffect: noEffectOf(checked.block),
    unresolved: [...builder.unresolved],
    sources,
  };
}

/**
 * The mistakes of the plan that are none of what could not be read. With a brace too many or a file that is missing nobody can tell: what
 * stands in which block, and what is not declared, is then a guess.
 */
function ownMistakes(
  mistakes: readonly ConfigError[],
  parsed: ParsedConfig,
  { unread }: CheckedConfig,
): readonly ConfigError[] {
  return parsed.errors.length > 0 ? [] : mistakes.filter((mistake) => !unread.explains(mistake));
}

/** Every directive of the program: those that shape the plan and all modules'. */
export function allDirectives(modules: readonly AnyModule[]): readonly Directive<unknown>[] {
  return [...blockDirectives, ...modules.flatMap((module) => module.directives)];
}

class Compiler {
  private readonly builder: Builder;
  private readonly input: CompileInput;
  private readonly servers: ServerPlan[] = [];
  private readonly listeners: ListenerTable;

  constructor(builder: Builder, input: CompileInput) {
    this.builder = builder;
    this.input = input;
    this.listeners = new ListenerTable(builder);
  }

  *plan(main: Block): Steps<Plan | undefined> {
    const scope = new BlockScope(this.builder, main, undefined);
    const eventsEntry = main.entries.find((entry) => entry.block?.context === 'events');
    const events = eventsEntry?.block && new BlockScope(this.builder, eventsEntry.block, scope);
    const process = this.builder.attempt(() => this.input.processSettings(scope, events));
    // nginx asks for `events`, which may be missing here beside `http`; a file with neither is one that is just being written.
    if (!main.entries.some(({ block }) => block?.context === 'events' || block?.context === 'http'))
      this.builder.fail(() => NOTHING);
    for (const entry of main.entries) {
      if (entry.directive === (http as unknown) && entry.block !== undefined)
        yield* this.http(entry.block, scope);
    }
    yield* this.listeners.bindNames();
    yield* this.builder.complete();
    if (process === undefined) return undefined;
    const { builder } = this;
    const listeners = this.listeners.listeners();
    const { workerConnectionsMax: most } = process;
    if (most !== undefined && most <= listeners.length) {
      const message = `${most} worker_connections are not enough for ${listeners.length} listening sockets`;
      builder.fail(() => builder.errorWithoutPlace(message));
    }
    return {
      process,
      listeners,
      servers: this.servers,
      upstreams: builder.upstreams.all,
      zones: builder.zones,
      logs: builder.logs,
      folders: [...builder.folders],
      variables: builder.variables,
    };
  }

  private *http(block: Block, main: BlockScope): Steps<void> {
    const scope = new BlockScope(this.builder, block, main);
    for (const module of this.input.modules) {
      if (module.declare === undefined) continue;
      yield;
      this.builder.attempt(() => module.declare?.(scope));
    }
    for (const entry of block.entries) {
      if (entry.directive !== (upstream as unknown) || entry.block === undefined) continue;
      const inner = new BlockScope(this.builder, entry.block, scope);
      const [word] = entry.statement.words;
      if (word !== undefined)
        this.builder.attempt(() => this.builder.upstreams.addBlock(inner, word.text, word));
      yield;
    }
    yield* this.builder.location(scope, { name: '', kind: 'server', pattern: undefined, captureSlots: [] });
    for (const entry of block.entries) {
      if (entry.directive === (server as unknown) && entry.block !== undefined)
        yield* this.server(entry, entry.block, scope);
    }
  }

  private *server(entry: Entry, block: Block, outer: BlockScope): Steps<void> {
    const scope = new BlockScope(this.builder, block, outer);
    const root = yield* this.builder.location(scope, {
      name: '',
      kind: 'server',
      pattern: undefined,
      captureSlots: [],
    });
    const names = this.namesOf(scope);
    const named = new Map<string, LocationPlan>();
    const { source, offset } = entry.statement.name;
    const plan: ServerPlan = {
      number: this.servers.length,
      name: displayName(names[0]),
      root,
      tree: yield* this.locations(scope, undefined, named),
      named,
      place: `${source.file}:${placeOf(source, offset).line}`,
    };
    this.servers.push(plan);
    const listens = scope.all(listen);
    for (const written of listens)
      this.builder.attempt(() => this.listeners.add(scope, plan, written, names));
    if (listens.length === 0)
      this.builder.attempt(() => this.listeners.add(scope, plan, this.defaultListen(entry), names));
  }

  /** A server without `listen`: any address, at the port that nginx takes. */
  private defaultListen(entry: Entry): WrittenListen {
    const port = this.input.defaultPort ?? 80;
    const word = { ...entry.statement.name, text: `*:${port}` };
    return plainListen({ kind: 'inet', host: '*', port, family: 'any', rest: '' }, word);
  }

  /** Without a server_name the server's one name is the empty one: it answers requests without a host. */
  private namesOf(scope: BlockScope): readonly WrittenName[] {
    const names = scope.all(serverName).flat();
    if (names.length === 0) return [{ kind: 'exact', name: '', written: '' }];
    const { hostname } = this.input;
    return names.map((name) =>
      name.kind === 'hostname' ? { kind: 'exact', name: hostname.toLowerCase(), written: hostname } : name,
    );
  }

  /** The locations directly inside a block, with all that is in them. */
  private *locations(
    scope: BlockScope,
    around: WrittenLocation | undefined,
    named: Map<string, LocationPlan>,
  ): Steps<LocationTree> {
    const found: LocationPlan[] = [];
    const seen = new Set<string>();
    for (const entry of scope.entries) {
      if (entry.directive !== (location as unknown) || entry.block === undefined) continue;
      const written = entry.value as WrittenLocation;
      const { block } = entry;
      this.builder.attempt(() => checkNesting(scope, written, around, seen));
      const plan = yield* this.location(block, scope, written, named);
      if (written.kind !== 'named') found.push(plan);
      else if (!named.has(written.name)) named.set(written.name, plan);
    }
    return new LocationTree(found);
  }

  private *location(
    block: Block,
    outer: BlockScope,
    written: WrittenLocation,
    named: Map<string, LocationPlan>,
  ): Steps<LocationPlan> {
    const scope = new BlockScope(this.builder, block, outer);
    const { name, kind, pattern } = written;
    const captureSlots = pattern === undefined ? [] : scope.captureSlots(pattern);
    const plan = yield* this.builder.location(scope, { name, kind, pattern, captureSlots });
    if (block.entries.some((entry) => entry.directive === (location as unknown))) {
      (plan as { tree: LocationTree | undefined }).tree = yield* this.locations(scope, written, named);
    }
    return plan;
  }
}

/** As ngx_http_core_location() and ngx_http_init_locations(). */
function checkNesting(
  scope: BlockScope,
  written: WrittenLocation,
  around: WrittenLocation | undefined,
  seen: Set<string>,
): void {
  const { kind, name, word } = written;
  if (around !== undefined) {
    if (around.kind === 'exact') {
      throw scope.error(`location "${name}" cannot be inside the exact location "${around.name}"`, word);
    }
    if (around.kind === 'named') {
      throw scope.error(`location "${name}" cannot be inside the named location "${around.name}"`, word);
    }
    if (kind === 'named') {
      throw scope.error(`named location "${name}" can be on the server level only`, word);
    }
    if (kind !== 'regex' && !name.startsWith(around.name)) {
      throw scope.error(`location "${name}" is outside location "${around.name}"`, word);
    }
  }
  if (kind === 'regex' || kind === 'named') return;
  const key = `${kind === 'exact' ? '=' : ''}${name}`;
  if (seen.has(key)) throw scope.error(`duplicate location "${name}"`, word);
  seen.add(key);
}

function displayName(name: WrittenName | undefined): string {
  if (name === undefined) return '';
  if (name.kind === 'both') return name.name.slice(1);
  return name.kind === 'regex' || name.kind === 'hostname'
    ? name.written
    : name.kind === 'exact'
      ? name.name
      : name.written.toLowerCase();
}

function environmentOf(input: CompileInput): Environment {
  const folder = folderOf(input.file);
  const absolute = (base: string, path: string): string => (path.startsWith('/') ? path : base + path);
  return {
    confPath: (path) => absolute(folder, path),
    prefixPath: (path) => absolute(input.prefix, path),
    readFile: (path) => input.files.read(path),
    anyPort: input.anyPort === true,
  };
}

/** Accepted directives that change nothing here, for one line at `info`. */
function noEffectOf(block: Block): CompileResult['noEffect'] {
  return block.entries.flatMap(({ directive, statement, block: inner }) => {
    const { source, offset } = statement.name;
    const own =
      directive.noEffect === undefined
        ? []
        : [
            {
              name: directive.name,
              place: `${source.file}:${placeOf(source, offset).line}`,
              why: directive.noEffect,
            },
          ];
    return inner === undefined ? own : [...own, ...noEffectOf(inner)];
  });
}
