// Names asked for while serving, from the servers of a `resolver` line. Questions for the same name share one request, answers are kept
// as long as `valid=` or their TTL says. As ngx_resolver.c: which server is asked, when again, and what an answer means.
import { RESOLVER_CACHE_MAX, RESOLVER_CNAMES_MAX, RESOLVERS_MAX } from '../../base/limits.ts';
import type { NameQuestion, Names } from '../../proxy/ports.ts';
import {
  A,
  AAAA,
  lowerAscii,
  NOT_FOUND,
  problemText,
  type Reply,
  readReply,
  writeQuery,
} from './dns-message.ts';
import { datagrams, stream, type Wire, type Wires } from './dns-wire.ts';

const TIMED_OUT = '110: Operation timed out';
/** nginx's resend_timeout: the next server is asked when one has been silent for so long. */
const RESEND_MS = 5000;

export interface NameClock {
  now(): number;
  /** Runs `work` once in so many milliseconds; the function that is returned prevents it. */
  after(ms: number, work: () => void): () => void;
}

export interface NamesOptions {
  readonly clock: NameClock;
  /** Takes lines for the error log. */
  readonly log?: (text: string) => void;
  readonly wires?: Wires;
  /** A whole number below `limit`. */
  readonly random?: (limit: number) => number;
}

export interface DnsNames extends Names {
  /** Forgets who asks, and lets go of the clock and of the ways to the servers. */
  close(): void;
}

export function dnsNames({ clock, log, wires, random }: NamesOptions): DnsNames {
  const world: World = {
    clock,
    log: log ?? (() => undefined),
    wires: wires ?? { datagrams, stream },
    random: random ?? ((limit) => process.getBuiltinModule('node:crypto').randomInt(limit)),
  };
  const resolvers = new Map<string, Resolver>();
  return {
    resolve(question, done) {
      const key = keyOf(question);
      let resolver = resolvers.get(key);
      if (resolver === undefined) {
        resolver = new Resolver(question, world);
        forgetIdle(resolvers);
        resolvers.set(key, resolver);
      }
      const name = lowerAscii(question.name).replace(/\.$/, '');
      resolver.ask(name, [new Waiter(question.timeoutMs, done, clock)]);
    },
    close() {
      for (const resolver of resolvers.values()) resolver.close();
    },
  };
}

/** Makes room for one more: a line that is asked nothing loses its answers alone. */
function forgetIdle(resolvers: Map<string, Resolver>): void {
  if (resolvers.size < RESOLVERS_MAX) return;
  for (const [key, resolver] of resolvers) {
    if (resolver.busy) continue;
    resolvers.delete(key);
    return;
  }
}

/** Lines that say the same share their answers. */
function keyOf({ servers, ipv4, ipv6, validMs }: NameQuestion): string {
  const addresses = servers.map(({ host, port }) => `${host} ${port}`).join(' ');
  return `${ipv4 ? 4 : ''}${ipv6 ? 6 : ''} ${validMs ?? ''} ${addresses}`;
}

type World = Required<NamesOptions>;
type Answer = readonly string[] | { readonly problem: string };

/** One who asked. */
class Waiter {
  lookup: Lookup | undefined;
  /** Names that its own was found to stand for. */
  cnames = 0;
  private readonly cancel: (() => void) | undefined;
  private readonly done: (answer: Answer) => void;
  private settled = false;

  constructor(timeoutMs: number, done: (answer: Answer) => void, clock: NameClock) {
    this.done = done;
    if (timeoutMs === 0) return;
    this.cancel = clock.after(timeoutMs, () => {
      const { lookup } = this;
      this.settle({ problem: TIMED_OUT });
      lookup?.leave(this);
    });
  }

  settle(answer: Answer): void {
    if (this.settled) return;
    this.forget();
    this.done(answer);
  }

  /** It is not answered any more. */
  forget(): void {
    this.settled = true;
    this.lookup = undefined;
    this.cancel?.();
  }
}

/** What is known of a name. */
interface Kept {
  readonly until: number;
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
  readonly cname: string | undefined;
}

class Resolver {
  readonly world: World;
  readonly line: NameQuestion;
  private readonly kept = new Map<string, Kept>();
  private readonly lookups = new Map<string, Lookup>();
  /** One way to a server for all that is open there, closed when nothing is. */
  private readonly wires = new Map<string, Wire>();
  private turn = 0;

