// ngx_http_limit_req_module: so many requests a second for each value of a key, counted for all workers together. What comes faster
// waits or is refused. Rates and excesses are in thousandths of a request, as in nginx.
import type { Level } from '../base/failures.ts';
import { flag, integer, oneOf } from '../config/argument.ts';
import { directive, type Site, type Word } from '../config/directive.ts';
import { parseTemplate, type Template } from '../config/template.ts';
import { parseSize, parseWhole } from '../config/units.ts';
import type { Render, Scope } from '../plan/scope.ts';
import type { Exchange } from '../proxy/exchange.ts';
import { RequestTable } from './http-limit-req-table.ts';
import { defineModule, type Module, type Verdict } from './module.ts';

const CONTEXTS = ['http', 'server', 'location'] as const;
const ZONE_BYTES_MIN = 32_768;
const KEY_BYTES_MAX = 65_535;

interface WrittenZone {
  readonly key: Template;
  readonly name: string;
  readonly word: Word;
  readonly bytes: number;
  readonly rate: number;
}

export const limitReqZone = directive({
  name: 'limit_req_zone',
  contexts: ['http'],
  inherit: 'none',
  repeat: true,
  arity: [3, 3],
  read: readZone,
  doc: 'Memory for the counters of one limit: the key to count by, zone= its name and size, rate= in requests a second (r/s) or a minute (r/m). A megabyte holds about 16,000 addresses.',
  example: 'limit_req_zone $binary_remote_addr zone=one:10m rate=5r/s;',
  refuses: {
    'limit_req_zone $host zone=one rate=1r/s;': 'invalid zone size "zone=one"',
    'limit_req_zone $host zone=one:big rate=1r/s;': 'invalid zone size "zone=one:big"',
    'limit_req_zone $host zone=one:1k rate=1r/s;': 'zone "zone=one:1k" is too small',
    'limit_req_zone $host zone=one:1m rate=0r/s;': 'invalid rate "rate=0r/s"',
    'limit_req_zone $host zone=one:1m burst=1;': 'invalid parameter "burst=1"',
    'limit_req_zone $host rate=1r/s rate=2r/s;': '"limit_req_zone" must have "zone" parameter',
  },
});

interface WrittenLimit {
  readonly zone: string;
  readonly word: Word;
  readonly burst: number;
  readonly delay: number;
}

export const limitReq = directive({
  name: 'limit_req',
  contexts: CONTEXTS,
  repeat: true,
  arity: [1, 3],
  read: readLimit,
  doc: 'Limits requests by the zone of that name. Up to burst= requests over the rate wait their turn, with delay= only those beyond that many, with nodelay none; what exceeds burst is refused.',
  example: 'limit_req zone=one burst=5 delay=3;',
  refuses: {
    'limit_req burst=5;': '"limit_req" must have "zone" parameter',
    'limit_req zone=one burst=0;': 'invalid burst value "burst=0"',
    'limit_req zone=one delay=0;': 'invalid delay value "delay=0"',
    'limit_req zone=one slow;': 'invalid parameter "slow"',
  },
});

export const limitReqLogLevel = directive({
  name: 'limit_req_log_level',
  contexts: CONTEXTS,
  args: [oneOf('info', 'notice', 'warn', 'error')],
  default: 'error',
  doc: 'The level at which a refused request is logged; one that waits is logged one level lower.',
  example: 'limit_req_log_level notice;',
  refuses: { 'limit_req_log_level crit;': 'invalid value "crit"' },
});

export const limitReqStatus = directive({
  name: 'limit_req_status',
  contexts: CONTEXTS,
  args: [integer(400, 599)],
  default: '503',
  doc: 'The status of a refused request.',
  example: 'limit_req_status 429;',
  refuses: { 'limit_req_status 200;': 'value must be between 400 and 599' },
});

export const limitReqDryRun = directive({
  name: 'limit_req_dry_run',
  contexts: CONTEXTS,
  args: [flag],
  default: 'off',
  doc: 'With on, requests are counted and logged, and none is refused or made to wait.',
  example: 'limit_req_dry_run on;',
  refuses: { 'limit_req_dry_run yes;': 'it must be "on" or "off"' },
});

interface Zone {
  readonly number: number;
  readonly name: string;
  readonly key: Render;
  readonly keySource: string;
  readonly rate: number;
}

interface Limit {
  readonly zone: Zone;
  readonly burst: number;
  readonly delay: number;
}

interface LimitReqSlice {
  readonly limits: readonly Limit[];
  readonly level: Level;
  readonly delayLevel: Level;
  readonly status: number;
  readonly dryRun: boolean;
}

