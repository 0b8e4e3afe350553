// Scopes as compile.ts builds them: a block with its entries by directive, the block around it, and the services of the plan under
// construction.
import type { Block, Entry, Environment } from '../config/check.ts';
import type { ConfigError } from '../config/config-error.ts';
import type { Context, Directive, Word } from '../config/directive.ts';
import type { Pattern } from '../config/pcre.ts';
import { errorAtWord } from '../config/position.ts';
import { constantText, type Template } from '../config/template.ts';
import type { Handler } from '../modules/module.ts';
import type { Builder } from './builder.ts';
import type { LocationPlan, UpstreamPlan } from './plan.ts';
import type { LogOptions, Render, Scope } from './scope.ts';
import type { VariableDeclaration, VariableRef } from './variable.ts';

export class BlockScope implements Scope {
  readonly context: Context;
  readonly outer: BlockScope | undefined;
  readonly statement;
  readonly entries: readonly Entry[];
  /** Set by compile.ts once the slices are made. */
  location: LocationPlan | undefined;
  content: Handler | undefined;
  /** Blocks inside this one, to be filled in when it is whole. */
  readonly inners: { readonly plan: LocationPlan; readonly entry: Entry }[] = [];
  private readonly builder: Builder;
  private readonly byDirective = new Map<Directive<unknown>, Entry[]>();

  constructor(builder: Builder, block: Block, outer: BlockScope | undefined) {
    this.builder = builder;
    this.context = block.context;
    this.outer = outer;
    this.statement = block.statement;
    this.entries = block.entries;
    for (const entry of block.entries) {
      const same = this.byDirective.get(entry.directive);
      if (same === undefined) this.byDirective.set(entry.directive, [entry]);
      else same.push(entry);
    }
  }

  get<T>(directive: Directive<T>): T {
    const found = this.find(directive);
    return (found === undefined ? this.builder.defaultOf(directive) : found[0]?.value) as T;
  }

  all<T>(directive: Directive<T>): readonly NonNullable<T>[] {
    const found = this.find(directive);
    if (found !== undefined) return found.map((entry) => entry.value as NonNullable<T>);
    const value = this.builder.defaultOf(directive);
    return value === undefined || value === null ? [] : [value];
  }

  own<T>(directive: Directive<T>): NonNullable<T> | undefined {
    const found = this.byDirective.get(directive as Directive<unknown>);
    if (found !== undefined) return found[0]?.value as NonNullable<T>;
    return this.answersAsOuter ? this.outer?.own(directive) : undefined;
  }

  has<T>(directive: Directive<T>): boolean {
    return this.byDirective.has(directive as Directive<unknown>);
  }

  placeOf(...directives: Directive<unknown>[]): Word | undefined {
    const own = this.entries.findLast((entry) =>
      (directives as readonly unknown[]).includes(entry.directive),
    );
    return own?.statement.name ?? this.outer?.placeOf(...directives);
  }

  inner(entry: Entry): LocationPlan {
    return this.builder.innerLocation(this, entry);
  }

  setContent(handler: Handler): void {
    this.content = handler;
  }

  render(template: Template): Render {
    const constant = constantText(template);
    const parts = template.parts.map((part) =>
      typeof part === 'string' ? part : this.variable(part.name, template.word),
    );
    return renderOf(constant, parts);
  }

  variable(name: string, word?: Word): VariableRef {
    const { variables } = this.builder;
    return variables.ref(name, () => this.error(`unknown "${name}" variable`, word, variables.hintOf(name)));
  }

  declareVariable(declaration: VariableDeclaration): void {
    this.builder.variables.declare(declaration);
  }

  variableSlot(name: string): number {
    return this.builder.variables.slot(name);
  }

  captureSlots(pattern: Pattern): readonly (readonly [group: number, slot: number])[] {
    return this.builder.variables.captureSlots(pattern.names);
  }

  assignable(name: string): VariableDeclaration | undefined {
    return this.builder.variables.assignable(name);
  }

  isBuiltIn(name: string): boolean {
    return this.builder.variables.isBuiltIn(name);
  }

  logFile(path: string, options?: LogOptions): number {
    return this.builder.logFile(path, options);
  }

  temporaryFolder(path: string): string {
    this.builder.folders.add(path);
    return path;
  }

  zone(name: string, bytes: number, kind: string, word: Word): number {
    return this.builder.zone(name, bytes, kind, word, this);
  }

  zoneRef(name: string, kind: string, word: Word): { readonly number: number } {
    return this.builder.zoneRef(name, kind, word, this);
  }

  upstream(host: string, port: number, defaultPort: number, word: Word): UpstreamPlan {
    return this.builder.upstreams.forPass(this, host, port, defaultPort, word);
  }

  findUpstream(name: string): UpstreamPlan | undefined {
    return this.builder.upstreams.named(name);
  }

  resolve(host: string): readonly string[] | undefined {
    return this.builder.resolve(host);
  }

  whenComplete(work: () => void): void {
    this.builder.whenComplete(work);
  }

  error(message: string, word?: Word, hint?: string): ConfigError {
    const at = word ?? this.statement?.name;
    return at === undefined
      ? this.builder.errorWithoutPlace(message)
      : errorAtWord(at, message, this.statement?.name.text ?? at.text, hint);
  }

  warn(message: string, word?: Word): void {
    this.builder.warnings.push(this.error(message, word));
  }

  private get answersAsOuter(): boolean {
    return this.context === 'if in location' || this.context === 'limit_except';
  }

  private find<T>(directive: Directive<T>): readonly Entry[] | undefined {
    const found = this.byDirective.get(directive as Directive<unknown>);
    if (found !== undefined) return found;
    if (directive.inherit === 'none' && !this.answersAsOuter) return undefined;
    return this.outer?.find(directive);
  }
}

export type { Environment };

export function renderOf(constant: string | undefined, parts: readonly (string | VariableRef)[]): Render {
  const render = constant !== undefined ? () => constant : renderParts(parts);
  return Object.assign(render, { constant, parts });
}

function renderParts(
  parts: readonly (string | VariableRef)[],
): (x: Parameters<VariableRef['evaluate']>[0]) => string {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined && typeof only !== 'string')
    return (x) => only.evaluate(x) ?? '';
  return (x) => {
    let text = '';
    for (const part of parts) text += typeof part === 'string' ? part : (part.evaluate(x) ?? '');
    return text;
  };
}