  constructor(line: NameQuestion, world: World) {
    this.line = line;
    this.world = world;
  }

  get busy(): boolean {
    return this.lookups.size > 0;
  }

  /** As ngx_resolve_name_locked(). */
  ask(name: string, waiters: readonly Waiter[]): void {
    const known = this.kept.get(name);
    if (known !== undefined && known.until > this.world.clock.now()) {
      this.kept.delete(name); // to the end: those asked for least are forgotten first
      this.kept.set(name, known);
      if (known.cname !== undefined) return this.follow(known.cname, waiters);
      return later(waiters, rotated(known, this.world.random));
    }
    this.kept.delete(name);
    let lookup = this.lookups.get(name);
    if (lookup === undefined) {
      const queries = this.queriesFor(name);
      if (queries === undefined) return later(waiters, { problem: problemText(NOT_FOUND) });
      lookup = new Lookup(name, this, queries, this.turn++ % this.line.servers.length);
      this.lookups.set(name, lookup);
      lookup.send();
    }
    lookup.join(waiters);
  }

  follow(cname: string, waiters: readonly Waiter[]): void {
    const [first] = waiters;
    if (first === undefined) return;
    if (first.cnames++ < RESOLVER_CNAMES_MAX) this.ask(cname, waiters);
    else later(waiters, { problem: problemText(NOT_FOUND) });
  }

  /** Undefined where nobody can be asked for such a name. */
  private queriesFor(name: string): Query[] | undefined {
    const queries: Query[] = [];
    for (const type of [this.line.ipv4 ? A : 0, this.line.ipv6 ? AAAA : 0]) {
      if (type === 0) continue;
      const ident = this.world.random(65_536);
      const bytes = writeQuery(name, type, ident);
      if (bytes === undefined) return undefined;
      queries.push({ type, ident, bytes, overTcp: false, addresses: undefined });
    }
    return queries;
  }

  send(number: number, { bytes, overTcp }: Query): void {
    const server = this.line.servers[number];
    const key = `${overTcp} ${number}`;
    let wire = this.wires.get(key);
    if (wire === undefined && server !== undefined) {
      const events = {
        received: (reply: Uint8Array): void => this.received(reply, overTcp),
        failed: (problem: string): void => {
          this.wires.delete(key);
          this.world.log(`${problem} while resolving, resolver: ${server.host}:${server.port}`);
        },
      };
      const { wires } = this.world;
      wire = overTcp ? wires.stream(server, events) : wires.datagrams(server, events);
      this.wires.set(key, wire);
    }
    wire?.send(bytes);
  }

  close(): void {
    for (const lookup of this.lookups.values()) lookup.forget();
    this.lookups.clear();
    this.closeWires();
  }

  private closeWires(): void {
    for (const wire of this.wires.values()) wire.close();
    this.wires.clear();
  }

  private received(bytes: Uint8Array, overTcp: boolean): void {
    const { log } = this.world;
    const reply = readReply(bytes, overTcp);
    if (typeof reply === 'string') return log(reply);
    if (reply.name === '') {
      const asked = [...this.lookups.values()].find((each) => each.asksWith(reply.ident));
      const whose = asked === undefined ? '' : `, name:"${asked.name}"`;
      return log(`DNS error (${problemText(reply.code)}), query id:${reply.ident}${whose}`);
    }
    const lookup = this.lookups.get(reply.name);
    if (lookup === undefined) return log(`unexpected DNS response for ${reply.name}`);
    lookup.received(reply);
  }

  /** The lookup of `name` is over; `kept` is what it has found. */
  ended(name: string, kept: Omit<Kept, 'until'> | undefined, ttl: number): void {
    this.lookups.delete(name);
    if (this.lookups.size === 0) this.closeWires();
    if (kept === undefined) return;
    const [oldest] = this.kept.keys();
    if (this.kept.size >= RESOLVER_CACHE_MAX && oldest !== undefined) this.kept.delete(oldest);
    const validMs = this.line.validMs ?? ttl * 1000;
    this.kept.set(name, { ...kept, until: this.world.clock.now() + validMs });
  }
}

/** Whoever asked is not answered within its own call. */
function later(waiters: readonly Waiter[], answer: Answer): void {
  queueMicrotask(() => {
    for (const waiter of waiters) waiter.settle(answer);
  });
}