export const httpLimitReq: Module<LimitReqSlice> = defineModule<LimitReqSlice>({
  name: 'http-limit-req',
  directives: [limitReqZone, limitReq, limitReqLogLevel, limitReqStatus, limitReqDryRun],
  variables: [{ name: 'limit_req_status', evaluate: (x) => x.lasting<string>(httpLimitReq) }],
  declare: declareZones,
  compile(scope, outer) {
    const level = scope.get(limitReqLogLevel);
    return {
      limits: outer !== undefined && !scope.has(limitReq) ? outer.limits : limitsOf(scope),
      level,
      delayLevel: LOWER[level],
      status: scope.get(limitReqStatus),
      dryRun: scope.get(limitReqDryRun),
    };
  },
  phases: [{ phase: 'preaccess', applies: ({ limits }) => limits.length > 0, handler: limitRequest }],
});

const LOWER = { error: 'warn', warn: 'notice', notice: 'info', info: 'info' } as const;

function readZone(site: Site): WrittenZone {
  const [keyWord, ...parameters] = site.words;
  if (keyWord === undefined) throw site.error('invalid number of arguments');
  const key = parseTemplate(keyWord.text, keyWord, site);
  let name = '';
  let bytes = 0;
  let rate = 1000;
  for (const word of parameters) {
    const { text } = word;
    if (text.startsWith('zone=')) {
      const colon = text.indexOf(':');
      const parsed = colon === -1 ? undefined : parseSize(text.slice(colon + 1));
      if (parsed === undefined) throw site.error(`invalid zone size "${text}"`, word, 'as in zone=name:1m');
      if (parsed < ZONE_BYTES_MIN) throw site.error(`zone "${text}" is too small`, word, 'the least is 32k');
      name = text.slice('zone='.length, colon);
      bytes = parsed;
    } else if (text.startsWith('rate=')) {
      rate = readRate(text, word, site);
    } else {
      throw site.error(`invalid parameter "${text}"`, word, 'allowed: zone=, rate=');
    }
  }
  if (name === '') throw site.error('"limit_req_zone" must have "zone" parameter');
  return { key, name, word: keyWord, bytes, rate };
}

function readRate(text: string, word: Word, site: Site): number {
  const match = /^rate=(.*?)(r\/s|r\/m)?$/s.exec(text);
  const rate = parseWhole(match?.[1] ?? '');
  if (rate === undefined || rate === 0)
    throw site.error(`invalid rate "${text}"`, word, 'as in rate=10r/s or rate=30r/m');
  return Math.floor((rate * 1000) / (match?.[2] === 'r/m' ? 60 : 1));
}

function readLimit(site: Site): WrittenLimit {
  let zone: Word | undefined;
  let burst = 0;
  let delay = 0;
  for (const word of site.words) {
    const { text } = word;
    const value = parseWhole(text.slice(text.indexOf('=') + 1)) ?? 0;
    if (text.startsWith('zone=')) zone = word;
    else if (text.startsWith('burst=')) {
      if (value === 0)
        throw site.error(`invalid burst value "${text}"`, word, 'a number of requests, from 1');
      burst = value * 1000;
    } else if (text.startsWith('delay=')) {
      if (value === 0)
        throw site.error(`invalid delay value "${text}"`, word, 'a number of requests, from 1');
      delay = value * 1000;
    } else if (text === 'nodelay') delay = Number.POSITIVE_INFINITY;
    else throw site.error(`invalid parameter "${text}"`, word, 'allowed: zone=, burst=, delay=, nodelay');
  }
  const name = zone?.text.slice('zone='.length) ?? '';
  if (zone === undefined) throw site.error('"limit_req" must have "zone" parameter');
  return { zone: name, word: zone, burst, delay };
}

/** The zones of an http block. */
const declared = new WeakMap<Scope, Map<string, Zone>>();

function declareZones(scope: Scope): void {
  const zones = new Map<string, Zone>();
  declared.set(scope, zones);
  for (const { directive: kind, value } of scope.entries) {
    if (kind !== limitReqZone) continue;
    const { key, name, word, bytes, rate } = value as WrittenZone;
    const known = zones.get(name);
    if (known !== undefined) {
      throw scope.error(`limit_req_zone "${name}" is already bound to key "${known.keySource}"`, word);
    }
    // Another key makes other counters: a reload that changes it begins with empty ones.
    const number = scope.zone(name, bytes, `${KIND} ${key.source}`, word);
    zones.set(name, { number, name, key: scope.render(key), keySource: key.source, rate });
  }
}

const KIND = 'limit_req';

function limitsOf(scope: Scope): readonly Limit[] {
  const limits: Limit[] = [];
  for (const { zone: name, word, burst, delay } of scope.all(limitReq)) {
    const zone = zoneOf(scope, name);
    if (zone === undefined) {
      scope.zoneRef(name, KIND, word); // its error, once all zones are known
      continue;
    }
    if (limits.some((limit) => limit.zone === zone))
      throw scope.error('"limit_req" directive is duplicate', word);
    limits.push({ zone, burst, delay });
  }
  return limits;
}

