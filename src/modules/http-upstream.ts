// The upstream block: its servers, the method that chooses among them, its zone and its kept connections, as ngx_http_upstream.c and
// the ngx_http_upstream_*_module files beside it read them. Choosing is balance/'s, passing on is proxy/'s.
import { CONSISTENT_WEIGHT_MAX } from '../balance/consistent-hash.ts';
import type { PeerAddress } from '../balance/peer.ts';
import type { Method, ServerSettings } from '../balance/upstream.ts';
import { parseAddress, type WrittenAddress } from '../config/address.ts';
import { integer, time } from '../config/argument.ts';
import { directive, type Site, unsupported, type Word } from '../config/directive.ts';
import { parseTemplate, type Template } from '../config/template.ts';
import { parseSeconds, parseSize, parseWhole } from '../config/units.ts';
import type { UpstreamSettings } from '../plan/plan.ts';
import type { Scope } from '../plan/scope.ts';
import { upstreamVariables } from './http-upstream-variables.ts';
import { defineModule } from './module.ts';

interface WrittenServer {
  readonly word: Word;
  readonly address: WrittenAddress;
  readonly weight: number;
  readonly maxConns: number;
  readonly maxFails: number;
  readonly failTimeoutMs: number;
  /** The word, for a method that has no backup servers. */
  readonly backup: Word | undefined;
  readonly down: boolean;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

export const server = directive<WrittenServer>({
  name: 'server',
  contexts: ['upstream'],
  inherit: 'none',
  repeat: true,
  arity: [1, Number.POSITIVE_INFINITY],
  read: readServer,
  doc: 'A server of the upstream: an address, a name (each of its addresses becomes a peer) or `unix:path`; port 80 where none is written. `weight=` is its share, `max_conns=` the most connections to it at a time, `max_fails=` failures within `fail_timeout=` seconds put it to rest for that long; `backup` servers are asked when no other lives; `down` ones never.',
  example: 'server 127.0.0.1:8010 weight=5 max_fails=3 fail_timeout=30s;',
  refuses: {
    'server 127.0.0.1:99999;': 'invalid port in upstream "127.0.0.1:99999"',
    'server a/b;': 'invalid host in upstream "a/b"',
    'server 127.0.0.1:1 weight=0;': 'invalid parameter "weight=0"',
    'server 127.0.0.1:1 max_conns=;': 'invalid parameter "max_conns="',
    'server 127.0.0.1:1 fail_timeout=x;': 'invalid parameter "fail_timeout=x"',
    'server 127.0.0.1:1 slow_start=30s;': 'invalid parameter "slow_start=30s"',
    'server name:1 resolve;': 'the "resolve" parameter of "server" is not supported by Holdfast',
  },
});

function readServer(site: Site): WrittenServer {
  const [first] = site.words;
  if (first === undefined) throw site.error('invalid number of arguments in "server" directive');
  const settings: Writable<Omit<WrittenServer, 'address'>> = {
    word: first,
    weight: 1,
    maxConns: 0,
    maxFails: 1,
    failTimeoutMs: 10_000,
    backup: undefined,
    down: false,
  };
  for (const word of site.words.slice(1)) readParameter(word, settings, site);
  const address = parseAddress(first.text);
  if ('problem' in address) throw site.error(`${address.problem} in upstream "${first.text}"`, first);
  return { ...settings, address };
}

const LATER: ReadonlySet<string> = new Set(['resolve', 'service', 'route', 'drain']);
const PARAMETERS = 'allowed: weight=, max_conns=, max_fails=, fail_timeout=, backup, down';

function readParameter(word: Word, settings: Writable<Omit<WrittenServer, 'address'>>, site: Site): void {
  const equals = word.text.indexOf('=');
  const key = equals === -1 ? word.text : word.text.slice(0, equals);
  const value = equals === -1 ? undefined : word.text.slice(equals + 1);
  if (LATER.has(key))
    throw site.error(`the "${key}" parameter of "server" is not supported by Holdfast`, word);
  if (value === undefined) {
    if (key === 'backup') settings.backup = word;
    else if (key === 'down') settings.down = true;
    else throw site.error(`invalid parameter "${word.text}"`, word, PARAMETERS);
    return;
  }
  const number = key === 'fail_timeout' ? parseSeconds(value) : parseWhole(value);
  const valid = number !== undefined && (key !== 'weight' || number > 0);
  const field = FIELDS.get(key);
  if (!valid || field === undefined) throw site.error(`invalid parameter "${word.text}"`, word, PARAMETERS);
  settings[field] = key === 'fail_timeout' ? number * 1000 : number;
}

const FIELDS: ReadonlyMap<string, 'weight' | 'maxConns' | 'maxFails' | 'failTimeoutMs'> = new Map([
  ['weight', 'weight'],
  ['max_conns', 'maxConns'],
  ['max_fails', 'maxFails'],
  ['fail_timeout', 'failTimeoutMs'],
]);

export const ipHash = directive<Method>({
  name: 'ip_hash',
  contexts: ['upstream'],
  inherit: 'none',
  repeat: true,
  arity: [0, 0],
  read: () => ({ kind: 'ip_hash' }),
  doc: "Chooses by the client's address (the first three octets of IPv4, the whole of IPv6), so that a client stays with one server.",
  example: 'ip_hash;',
  refuses: { 'ip_hash on;': 'invalid number of arguments in "ip_hash" directive' },
});

export const leastConn = directive<Method>({
  name: 'least_conn',
  contexts: ['upstream'],
  inherit: 'none',
  repeat: true,
  arity: [0, 0],
  read: () => ({ kind: 'least_conn' }),
  doc: 'Chooses the server with the fewest connections for its weight.',
  example: 'least_conn;',
  refuses: { 'least_conn on;': 'invalid number of arguments in "least_conn" directive' },
});

export const hash = directive<{ readonly key: Template; readonly method: Method }>({
  name: 'hash',
  contexts: ['upstream'],
  inherit: 'none',
  repeat: true,
  arity: [1, 2],
  read(site) {
    const [key, option] = site.words;
    if (key === undefined) throw site.error('invalid number of arguments in "hash" directive');
    if (option !== undefined && option.text !== 'consistent') {
      throw site.error(`invalid parameter "${option.text}"`, option, 'allowed: consistent');
    }
    return {
      key: parseTemplate(key.text, key, site),
      method: { kind: 'hash', consistent: option !== undefined },
    };
  },
  doc: 'Chooses by a key made of text and variables; `consistent` (ketama) moves few keys when servers come and go.',
  example: 'hash $request_uri consistent;',
  refuses: { 'hash $uri sticky;': 'invalid parameter "sticky"' },
});

export const random = directive<Method>({
  name: 'random',
  contexts: ['upstream'],
  inherit: 'none',
  repeat: true,
  arity: [0, 2],
  read(site) {
    const [two, how] = site.words;
    const wrong =
      two !== undefined && two.text !== 'two' ? two : how?.text === 'least_conn' ? undefined : how;
    if (wrong !== undefined) {
      throw site.error(
        `invalid parameter "${wrong.text}"`,
        wrong,
        'written: random, random two or random two least_conn',
      );
    }
    return { kind: 'random', two: two !== undefined };
  },
  doc: 'Chooses at random by weight; with `two` the less busy of two so chosen.',
  example: 'random two least_conn;',
  refuses: {
    'random three;': 'invalid parameter "three"',
    'random two least_time;': 'invalid parameter "least_time"',
  },
});

/** 8 pages, as nginx wants them at least. */
const ZONE_BYTES_MIN = 32_768;

export const zone = directive<{ readonly name: Word; readonly bytes: number }>({
  name: 'zone',
  contexts: ['upstream'],
  inherit: 'none',
  repeat: true,
  arity: [1, 2],
  read(site) {
    const [name, size] = site.words;
    if (name === undefined) throw site.error('invalid number of arguments in "zone" directive');
    if (name.text === '') throw site.error(`invalid zone name "${name.text}"`, name);
    if (size === undefined) return { name, bytes: 0 };
    const bytes = parseSize(size.text);
    if (bytes === undefined) throw site.error(`invalid zone size "${size.text}"`, size);
    if (bytes < ZONE_BYTES_MIN) throw site.error(`zone "${name.text}" is too small`, size, 'at least 32k');
    return { name, bytes };
  },
  doc: 'Memory that all workers share, by name and size in bytes, for the state of this upstream: failures, connections and weights.',
  example: 'zone nodes 64k;',
  refuses: {
    'zone "" 64k;': 'invalid zone name ""',
    'zone nodes 1k;': 'zone "nodes" is too small',
    'zone nodes big;': 'invalid zone size "big"',
  },
});

const KEEPALIVE_MAX = 32;

export const keepalive = directive<{ readonly max: number; readonly local: boolean }>({
  name: 'keepalive',
  contexts: ['upstream'],
  inherit: 'none',
  arity: [1, 2],
  read(site) {
    const [count, option] = site.words;
    const max = parseWhole(count?.text ?? '');
    if (max === undefined)
      throw site.error(`invalid value "${count?.text ?? ''}" in "keepalive" directive`, count);
    if (option !== undefined && option.text !== 'local') {
      throw site.error(`invalid parameter "${option.text}"`, option, 'allowed: local');
    }
    return { max, local: option !== undefined };
  },
  doc: `Idle connections to the servers that each worker keeps for later requests, 0 for none; with \`local\` a connection is used again only by the location that opened it. Without the directive ${KEEPALIVE_MAX}, local.`,
  example: 'keepalive 16;',
  refuses: {
    'keepalive many;': 'invalid value "many" in "keepalive" directive',
    'keepalive 16 single;': 'invalid parameter "single"',
  },
});

export const keepaliveRequests = directive({
  name: 'keepalive_requests',
  contexts: ['upstream'],
  inherit: 'none',
  args: [integer()],
  default: '1000',
  doc: 'Requests after which a kept connection is closed.',
  example: 'keepalive_requests 10000;',
  refuses: { 'keepalive_requests many;': '"keepalive_requests" directive invalid number' },
});

export const keepaliveTime = directive({
  name: 'keepalive_time',
  contexts: ['upstream'],
  inherit: 'none',
  args: [time],
  default: '1h',
  doc: 'Age at which a kept connection is closed after its request.',
  example: 'keepalive_time 10m;',
  refuses: { 'keepalive_time long;': '"keepalive_time" directive invalid value' },
});

export const keepaliveTimeout = directive({
  name: 'keepalive_timeout',
  contexts: ['upstream'],
  inherit: 'none',
  args: [time],
  default: '60s',
  doc: 'How long a connection is kept idle.',
  example: 'keepalive_timeout 30s;',
  refuses: { 'keepalive_timeout long;': '"keepalive_timeout" directive invalid value' },
});

/** nginx's own: one server of default weight, no kept connections. */
function implicitSettings(): UpstreamSettings {
  return {
    method: { kind: 'round_robin' },
    hashKey: undefined,
    zone: -1,
    keepaliveMax: 0,
    keepaliveRequestsMax: 0,
    keepaliveTimeMs: 0,
    keepaliveTimeoutMs: 0,
    keepaliveLocal: true,
  };
}

function compile(
  scope: Scope,
  name: string,
): { readonly servers: readonly ServerSettings[]; readonly settings: UpstreamSettings } {
  const written = scope.all(server);
  if (written.length === 0) throw scope.error('no servers are inside upstream');
  const chosen = chooseMethod(scope);
  const servers = resolveServers(scope, written);
  if (servers.every(({ backup }) => backup)) throw scope.error(`no servers in upstream "${name}"`);
  if (chosen.method.kind === 'hash' && chosen.method.consistent) checkWeight(scope, servers);
  const kept = scope.get(keepalive);
  const settings: Writable<UpstreamSettings> = {
    ...chosen,
    zone: -1,
    keepaliveMax: kept?.max ?? KEEPALIVE_MAX,
    keepaliveRequestsMax: scope.get(keepaliveRequests),
    keepaliveTimeMs: scope.get(keepaliveTime),
    keepaliveTimeoutMs: scope.get(keepaliveTimeout),
    keepaliveLocal: kept?.local ?? true,
  };
  useZone(scope, settings);
  return { servers, settings };
}

type ChosenMethod = Pick<UpstreamSettings, 'method' | 'hashKey'>;

/** The last method written holds, with nginx's warning; a method without backup servers refuses those written after it. */
function chooseMethod(scope: Scope): ChosenMethod {
  let chosen: ChosenMethod | undefined;
  for (const { directive: each, value, statement } of scope.entries) {
    if (each === server) {
      const { backup } = value as WrittenServer;
      if (backup === undefined || chosen === undefined || chosen.method.kind === 'least_conn') continue;
      throw scope.error(`balancing method does not support parameter "${backup.text}"`, backup);
    }
    const method = methodOf(scope, each, value);
    if (method === undefined) continue;
    if (chosen !== undefined) scope.warn('load balancing method redefined', statement.name);
    chosen = method;
  }
  return chosen ?? { method: { kind: 'round_robin' }, hashKey: undefined };
}

function methodOf(scope: Scope, each: unknown, value: unknown): ChosenMethod | undefined {
  if (each === hash) {
    const { key, method } = value as { readonly key: Template; readonly method: Method };
    return { method, hashKey: scope.render(key) };
  }
  if (each !== ipHash && each !== leastConn && each !== random) return undefined;
  return { method: value as Method, hashKey: undefined };
}

/** Every name is asked for before one that is not found ends the work, so that a first pass learns them all. */
function resolveServers(scope: Scope, written: readonly WrittenServer[]): readonly ServerSettings[] {
  let missing: Word | undefined;
  const servers = written.map((each) => {
    const addresses = addressesOf(scope, each.address);
    if (addresses === undefined) missing ??= each.word;
    return {
      server: each.word.text,
      addresses: addresses ?? [],
      weight: each.weight,
      maxConns: each.maxConns,
      maxFails: each.maxFails,
      failTimeoutMs: each.failTimeoutMs,
      backup: each.backup !== undefined,
      down: each.down,
    };
  });
  if (missing !== undefined) throw scope.error(`host not found in upstream "${missing.text}"`, missing);
  return servers;
}

const PORT = 80;

/** The peers' addresses of one server; undefined where its name has none. */
export function addressesOf(
  scope: Scope,
  written: WrittenAddress,
  defaultPort = PORT,
): readonly PeerAddress[] | undefined {
  if (written.kind === 'unix') {
    return [{ address: { family: 'unix', path: written.path }, name: `unix:${written.path}` }];
  }
  const port = written.port === 0 ? defaultPort : written.port;
  const hosts = written.family === 'name' ? scope.resolve(written.host) : [written.host];
  return hosts?.map((host) => peerAddress(host, port));
}

export function peerAddress(host: string, port: number): PeerAddress {
  const six = host.includes(':');
  return {
    address: { family: six ? 6 : 4, host, port },
    name: six ? `[${host}]:${port}` : `${host}:${port}`,
  };
}

/** The circle has 160 points for each unit of weight: nginx asks for that memory and dies, or not; we say how much is too much. */
function checkWeight(scope: Scope, servers: readonly ServerSettings[]): void {
  const weight = servers.reduce(
    (sum, each) => sum + (each.backup ? 0 : each.weight * each.addresses.length),
    0,
  );
  if (weight <= CONSISTENT_WEIGHT_MAX) return;
  throw scope.error(
    `total weight ${weight} of the servers is too big for "hash … consistent"`,
    undefined,
    `at most ${CONSISTENT_WEIGHT_MAX}`,
  );
}

function useZone(scope: Scope, settings: Writable<UpstreamSettings>): void {
  for (const { name, bytes } of scope.all(zone)) {
    if (bytes > 0) settings.zone = scope.zone(name.text, bytes, 'upstream', name);
    else {
      const ref = scope.zoneRef(name.text, 'upstream', name);
      scope.whenComplete(() => {
        settings.zone = ref.number;
      });
    }
  }
}

export const httpUpstream = defineModule({
  name: 'http-upstream',
  directives: [
    server,
    ipHash,
    leastConn,
    hash,
    random,
    zone,
    keepalive,
    keepaliveRequests,
    keepaliveTime,
    keepaliveTimeout,
    ...['state', 'ntlm', 'queue'].map((name) => unsupported(name)),
  ],
  variables: upstreamVariables,
  upstreams: { compile, implicitSettings },
});