/** Kept addresses are begun with another each time. As ngx_resolver_export(). */
function rotated({ ipv4, ipv6 }: Kept, random: (limit: number) => number): string[] {
  const turned = (list: readonly string[], by: number): string[] => [...list.slice(by), ...list.slice(0, by)];
  const shuffled = [ipv4, ipv6].flatMap((list) =>
    list.length === 0 ? [] : turned(list, random(list.length)),
  );
  return turned(shuffled, random(shuffled.length));
}

/** One of a name's two queries. */
interface Query {
  readonly type: number;
  readonly ident: number;
  readonly bytes: Uint8Array;
  overTcp: boolean;
  addresses: readonly string[] | undefined;
}

/** A question that is open at a server. */
class Lookup {
  readonly name: string;
  private readonly resolver: Resolver;
  private readonly queries: readonly Query[];
  private waiters: Waiter[] = [];
  private server: number;
  private cancelResend: (() => void) | undefined;
  /** What a server has said is wrong, while the other query is open. */
  private code = 0;
  private ttl = Number.POSITIVE_INFINITY;

  constructor(name: string, resolver: Resolver, queries: readonly Query[], server: number) {
    this.name = name;
    this.resolver = resolver;
    this.queries = queries;
    this.server = server;
  }

  /** To one server, and after a while to the next. */
  send(): void {
    const { line, world } = this.resolver;
    for (const query of this.queries)
      if (query.addresses === undefined) this.resolver.send(this.server, query);
    this.cancelResend = world.clock.after(RESEND_MS, () => {
      this.server = (this.server + 1) % line.servers.length;
      this.send();
    });
  }

  join(waiters: readonly Waiter[]): void {
    for (const waiter of waiters) waiter.lookup = this;
    this.waiters.push(...waiters);
  }

  leave(waiter: Waiter): void {
    this.waiters = this.waiters.filter((each) => each !== waiter);
    if (this.waiters.length === 0) this.end(undefined);
  }

  asksWith(ident: number): boolean {
    return this.queries.some((query) => query.ident === ident);
  }

  received(reply: Reply): void {
    const { log } = this.resolver.world;
    const query = this.queries.find(({ type }) => type === reply.type);
    if (query === undefined || query.addresses !== undefined)
      return log(`unexpected DNS response for ${this.name}`);
    if (query.ident !== reply.ident)
      return log(`wrong ident ${reply.ident} in DNS response for ${this.name}, expect ${query.ident}`);
    if (!reply.truncated) return this.answered(query, reply);
    if (query.overTcp) return;
    query.overTcp = true;
    this.resolver.send(this.server, query);
  }

  /** As ngx_resolver_process_a(): any error counts, then any address, then the CNAME of the last answer. */
  private answered(query: Query, reply: Reply): void {
    if (reply.records > 0) this.ttl = Math.min(this.ttl, reply.ttl);
    query.addresses = reply.addresses;
    const code = reply.code === 0 ? this.code : reply.code;
    this.code = code;
    if (this.queries.some(({ addresses }) => addresses === undefined)) return;
    const [ipv4, ipv6] = [this.found(A), this.found(AAAA)];
    const { cname } = reply;
    if (code !== 0) return this.settle({ problem: problemText(code) });
    if (ipv4.length + ipv6.length > 0) {
      return this.settle([...ipv4, ...ipv6], { ipv4, ipv6, cname: undefined });
    }
    if (cname === undefined) return this.settle({ problem: problemText(NOT_FOUND) });
    const { waiters } = this;
    this.end({ ipv4, ipv6, cname });
    this.resolver.follow(cname, waiters);
  }

  private found(type: number): readonly string[] {
    return this.queries.find((query) => query.type === type)?.addresses ?? [];
  }

  private settle(answer: Answer, kept?: Omit<Kept, 'until'>): void {
    const { waiters } = this;
    this.end(kept);
    for (const waiter of waiters) waiter.settle(answer);
  }

  forget(): void {
    for (const waiter of this.waiters) waiter.forget();
    this.waiters = [];
    this.cancelResend?.();
  }

  private end(kept: Omit<Kept, 'until'> | undefined): void {
    this.waiters = [];
    this.cancelResend?.();
    this.resolver.ended(this.name, kept, this.ttl);
  }
}