function zoneOf(scope: Scope, name: string): Zone | undefined {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
    const zones = declared.get(at);
    if (zones !== undefined) return zones.get(name);
  }
  return undefined;
}

/** One for the memory of each zone, in each process. */
const tables = new WeakMap<ArrayBuffer, RequestTable>();

function tableOf(x: Exchange, zone: Zone): RequestTable | undefined {
  const memory = x.generation.zones[zone.number];
  if (memory === undefined) return undefined;
  let table = tables.get(memory);
  if (table === undefined) {
    table = new RequestTable(memory, x.program.facts.pid);
    tables.set(memory, table);
  }
  return table;
}

/** A request whose entry is looked up, and not yet accounted for. */
interface Pinned {
  readonly limit: Limit;
  readonly table: RequestTable;
  readonly entry: number;
}

/** As ngx_http_limit_req_handler(). */
function limitRequest(x: Exchange): Verdict {
  if (x.lasting(httpLimitReq) !== undefined) return 'next';
  const slice = httpLimitReq.slice(x);
  const pinned: Pinned[] = [];
  let counted: { readonly limit: Limit; readonly excess: number } | undefined;
  for (const [i, limit] of slice.limits.entries()) {
    const table = tableOf(x, limit.zone);
    const key = keyOf(x, limit.zone);
    if (key === '' || table === undefined) continue;
    const last = i === slice.limits.length - 1;
    const { verdict, excess, entry } = table.look(key, limit.zone.rate, limit.burst, x.wall, last);
    if (verdict !== 'pass') {
      if (verdict === 'full')
        x.log('alert', `could not allocate node in limit_req zone "${limit.zone.name}"`);
      for (const each of pinned) each.table.unpin(each.entry);
      return refuse(x, slice, verdict === 'over' ? { limit, excess } : undefined);
    }
    if (entry !== 0) pinned.push({ limit, table, entry });
    counted = { limit, excess: last ? excess : 0 };
  }
  if (counted === undefined) return 'next';
  return delay(x, slice, counted, pinned);
}

/** '' where the limit does not hold for the request. */
function keyOf(x: Exchange, { key, keySource }: Zone): string {
  const value = key(x);
  if (value.length <= KEY_BYTES_MAX) return value;
  x.log('error', `the value of the "${keySource}" key is more than ${KEY_BYTES_MAX} bytes: "${value}"`);
  return '';
}

function refuse(
  x: Exchange,
  { dryRun, level, status }: LimitReqSlice,
  over: { readonly limit: Limit; readonly excess: number } | undefined,
): Verdict {
  if (over !== undefined) {
    const how = dryRun ? ', dry run' : '';
    const { name } = over.limit.zone;
    x.log(level, `limiting requests${how}, excess: ${thousandths(over.excess)} by zone "${name}"`);
  }
  x.setLasting(httpLimitReq, dryRun ? 'REJECTED_DRY_RUN' : 'REJECTED');
  return dryRun ? 'next' : status;
}

/** Accounts for the request in all zones; it waits as long as the slowest of them wants. As ngx_http_limit_req_account(). */
function delay(
  x: Exchange,
  { dryRun, delayLevel }: LimitReqSlice,
  counted: { readonly limit: Limit; readonly excess: number },
  pinned: readonly Pinned[],
): Verdict {
  let slowest = counted;
  let delayMs = delayOf(counted.limit, counted.excess);
  for (const { limit, table, entry } of pinned.toReversed()) {
    const excess = table.account(entry, limit.zone.rate, x.wall);
    const ms = delayOf(limit, excess);
    if (ms <= delayMs) continue;
    delayMs = ms;
    slowest = { limit, excess };
  }
  if (delayMs === 0) {
    x.setLasting(httpLimitReq, 'PASSED');
    return 'next';
  }
  const how = dryRun ? ', dry run' : '';
  const { name } = slowest.limit.zone;
  x.log(delayLevel, `delaying request${how}, excess: ${thousandths(slowest.excess)}, by zone "${name}"`);
  x.setLasting(httpLimitReq, dryRun ? 'DELAYED_DRY_RUN' : 'DELAYED');
  if (dryRun) return 'next';
  x.sleepUntil(x.now + delayMs);
  return 'wait';
}

function delayOf({ zone, delay: free }: Limit, excess: number): number {
  return excess <= free ? 0 : Math.floor(((excess - free) * 1000) / zone.rate);
}

function thousandths(excess: number): string {
  return `${Math.floor(excess / 1000)}.${String(excess % 1000).padStart(3, '0')}`;
}
