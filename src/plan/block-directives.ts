// The directives that shape the plan itself: http, events, server, listen, server_name, location, upstream. All others are modules'.
import { type AddressProblem, parseAddress, type WrittenAddress } from '../config/address.ts';
import { word as anyWord } from '../config/argument.ts';
import { directive, type Site, type Word } from '../config/directive.ts';
import { type Pattern, readPattern } from '../config/pcre.ts';
import { asciiLower, parseSeconds, parseSize, parseWhole } from '../config/units.ts';
import type { LocationKind } from './plan.ts';

export const http = directive({
  name: 'http',
  contexts: ['main'],
  opens: 'http',
  inherit: 'none',
  args: [],
  doc: 'The block of everything about HTTP.',
  example: 'http { }',
  refuses: { 'http;': 'directive "http" has no opening "{"' },
});

export const events = directive({
  name: 'events',
  contexts: ['main'],
  opens: 'events',
  inherit: 'none',
  args: [],
  doc: 'How connections are processed. Holdfast accepts a file without this block.',
  example: 'events { }',
  refuses: { 'events;': 'directive "events" has no opening "{"' },
});

export const server = directive({
  name: 'server',
  contexts: ['http'],
  opens: 'server',
  inherit: 'none',
  repeat: true,
  args: [],
  doc: 'One virtual server: the addresses it listens on, its names and its locations.',
  example: 'server { listen 127.0.0.1:8080; }',
  refuses: { 'server;': 'directive "server" has no opening "{"' },
});

export const upstream = directive({
  name: 'upstream',
  contexts: ['http'],
  opens: 'upstream',
  inherit: 'none',
  repeat: true,
  args: [anyWord],
  doc: 'A named group of servers that proxy_pass can pass requests to.',
  example: 'upstream nodes { server 127.0.0.1:8010; }',
  refuses: { 'upstream { server 127.0.0.1:8010; }': 'invalid number of arguments in "upstream" directive' },
});

/** `server_name`'s words. */
export type WrittenName =
  | { readonly kind: 'exact' | 'head' | 'tail'; readonly name: string; readonly written: string }
  | { readonly kind: 'both'; readonly name: string; readonly written: string }
  | { readonly kind: 'hostname'; readonly written: string }
  /** Refused where the name counts, which it does not for the only server of an address. */
  | { readonly kind: 'invalid'; readonly written: string; readonly word: Word }
  | { readonly kind: 'regex'; readonly pattern: Pattern; readonly written: string; readonly word: Word };

export const serverName = directive<readonly WrittenName[]>({
  name: 'server_name',
  contexts: ['server'],
  inherit: 'none',
  repeat: true,
  arity: [1, Number.POSITIVE_INFINITY],
  read: (site) => site.words.map((each) => readServerName(each, site)),
  doc: 'Names of the server: exact, `*.example.com`, `.example.com`, `www.example.*`, `~^regex$`, `""` for requests without a host, or `$hostname`.',
  example: 'server_name example.com *.example.com;',
  refuses: { 'server_name *b.com;': 'server name "*b.com" is invalid' },
});

function readServerName(written: Word, site: Site): WrittenName {
  const { text } = written;
  const star = text.startsWith('*');
  if ((star && (text.length < 3 || text[1] !== '.')) || text === '.')
    throw site.error(`server name "${text}" is invalid`, written, WILDCARDS);
  if (text.includes('/')) site.warn(`server name "${text}" has suspicious symbols`, written);
  if (text.startsWith('~')) {
    if (text.length === 1) throw site.error(`empty regex in server name "${text}"`, written);
    // Host names are compared in lower case, so a pattern with capitals is meant caseless, as in nginx.
    const caseless = /[A-Z]/.test(text);
    return {
      kind: 'regex',
      pattern: readPattern(written, site, { caseless, from: 1 }),
      written: text,
      word: written,
    };
  }
  if (asciiLower(text) === '$hostname') return { kind: 'hostname', written: text };
  const name = asciiLower(text);
  const stars = name.split('*').length - 1;
  const invalid = { kind: 'invalid', written: text, word: written } as const;
  if (name.includes('..') || stars > 1 || name.includes('\0')) return invalid;
  if (name.startsWith('.')) return { kind: 'both', name, written: text };
  if (star) return { kind: 'head', name: name.slice(1), written: text };
  if (name.endsWith('.*') && name.length > 2) return { kind: 'tail', name: name.slice(0, -1), written: text };
  return stars > 0 ? invalid : { kind: 'exact', name, written: text };
}

