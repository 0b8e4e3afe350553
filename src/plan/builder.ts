// A plan under construction: what blocks share while they are compiled (variables, zones, logs, upstreams) and what is checked last.
import { CONFIG_ERRORS_MAX } from '../base/limits.ts';
import type { Steps } from '../base/steps.ts';
import {
  type Block,
  type CheckedConfig,
  defaultValue,
  type Entry,
  type Environment,
} from '../config/check.ts';
import { ConfigError } from '../config/config-error.ts';
import type { Directive, Word } from '../config/directive.ts';
import { errorAtWord } from '../config/position.ts';
import { asciiLower } from '../config/units.ts';
import type { AnyModule, Handler, PhaseName } from '../modules/module.ts';
import type { CoreSettings } from './core-settings.ts';
import type { Handlers, LocationKind, LocationPlan, LogPlan, ZonePlan } from './plan.ts';
import type { LogOptions, Scope } from './scope.ts';
import { BlockScope } from './scope-tree.ts';
import { UpstreamTable } from './upstream-table.ts';
import { Variables } from './variable.ts';

const PLAIN_LOG: LogOptions = { bufferBytes: 0, flushMs: 0, gzipLevel: 0 };

const PHASES: readonly PhaseName[] = [
  'post-read',
  'server-rewrite',
  'rewrite',
  'preaccess',
  'access',
  'precontent',
  'content',
  'log',
];

/** What a location is before its modules have compiled their slices. */
export interface LocationFacts {
  readonly name: string;
  readonly kind: LocationKind;
  readonly pattern: LocationPlan['pattern'];
  readonly captureSlots: LocationPlan['captureSlots'];
}

export class Builder {
  readonly variables: Variables;
  readonly errors: ConfigError[] = [];
  /** Errors beyond CONFIG_ERRORS_MAX. */
  errorsDropped = 0;
  readonly warnings: ConfigError[] = [];
  readonly zones: ZonePlan[] = [];
  readonly logs: LogPlan[] = [];
  readonly folders = new Set<string>();
  readonly upstreams: UpstreamTable;
  readonly environment: Environment;
  /** Hosts that nobody has resolved yet: this plan is thrown away and compiled again once they are. */
  readonly unresolved = new Set<string>();
  private readonly modules: readonly AnyModule[];
  private readonly moduleOf = new Map<Directive<unknown>, AnyModule>();
  /** Modules that a mistake has kept from compiling a slice; nothing is asked of them any more, and there will be no plan. */
  private readonly failed = new Set<AnyModule>();
  private readonly names: ReadonlyMap<string, readonly string[]>;
  private readonly file: string;
  private readonly zoneUses: {
    readonly name: string;
    readonly kind: string;
    readonly use: { number: number };
    readonly missing: ConfigError;
  }[] = [];
  private readonly completions: (() => void)[] = [];
  private readonly defaultTexts: Readonly<Record<string, string>>;
  /** Values of defaults, read once a plan: paths differ with the prefix. */
  private readonly defaults = new Map<Directive<unknown>, unknown>();
  /** Lists of handlers that many locations share. */
  private readonly handlerLists = new Map<string, Handlers>();

  constructor(options: {
    readonly modules: readonly AnyModule[];
    readonly environment: Environment;
    readonly names: ReadonlyMap<string, readonly string[]>;
    readonly file: string;
    readonly defaults?: Readonly<Record<string, string>> | undefined;
  }) {
    this.modules = options.modules;
    for (const module of options.modules)
      for (const each of module.directives) this.moduleOf.set(each, module);
    this.environment = options.environment;
    this.names = options.names;
    this.file = options.file;
    this.defaultTexts = options.defaults ?? {};
    this.variables = new Variables(options.modules.flatMap((module) => module.variables ?? []));
    this.upstreams = new UpstreamTable(this, options.modules);
  }

