// ngx_http_realip_module: takes the client's address from a header that a trusted proxy in front has set.
import { flag } from '../config/argument.ts';
import { directive, type Site, type Word } from '../config/directive.ts';
import { asciiLower } from '../config/units.ts';
import type { Scope } from '../plan/scope.ts';
import type { Exchange, Remote } from '../proxy/exchange.ts';
import { type Cidr, cidrOf, inCidr, ipText, parseIp, readCidr, unmapped } from './cidr.ts';
import { defineModule, type Module } from './module.ts';

const CONTEXTS = ['http', 'server', 'location'] as const;

/** A block, or a host whose addresses are asked for when the plan is compiled. */
type From = Cidr | { readonly host: string; readonly word: Word };

export const setRealIpFrom = directive({
  name: 'set_real_ip_from',
  contexts: CONTEXTS,
  repeat: true,
  args: [{ allowed: 'an address, a block such as 10.0.0.0/8, unix: or a host', read: readFrom }],
  doc: 'Proxies in front whose word about the client’s address is believed: an address, a block, unix: or a host.',
  example: 'set_real_ip_from 10.0.0.0/8;',
});

export const realIpHeader = directive({
  name: 'real_ip_header',
  contexts: CONTEXTS,
  args: [{ allowed: 'a header’s name, or proxy_protocol', read: ({ text }: Word) => text }],
  default: 'X-Real-IP',
  doc: 'The header that names the client: its value, or the last address in X-Forwarded-For; proxy_protocol takes it from the PROXY protocol.',
  example: 'real_ip_header X-Forwarded-For;',
});

export const realIpRecursive = directive({
  name: 'real_ip_recursive',
  contexts: CONTEXTS,
  args: [flag],
  default: 'off',
  doc: 'With on, the last address that is not itself one of the trusted proxies is taken.',
  example: 'real_ip_recursive on;',
  refuses: { 'real_ip_recursive yes;': 'it must be "on" or "off"' },
});

interface RealipSlice {
  readonly from: readonly Cidr[];
  /** As written. */
  readonly header: string;
  readonly recursive: boolean;
}

export const httpRealip: Module<RealipSlice> = defineModule<RealipSlice>({
  name: 'http-realip',
  directives: [setRealIpFrom, realIpHeader, realIpRecursive],
  variables: [
    { name: 'realip_remote_addr', evaluate: (x) => x.client.address },
    { name: 'realip_remote_port', evaluate: (x) => (x.client.port > 0 ? String(x.client.port) : '') },
  ],
  compile: (scope) => ({
    from: scope.all(setRealIpFrom).flatMap((from) => ('host' in from ? resolved(scope, from) : [from])),
    header: scope.get(realIpHeader),
    recursive: scope.get(realIpRecursive),
  }),
  // Before the server's rewrites, and in the location, whose settings may differ.
  phases: [
    { phase: 'post-read', applies: ({ from }) => from.length > 0, handler: takeAddress },
    { phase: 'preaccess', applies: ({ from }) => from.length > 0, handler: takeAddress },
  ],
});

function readFrom(word: Word, site: Site): From {
  return readCidr(word, site) ?? { host: word.text, word };
}

function resolved(scope: Scope, { host, word }: { readonly host: string; readonly word: Word }): Cidr[] {
  const addresses = scope.resolve(host);
  if (addresses === undefined || addresses.length === 0) {
    throw scope.error(`host not found in set_real_ip_from "${host}"`, word);
  }
  return addresses.flatMap((address) => {
    const ip = parseIp(address);
    return ip === undefined ? [] : [cidrOf(ip, 128)];
  });
}

/** As ngx_http_realip_handler(): once a request, redirects and subrequests included. */
function takeAddress(x: Exchange): 'next' {
  if (x.remote !== x.client) return 'next';
  const slice = httpRealip.slice(x);
  const values = valuesOf(x, slice.header);
  const found = forwarded(x.remote, values, slice);
  if (found !== undefined) x.remote = found;
  return 'next';
}

/** What the header says, the last word first. */
function valuesOf(x: Exchange, header: string): readonly string[] {
  if (header === 'X-Forwarded-For') return x.headers.getAll('x-forwarded-for').reverse();
  if (header === 'proxy_protocol') {
    const { proxyProtocol } = x.client;
    return proxyProtocol === undefined ? [] : [proxyProtocol];
  }
  const value = x.headers.get(asciiLower(header));
  return value === undefined ? [] : [value];
}

/**
 * As ngx_http_get_forwarded_addr(): while who speaks is trusted, the last address of what it says is believed, and under `recursive`
 * becomes who speaks. Undefined where nobody is to be believed.
 */
function forwarded(speaker: Remote, values: readonly string[], slice: RealipSlice): Remote | undefined {
  let found: Remote | undefined;
  for (const value of values) {
    let rest = value;
    let start: number;
    do {
      if (!isTrusted(slice.from, (found ?? speaker).address)) return found;
      rest = rest.replace(/[ ,]+$/, '');
      // A separator in the very first place is not looked at, and spoils the address behind it.
      const separator = Math.max(rest.lastIndexOf(' '), rest.lastIndexOf(','));
      start = separator > 0 ? separator + 1 : 0;
      const said = parseAddressPort(rest.slice(start));
      if (said === undefined) return found;
      found = said;
      rest = rest.slice(0, Math.max(0, start - 1));
    } while (slice.recursive && start > 0);
    if (!slice.recursive) break;
  }
  return found;
}

function isTrusted(from: readonly Cidr[], address: string): boolean {
  if (address.startsWith('unix:')) return from.some(({ family }) => family === 'unix');
  const ip = parseIp(address);
  if (ip === undefined) return false;
  const plain = unmapped(ip);
  return from.some((cidr) => inCidr(cidr, plain));
}

/** As ngx_parse_addr_port(). */
function parseAddressPort(text: string): Remote | undefined {
  const whole = parseIp(text);
  if (whole !== undefined) return { address: ipText(whole), port: 0 };
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(text);
  if (match === null) return undefined;
  const [, bracketed, bare, portText] = match;
  const port = portText === undefined ? 0 : Number(portText);
  if (portText === undefined ? bracketed === undefined : port < 1 || port > 65_535) return undefined;
  const ip = parseIp(bracketed ?? bare ?? '');
  return ip === undefined ? undefined : { address: ipText(ip), port };
}
