// What a module is: its directives, its variables, what it compiles into a slice of the plan, its handlers in phases and its filters.
// One nginx module is one file of this folder. modules/index.ts lists them in the order in which they run.

import type { ServerSettings } from '../balance/upstream.ts';
import type { Ms } from '../base/time.ts';
import type { Directive } from '../config/directive.ts';
import type { UpstreamSettings } from '../plan/plan.ts';
import type { Scope } from '../plan/scope.ts';
import type { VariableDeclaration } from '../plan/variable.ts';
import type { Exchange } from '../proxy/exchange.ts';
import type { BodyFilter } from '../proxy/filters.ts';
import type { Frozen } from '../proxy/late.ts';

/** nginx's phases that modules may stand in, in their order; finding the location is the plan's own, after 'server-rewrite'. */
export type PhaseName =
  | 'post-read'
  | 'server-rewrite'
  | 'rewrite'
  | 'preaccess'
  | 'access'
  | 'precontent'
  | 'content'
  | 'log';

/**
 * What a handler says.
 * 'next': nothing to do, ask the next handler (NGX_DECLINED). 'allow': the access phase's yes (NGX_OK).
 * 'wait': ask me again when the exchange is resumed (NGX_AGAIN). 'done': taken, an answer or a redirect is on its way.
 * A number: answer with this status, through error_page (`return 403`). 444 closes without an answer.
 */
export type Verdict = 'next' | 'allow' | 'wait' | 'done' | number;

export type Handler = (x: Exchange, now: Ms) => Verdict;

export interface PhaseUse<S> {
  readonly phase: PhaseName;
  /** Whether a scope with this slice needs the handler; one that does not never calls it. */
  applies(slice: S): boolean;
  readonly handler: Handler;
}

export interface Filter<S> {
  applies(slice: S): boolean;
  /**
   * Sees and changes `x.answer` before its head is written; returns a body filter for this answer where it wants the bytes, or
   * 'answered' where it has ended the request otherwise (`x.finish(412)`).
   */
  head(x: Exchange): BodyFilter | 'answered' | undefined;
}

/** How upstream blocks are compiled; modules/http-upstream.ts alone has one. */
export interface UpstreamCompiler {
  compile(
    scope: Scope,
    name: string,
  ): { readonly servers: readonly ServerSettings[]; readonly settings: UpstreamSettings };
  /** For an upstream that a host in proxy_pass makes. */
  implicitSettings(): UpstreamSettings;
}

export interface ModuleDefinition<S> {
  /** The file's name: "http-map". */
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: directives of many value types
  readonly directives: readonly Directive<any>[];
  readonly variables?: readonly VariableDeclaration[];
  /** Once a configuration, at the http block, before any slice: declares variables, zones, formats (map, limit_req_zone, log_format). */
  readonly declare?: (scope: Scope) => void;
  /** For http, and for each inner block in which one of the module's directives stands; the others share the outer slice. */
  readonly compile?: (scope: Scope, outer: S | undefined) => S;
  /**
   * Throws where settings do not go together, whichever blocks they come from. Asked where nginx merges: for each server and for what
   * has own directives inside it, never for http, whose settings no request meets by themselves.
   */
  readonly check?: (scope: Scope) => void;
  readonly phases?: readonly PhaseUse<S>[];
  readonly filter?: Filter<S>;
  readonly upstreams?: UpstreamCompiler;
  /**
   * For its 'log' phase, asked when an exchange becomes a tunnel: what of it must outlive the exchange. Undefined: it has nothing to
   * do at the end. 'keep': it needs the exchange itself, which then lives as long as the tunnel and goes through the 'log' phase.
   */
  readonly freeze?: (x: Exchange) => Frozen | 'keep' | undefined;
}

export interface Module<S = unknown> extends ModuleDefinition<S> {
  /** Its place in the list, and of its slice in every location. */
  readonly number: number;
  /** This module's slice for where the exchange is now. */
  slice(x: Exchange): S;
}

/** Any module, whatever its slice. */
// biome-ignore lint/suspicious/noExplicitAny: slices are opaque outside their module
export type AnyModule = Module<any>;

export function defineModule<S = undefined>(definition: ModuleDefinition<S>): Module<S> {
  const module: Module<S> = {
    ...definition,
    number: -1,
    slice: (x) => x.location.slices[module.number] as S,
  };
  return module;
}

/** Numbers the modules of a program, once. */
export function numbered(modules: readonly AnyModule[]): readonly AnyModule[] {
  modules.forEach((module, number) => {
    (module as { number: number }).number = number;
  });
  return modules;
}