export const WILDCARDS =
  'an asterisk stands at the beginning or the end, beside a dot: "*.example.com", "www.example.*"';

export interface WrittenListen {
  readonly address: WrittenAddress;
  readonly word: Word;
  readonly defaultServer: boolean;
  /** One of the options that speak of the socket itself was written. */
  readonly bind: boolean;
  readonly backlog: number | undefined;
  readonly receiveBufferBytes: number | undefined;
  readonly sendBufferBytes: number | undefined;
  readonly reusePort: boolean;
  readonly deferred: boolean;
  readonly ipv6Only: boolean | undefined;
  readonly keepalive:
    | 'system'
    | 'on'
    | 'off'
    | { readonly idleSeconds: number; readonly intervalSeconds: number; readonly count: number };
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

export const listen = directive<WrittenListen>({
  name: 'listen',
  contexts: ['server'],
  inherit: 'none',
  repeat: true,
  arity: [1, Number.POSITIVE_INFINITY],
  read: readListen,
  doc: 'An address on which the server takes connections: `80`, `127.0.0.1:8080`, `[::1]:80`, `unix:/run/app.sock`; `8000-8010` is eleven ports.',
  example: 'listen 127.0.0.1:8080 default_server backlog=1024;',
  refuses: {
    'listen 0;': 'invalid port in "0" of the "listen" directive',
    'listen 127.0.0.1:99999;': 'invalid port in "127.0.0.1:99999" of the "listen" directive',
    'listen 127.0.0.1:8010-8000;': 'invalid port range in "127.0.0.1:8010-8000" of the "listen" directive',
    'listen 80 defaultserver;': 'invalid parameter "defaultserver"',
  },
});

function readListen(site: Site): WrittenListen {
  const [first] = site.words;
  if (first === undefined) throw site.error('invalid number of arguments in "listen" directive');
  const address: WrittenAddress | AddressProblem = parseAddress(first.text, {
    listen: true,
    anyPort: site.anyPort === true,
  });
  if ('problem' in address)
    throw site.error(`${address.problem} in "${first.text}" of the "listen" directive`, first);
  const options: Writable<WrittenListen> = {
    ...plainListen(address, first),
  };
  for (const option of site.words.slice(1)) readListenOption(option, options, site);
  return options;
}

/** A `listen` without options. */
export function plainListen(address: WrittenAddress, word: Word): WrittenListen {
  return {
    address,
    word,
    defaultServer: false,
    bind: false,
    backlog: undefined,
    receiveBufferBytes: undefined,
    sendBufferBytes: undefined,
    reusePort: false,
    deferred: false,
    ipv6Only: undefined,
    keepalive: 'system',
  };
}

const LATER: ReadonlySet<string> = new Set([
  'ssl',
  'http2',
  'quic',
  'proxy_protocol',
  'multipath',
  'fastopen=',
  'accept_filter=',
  'setfib=',
]);

function readListenOption(option: Word, options: Writable<WrittenListen>, site: Site): void {
  const { text } = option;
  const equals = text.indexOf('=');
  const [key, value] = equals === -1 ? [text, undefined] : [text.slice(0, equals), text.slice(equals + 1)];
  if (LATER.has(equals === -1 ? key : `${key}=`))
    throw site.error(`the "${key}" parameter of "listen" is not supported by Holdfast`, option);
  if (key === 'default_server' || key === 'default') {
    options.defaultServer = true;
    return;
  }
  if (!readSocketOption(key, value, option, options, site)) {
    throw site.error(
      `invalid parameter "${text}"`,
      option,
      'allowed: default_server, bind, backlog=, rcvbuf=, sndbuf=, deferred, reuseport, ipv6only=, so_keepalive=',
    );
  }
  options.bind = true;
}

/** False where nginx has no such option, or has it only with or without a value. */
function readSocketOption(
  key: string,
  value: string | undefined,
  option: Word,
  options: Writable<WrittenListen>,
  site: Site,
): boolean {
  if (value === undefined) return readSocketFlag(key, options);
  switch (key) {
    case 'backlog':
      options.backlog = parseWhole(value);
      if (!options.backlog) throw site.error(`invalid backlog "${option.text}"`, option);
      return true;
    case 'rcvbuf':
      options.receiveBufferBytes = bufferBytes(option, value, site);
      return true;
    case 'sndbuf':
      options.sendBufferBytes = bufferBytes(option, value, site);
      return true;
    case 'ipv6only':
      if (!value.startsWith('o')) return false;
      options.ipv6Only = value === 'on';
      if (value !== 'on' && value !== 'off') throw site.error(`invalid ipv6only flags "${value}"`, option);
      return true;
    case 'so_keepalive':
      options.keepalive = readKeepalive(value, option, site);
      return true;
    default:
      return false;
  }
}

function readSocketFlag(key: string, options: Writable<WrittenListen>): boolean {
  if (key === 'deferred') options.deferred = true;
  else if (key === 'reuseport') options.reusePort = true;
  else return key === 'bind';
  return true;
}

function bufferBytes(option: Word, value: string, site: Site): number {
  const bytes = parseSize(value);
  if (bytes !== undefined) return bytes;
  throw site.error(`invalid ${option.text.slice(0, 6)} "${option.text}"`, option, 'a size is 512, 8k or 1m');
}

/** `on`, `off` or `[keepidle]:[keepintvl]:[keepcnt]`. */
function readKeepalive(value: string, option: Word, site: Site): WrittenListen['keepalive'] {
  if (value === 'on' || value === 'off') return value;
  const [, idle = '', interval = '', count = ''] = /^([^:]*)(?::([^:]*)(?::(.*))?)?$/s.exec(value) ?? [];
  const idleSeconds = idle === '' ? 0 : parseSeconds(idle);
  const intervalSeconds = interval === '' ? 0 : parseSeconds(interval);
  const probes = count === '' ? 0 : parseWhole(count);
  if (
    idleSeconds === undefined ||
    intervalSeconds === undefined ||
    probes === undefined ||
    !(idleSeconds || intervalSeconds || probes)
  ) {
    throw site.error(
      `invalid so_keepalive value: "${value}"`,
      option,
      'on, off, or idle:interval:count as in 30m::10',
    );
  }
  return { idleSeconds, intervalSeconds, count: probes };
}

export interface WrittenLocation {
  readonly kind: Exclude<LocationKind, 'server' | 'unnamed'>;
  readonly name: string;
  readonly pattern: Pattern | undefined;
  readonly word: Word;
}

export const location = directive<WrittenLocation>({
  name: 'location',
  contexts: ['server', 'location'],
  opens: 'location',
  inherit: 'none',
  repeat: true,
  arity: [1, 2],
  read: readLocation,
  doc: 'Settings for requests by URI: a prefix, `=` exact, `^~` a prefix that regular expressions do not override, `~` and `~*` regular expressions, `@name`.',
  example: 'location /chat { }',
  refuses: { 'location ! /x { }': 'invalid location modifier "!"' },
});

function readLocation(site: Site): WrittenLocation {
  const [first, second] = site.words;
  if (first === undefined) throw site.error('invalid number of arguments in "location" directive');
  if (second !== undefined) {
    switch (first.text) {
      case '=':
        return { kind: 'exact', name: second.text, pattern: undefined, word: second };
      case '^~':
        return { kind: 'no-regex', name: second.text, pattern: undefined, word: second };
      case '~':
      case '~*':
        return regexLocation(second, 0, first.text === '~*', site);
      default:
        throw site.error(`invalid location modifier "${first.text}"`, first, 'allowed: =, ^~, ~, ~*');
    }
  }
  const { text } = first;
  if (text.startsWith('=')) return { kind: 'exact', name: text.slice(1), pattern: undefined, word: first };
  if (text.startsWith('^~'))
    return { kind: 'no-regex', name: text.slice(2), pattern: undefined, word: first };
  if (text.startsWith('~*')) return regexLocation(first, 2, true, site);
  if (text.startsWith('~')) return regexLocation(first, 1, false, site);
  return { kind: text.startsWith('@') ? 'named' : 'prefix', name: text, pattern: undefined, word: first };
}

function regexLocation(written: Word, from: number, caseless: boolean, site: Site): WrittenLocation {
  const pattern = readPattern(written, site, { caseless, from });
  return { kind: 'regex', name: pattern.source, pattern, word: written };
}

// biome-ignore lint/suspicious/noExplicitAny: directives of many value types
export const blockDirectives: readonly any[] = [http, events, server, upstream, serverName, listen, location];
