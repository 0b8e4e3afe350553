// Names asked for while serving, from the servers of a `resolver` line, through Node's own DNS client. Answers are kept as long as
// `valid=` or their TTL says; questions for the same name share one request.
import { Resolver } from 'node:dns';
import { RESOLVER_CACHE_MAX } from '../../base/limits.ts';
import type { NameQuestion, Names } from '../../proxy/ports.ts';

type Answer = readonly string[] | { readonly problem: string };
type Done = (answer: Answer) => void;

interface Kept {
  readonly answer: Answer;
  readonly until: number;
}

/** `now` in monotonic milliseconds. */
export function dnsNames(now: () => number): Names {
  const resolvers = new Map<string, Resolver>();
  const kept = new Map<string, Kept>();
  const waiting = new Map<string, Done[]>();

  const finish = (key: string, answer: Answer, validMs: number): void => {
    if (kept.size >= RESOLVER_CACHE_MAX) kept.clear();
    if (validMs > 0) kept.set(key, { answer, until: now() + validMs });
    const all = waiting.get(key) ?? [];
    waiting.delete(key);
    for (const done of all) done(answer);
  };

  return {
    resolve(question, done) {
      const key = keyOf(question);
      const known = kept.get(key);
      if (known !== undefined && known.until > now()) {
        queueMicrotask(() => done(known.answer));
        return;
      }
      const others = waiting.get(key);
      if (others !== undefined) {
        others.push(done);
        return;
      }
      waiting.set(key, [done]);
      const resolver = resolverOf(resolvers, question);
      void ask(resolver, question).then(({ answer, ttlMs }) =>
        finish(key, answer, question.validMs ?? ttlMs),
      );
    },
  };
}

function keyOf({ name, servers, ipv4, ipv6 }: NameQuestion): string {
  return `${name} ${ipv4 ? 4 : ''}${ipv6 ? 6 : ''} ${servers.map(({ host, port }) => `${host} ${port}`).join(' ')}`;
}

function resolverOf(resolvers: Map<string, Resolver>, { servers, timeoutMs }: NameQuestion): Resolver {
  const list = servers.map(({ host, port }) =>
    host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
  );
  const key = `${timeoutMs} ${list.join(' ')}`;
  let resolver = resolvers.get(key);
  if (resolver === undefined) {
    resolver = new Resolver({ timeout: Math.max(Math.ceil(timeoutMs / TRIES), 1), tries: TRIES });
    resolver.setServers(list);
    resolvers.set(key, resolver);
  }
  return resolver;
}

const TRIES = 3;

interface AddressRecord {
  readonly address: string;
  readonly ttl: number;
}

async function ask(resolver: Resolver, question: NameQuestion): Promise<{ answer: Answer; ttlMs: number }> {
  const families = [question.ipv4 ? 'resolve4' : undefined, question.ipv6 ? 'resolve6' : undefined] as const;
  const results: (readonly AddressRecord[] | string)[] = await Promise.all(
    families.map((method) => (method === undefined ? [] : askOne(resolver, method, question.name))),
  );
  const records = results.flatMap((result) => (typeof result === 'string' ? [] : result));
  if (records.length > 0) {
    const ttl = Math.min(...records.map((record) => record.ttl));
    return { answer: records.map((record) => record.address), ttlMs: ttl * 1000 };
  }
  const problem = results.find((result): result is string => typeof result === 'string') ?? PROBLEMS.ENODATA;
  return { answer: { problem: problem ?? '' }, ttlMs: 0 };
}

function askOne(
  resolver: Resolver,
  method: 'resolve4' | 'resolve6',
  name: string,
): Promise<readonly AddressRecord[] | string> {
  return new Promise((resolve) => {
    resolver[method](name, { ttl: true }, (error, records) =>
      resolve(error === null ? records : (PROBLEMS[error.code ?? ''] ?? '2: Server failure')),
    );
  });
}

/** As ngx_resolver_strerror(). */
const PROBLEMS: Readonly<Partial<{ [code: string]: string }>> = {
  EFORMERR: '1: Format error',
  ESERVFAIL: '2: Server failure',
  ENOTFOUND: '3: Host not found',
  ENODATA: '3: Host not found',
  ENOTIMP: '4: Unimplemented',
  EREFUSED: '5: Operation refused',
  ECONNREFUSED: '5: Operation refused',
  ETIMEOUT: '110: Operation timed out',
};
