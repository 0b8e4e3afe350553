// Variables: `$name` compiled to a function over the exchange. A name is looked up once, when the plan is compiled.
import type { Steps } from '../base/steps.ts';
import type { ConfigError } from '../config/config-error.ts';
import { nearest } from '../config/spelling.ts';
import { asciiLower } from '../config/units.ts';
import type { Exchange } from '../proxy/exchange.ts';
import type { LateFacts } from '../proxy/late.ts';

/** A variable's value; undefined is nginx's "not found": nothing in a template, "-" in a log. */
export type Value = string | undefined;
export type Evaluate = (x: Exchange) => Value;

export interface VariableDeclaration {
  /** Without the `$`; for a family (`http_`, `arg_`) the part that all share, with `prefix: true`. */
  readonly name: string;
  readonly prefix?: boolean;
  /** `rest` is what follows a family's name. */
  evaluate(x: Exchange, rest: string): Value;
  /** For `set $args …`: one of nginx's own variables that `set` may change. */
  assign?(x: Exchange, value: string): void;
  /** Any directive may set it, and what is set shows from then on: NGX_HTTP_VAR_CHANGEABLE without a setter of its own. */
  readonly changeable?: boolean;
  /** Its value may change until the exchange has ended (`$bytes_sent`): a tunnel's log line leaves a gap for it. */
  readonly late?: boolean;
  /** Fills that gap when a tunnel has ended. A late variable without it keeps the exchange of each tunnel that logs it alive. */
  readonly atEnd?: AtEnd;
  /** What it is made of (map): it is as late as these are. */
  readonly uses?: readonly VariableRef[];
  /** Of `set`: gives way to any other declaration of the name; a family's value (`$http_x`) shows until one is set. */
  readonly weak?: boolean;
}

/** The value at the end; `before` is what it was when the tunnel began. */
export type AtEnd = (late: LateFacts, before: string) => string;

/** One use of a variable; `evaluate` works once the plan is complete. */
export interface VariableRef {
  readonly name: string;
  evaluate: Evaluate;
  late: boolean;
  atEnd: AtEnd | undefined;
}

interface Bound {
  readonly evaluate: Evaluate;
  readonly late: boolean;
  readonly atEnd: AtEnd | undefined;
  readonly uses: readonly VariableRef[] | undefined;
}

/**
 * All variables of one plan. Uses may come before declarations, as in nginx, so uses are bound at the end.
 * What a configuration sets (`set`, named captures, auth_request_set) has a slot in `x.variables`.
 */
export class Variables {
  private readonly declared = new Map<string, VariableDeclaration>();
  private readonly families: VariableDeclaration[] = [];
  private readonly uses: { readonly ref: VariableRef; readonly missing: () => ConfigError }[] = [];
  private readonly slots = new Map<string, number>();
  private readonly bound = new Map<string, Bound>();

  constructor(builtIn: readonly VariableDeclaration[]) {
    for (const declaration of builtIn) {
      if (declaration.prefix) this.families.push(declaration);
      else this.declared.set(declaration.name, declaration);
    }
    this.families.sort((a, b) => b.name.length - a.name.length);
  }

  /** Declares what a directive makes (map, geo). The last one of a name wins, as in nginx. */
  declare(declaration: VariableDeclaration): void {
    if (declaration.weak && this.declared.has(declaration.name)) return;
    this.declared.set(declaration.name, declaration);
  }

  /** The declaration by which `set` changes one of nginx's own variables. */
  assignable(name: string): VariableDeclaration | undefined {
    const declaration = this.declared.get(name);
    return declaration?.assign === undefined ? undefined : declaration;
  }

  /** nginx's own, or made by another directive: not for `set` to take over. */
  isBuiltIn(name: string): boolean {
    const declaration = this.declared.get(name);
    return declaration !== undefined && !declaration.changeable && !this.slots.has(name);
  }

  /** The place in `x.variables` of a variable that the configuration sets. */
  slot(name: string): number {
    const known = this.slots.get(name);
    if (known !== undefined) return known;
    const slot = this.slots.size;
    this.slots.set(name, slot);
    const own = this.declared.get(name);
    if (own === undefined) this.declared.set(name, { name, evaluate: (x) => x.variables[slot] });
    else if (own.changeable)
      this.declared.set(name, { ...own, evaluate: (x, rest) => x.variables[slot] ?? own.evaluate(x, rest) });
    return slot;
  }

  /** Slots for a pattern's named groups, by their numbers; variables are named in lower case. */
  captureSlots(names: ReadonlyMap<string, number>): readonly (readonly [group: number, slot: number])[] {
    return [...names].map(([name, group]) => [group, this.slot(asciiLower(name))] as const);
  }

  get slotCount(): number {
    return this.slots.size;
  }

  /** Help where nobody has declared `name`. */
  hintOf(name: string): string {
    if (name.startsWith('ssl_'))
      return `$${name} belongs to ngx_http_ssl_module, which Holdfast does not have`;
    const near = nearest(name, this.declared.keys());
    if (near !== undefined) return `did you mean "$${near}"?`;
    return 'nothing here makes it: no map, no set, no named group of a regular expression';
  }

  ref(name: string, missing: () => ConfigError): VariableRef {
    const ref: VariableRef = { name, evaluate: unbound, late: false, atEnd: undefined };
    this.uses.push({ ref, missing });
    return ref;
  }

  /** Binds all uses; returns the error of each name that nobody declared. */
  *bindAll(): Steps<(() => ConfigError)[]> {
    const errors: (() => ConfigError)[] = [];
    const made: { readonly ref: VariableRef; readonly of: readonly VariableRef[] }[] = [];
    for (const { ref, missing } of this.uses.splice(0)) {
      yield;
      const found = this.lookup(ref.name);
      if (found === undefined) errors.push(missing);
      else {
        ref.evaluate = found.evaluate;
        ref.late = found.late;
        ref.atEnd = found.atEnd;
        if (found.uses !== undefined) made.push({ ref, of: found.uses });
      }
    }
    // Maps of maps: until nothing changes; each round settles one level at least.
    for (let changed = true; changed; ) {
      changed = false;
      for (const { ref, of } of made) {
        if (ref.late || !of.some((use) => use.late)) continue;
        ref.late = true;
        changed = true;
      }
    }
    return errors;
  }

  /** The variable of that name, families included, or undefined. */
  lookup(name: string): Bound | undefined {
    const known = this.bound.get(name);
    if (known !== undefined) return known;
    const found = this.find(name);
    if (found === undefined) return undefined;
    const rest = found.prefix ? name.slice(found.name.length) : '';
    const entry: Bound = {
      evaluate: (x: Exchange) => found.evaluate(x, rest),
      late: found.late === true,
      atEnd: found.atEnd,
      uses: found.uses,
    };
    this.bound.set(name, entry);
    return entry;
  }

  private find(name: string): VariableDeclaration | undefined {
    if (/^[1-9]$/.test(name)) return capture(Number(name));
    const declared = this.declared.get(name);
    if (declared !== undefined && !declared.weak) return declared;
    const family = this.families.find((each) => name.startsWith(each.name));
    if (declared === undefined || family === undefined) return declared ?? family;
    const slot = this.slot(name);
    return { name, evaluate: (x) => x.variables[slot] ?? family.evaluate(x, name.slice(family.name.length)) };
  }
}

function capture(index: number): VariableDeclaration {
  return { name: String(index), evaluate: (x) => x.captures?.[index] };
}

function unbound(): Value {
  throw new Error('bug: a variable was read before the plan was complete');
}