  /** Runs `work`; a ConfigError is gathered and the rest goes on, so that all mistakes are shown at once. */
  attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.fail(() => error);
      return undefined;
    }
  }

  /** As ngx_http_regex_compile(): a named group is a variable, and none of nginx's own. Before the configuration has made any. */
  checkCaptures(captures: CheckedConfig['captures']): void {
    for (const { name, word, directive } of captures) {
      const key = asciiLower(name);
      if (!this.variables.isBuiltIn(key) || this.variables.assignable(key) !== undefined) continue;
      const hint = `nginx has a variable $${key} of its own`;
      this.fail(() => errorAtWord(word, `the duplicate "${name}" variable`, directive, hint));
    }
  }

  /** An error that nobody will see is not made: a file may hold a million. */
  fail(error: () => ConfigError): void {
    if (this.errors.length < CONFIG_ERRORS_MAX) this.errors.push(error());
    else this.errorsDropped++;
  }

  defaultOf<T>(directive: Directive<T>): T {
    const key = directive as Directive<unknown>;
    if (!this.defaults.has(key)) {
      this.defaults.set(key, defaultValue(directive, this.environment, this.defaultTexts[directive.name]));
    }
    return this.defaults.get(key) as T;
  }

  resolve(host: string): readonly string[] | undefined {
    const known = this.names.get(host);
    if (known === undefined) this.unresolved.add(host);
    return known === undefined || known.length === 0 ? undefined : known;
  }

  /** Compiles what `scope`'s block becomes: each module's slice, own or shared with the block around it. */
  *location(scope: BlockScope, facts: LocationFacts): Steps<LocationPlan> {
    const outer = scope.outer?.location;
    const written = new Set(scope.entries.map(({ directive }) => this.moduleOf.get(directive)));
    const slices: unknown[] = [];
    for (const module of this.modules) {
      const shared = outer?.slices[slices.length];
      if (scope.context !== 'http' && (facts.kind === 'server' || written.has(module)))
        this.check(module, scope);
      if (module.compile === undefined || (outer !== undefined && !written.has(module))) slices.push(shared);
      else {
        yield;
        slices.push(this.slice(module, scope, shared));
      }
    }
    yield;
    const unnamed = facts.kind === 'unnamed';
    const content = scope.content ?? (unnamed ? outer?.content : undefined);
    const slashed =
      facts.name.endsWith('/') &&
      (facts.kind === 'prefix' || facts.kind === 'no-regex' || facts.kind === 'exact');
    const plan: LocationPlan = {
      ...facts,
      slices,
      core: slices[0] as CoreSettings,
      handlers: this.handlersOf(slices),
      filters: this.modules.flatMap((module, number) =>
        !this.failed.has(module) && module.filter?.applies(slices[number]) ? [module.filter] : [],
      ),
      freezers: this.modules.flatMap((module, number) => {
        if (module.freeze === undefined || this.failed.has(module)) return [];
        return module.phases?.some((use) => use.phase === 'log' && use.applies(slices[number]))
          ? [module.freeze]
          : [];
      }),
      content,
      tree: undefined,
      autoRedirect: slashed && scope.content !== undefined,
    };
    scope.location = plan;
    yield* this.fillInners(scope, plan);
    return plan;
  }

  private slice(module: AnyModule, scope: BlockScope, shared: unknown): unknown {
    const mistakes = this.errors.length + this.errorsDropped;
    const slice = this.attempt(() => module.compile?.(scope, shared));
    if (this.errors.length + this.errorsDropped === mistakes) return slice; // undefined for a module that has nothing to do here
    this.failed.add(module);
    return shared;
  }

  /** What many servers inherit is wrong in one place. */
  private check(module: AnyModule, scope: BlockScope): void {
    try {
      module.check?.(scope);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const { message, file, line, column } = error;
      const isSame = (known: ConfigError): boolean =>
        known.message === message && known.file === file && known.line === line && known.column === column;
      if (!this.errors.some(isSame)) this.fail(() => error);
    }
  }

  /**
   * An `if` or `limit_except` block: a location without a name that answers as the one around it does. Filled in when that one is
   * whole, since it shares what that one's later modules make.
   */
  innerLocation(outer: BlockScope, entry: Entry): LocationPlan {
    const plan = {} as LocationPlan;
    outer.inners.push({ plan, entry });
    return plan;
  }

  private *fillInners(outer: BlockScope, around: LocationPlan): Steps<void> {
    for (const { plan, entry } of outer.inners) {
      const scope = new BlockScope(this, entry.block ?? emptyBlock(entry), outer);
      const facts: LocationFacts = {
        name: around.name,
        kind: 'unnamed',
        pattern: undefined,
        captureSlots: [],
      };
      Object.assign(plan, yield* this.location(scope, facts));
      scope.location = plan;
    }
  }

  private handlersOf(slices: readonly unknown[]): Handlers {
    const chosen = new Map<PhaseName, Handler[]>(PHASES.map((phase) => [phase, []]));
    let key = '';
    this.modules.forEach((module, number) => {
      if (this.failed.has(module)) return;
      module.phases?.forEach((use, i) => {
        if (!use.applies(slices[number])) return;
        key += `${number}.${i} `;
        chosen.get(use.phase)?.push(use.handler);
      });
    });
    let handlers = this.handlerLists.get(key);
    if (handlers === undefined) {
      handlers = {
        ...(Object.fromEntries(chosen) as unknown as Record<PhaseName, readonly Handler[]>),
        inOrder: [...chosen.values()],
      };
      this.handlerLists.set(key, handlers);
    }
    return handlers;
  }

  logFile(path: string, options: LogOptions = PLAIN_LOG): number {
    const same = (log: LogPlan): boolean =>
      log.path === path &&
      log.options.bufferBytes === options.bufferBytes &&
      log.options.flushMs === options.flushMs &&
      log.options.gzipLevel === options.gzipLevel;
    const known = this.logs.findIndex(same);
    return known !== -1 ? known : this.logs.push({ path, options }) - 1;
  }

  zone(name: string, bytes: number, kind: string, word: Word, scope: Scope): number {
    const known = this.zones.findIndex((zone) => zone.name === name);
    if (known === -1) return this.zones.push({ name, bytes, kind }) - 1;
    const zone = this.zones[known];
    if (zone?.kind !== kind) {
      throw scope.error(`the shared memory zone "${name}" is already declared for a different use`, word);
    }
    if (zone.bytes !== bytes) {
      throw scope.error(
        `the size ${bytes} of shared memory zone "${name}" conflicts with already declared size ${zone.bytes}`,
        word,
      );
    }
    return known;
  }

  zoneRef(name: string, kind: string, word: Word, scope: Scope): { readonly number: number } {
    const use = { number: -1 };
    const missing = scope.error(
      `zero size shared memory zone "${name}"`,
      word,
      'no directive declares a zone of that name',
    );
    this.zoneUses.push({ name, kind, use, missing });
    return use;
  }

  whenComplete(work: () => void): void {
    this.completions.push(work);
  }

  errorWithoutPlace(message: string): ConfigError {
    return new ConfigError({ message, file: this.file, line: 0, column: 0, directive: '' });
  }

  /** Binds what was used before it was declared; then nothing changes any more. */
  *complete(): Steps<void> {
    for (const missing of yield* this.variables.bindAll()) this.fail(missing);
    for (const { name, kind, use, missing } of this.zoneUses) {
      use.number = this.zones.findIndex((zone) => zone.name === name && zone.kind === kind);
      if (use.number === -1) this.fail(() => missing);
    }
    for (const work of this.completions) {
      yield;
      this.attempt(work);
    }
  }
}

function emptyBlock(entry: Entry): Block {
  return { context: 'location', statement: entry.statement, entries: [] };
}
