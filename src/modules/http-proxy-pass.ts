// proxy_pass: where a request is passed to, and with which URI. As ngx_http_proxy_pass(), ngx_http_proxy_eval() and the URI's part of
// ngx_http_proxy_create_request().
import { type AddressProblem, parseAddress, type WrittenAddress } from '../config/address.ts';
import { directive, type Site, type Word } from '../config/directive.ts';
import { constantText, parseTemplate, type Template } from '../config/template.ts';
import { asciiLower } from '../config/units.ts';
import { safeHeaderValue } from '../http/header-list.ts';
import { escapeUri } from '../http/uri.ts';
import type { Plan, UpstreamPlan } from '../plan/plan.ts';
import type { Render, Scope } from '../plan/scope.ts';
import type { Exchange } from '../proxy/exchange.ts';
import type { PassTarget } from '../proxy/pass.ts';
import { peerAddress } from './http-upstream.ts';

/** A URL without variables, taken apart. */
export interface PassUrl {
  readonly text: string;
  readonly address: WrittenAddress;
  /** `$proxy_host`: as written, without port 80; "localhost" for a Unix socket. */
  readonly host: string;
  /** `$proxy_port`, "" for a Unix socket. */
  readonly port: string;
  /** What follows the address; it begins with a slash or a question mark. '' for none. */
  readonly uri: string;
}

export type WrittenPass = { readonly word: Word } & (
  | { readonly url: PassUrl }
  | { readonly template: Template }
);

export const proxyPass = directive<WrittenPass>({
  name: 'proxy_pass',
  contexts: ['location', 'if in location', 'limit_except'],
  inherit: 'none',
  arity: [1, 1],
  read: readPass,
  doc: "Passes requests to a server or an upstream: `http://`, then a name, an address or `unix:path:`. With a URI the location's part of the request's URI is replaced by it, without one the URI is passed as the client sent it. With variables it is the whole URL.",
  example: 'proxy_pass http://127.0.0.1:8010;',
  refuses: {
    'proxy_pass ftp://127.0.0.1;': 'invalid URL prefix',
    'proxy_pass http://127.0.0.1:0/;': 'invalid port in upstream "127.0.0.1:0/"',
    'proxy_pass http://;': 'no host in upstream ""',
    'proxy_pass https://127.0.0.1;': 'https:// in "proxy_pass" is not supported by Holdfast',
  },
});

const PREFIX = 'http://';

function readPass(site: Site): WrittenPass {
  const [word] = site.words;
  if (word === undefined) throw site.error('invalid number of arguments in "proxy_pass" directive');
  const template = parseTemplate(word.text, word, site);
  if (constantText(template) === undefined) return { word, template };
  if (/^https:\/\//i.test(word.text))
    throw site.error('https:// in "proxy_pass" is not supported by Holdfast', word);
  if (!isHttp(word.text)) throw site.error('invalid URL prefix', word, 'a URL begins with http://');
  const url = readUrl(word.text);
  if ('problem' in url)
    throw site.error(`${url.problem} in upstream "${word.text.slice(PREFIX.length)}"`, word);
  return { word, url };
}

function isHttp(text: string): boolean {
  return asciiLower(text.slice(0, PREFIX.length)) === PREFIX;
}

const DEFAULT_PORT = 80;

/** As ngx_parse_url() and ngx_http_proxy_set_vars(). */
function readUrl(text: string): PassUrl | AddressProblem {
  const rest = text.slice(PREFIX.length);
  const address = parseAddress(rest, { withUri: true });
  if ('problem' in address) return address;
  const uri = address.rest;
  if (address.kind === 'unix') return { text, address, host: 'localhost', port: '', uri };
  const written = rest.slice(0, rest.length - address.rest.length);
  const hasPort = address.port !== 0;
  const bare = hasPort ? written.slice(0, written.lastIndexOf(':')) : written;
  const usual = !hasPort || address.port === DEFAULT_PORT;
  return {
    text,
    address,
    host: usual ? bare : written,
    port: usual ? String(DEFAULT_PORT) : written.slice(bare.length + 1),
    uri,
  };
}

/** Where one request goes. */
export interface Destination {
  readonly target: PassTarget;
  readonly host: string;
  readonly port: string;
  /** Of the URL; the location's part of the request's URI gives way to it. */
  readonly uri: string;
  /** `uri` is the whole target: the URL had variables in it. */
  readonly whole: boolean;
}

/** A location's proxy_pass compiled: the destination, or how one is found for each request. */
export type PassPlan = { readonly location: string; readonly word: Word } & (
  | { readonly destination: Destination; readonly url: PassUrl }
  | { readonly render: Render }
);

export function compilePass(scope: Scope, written: WrittenPass): PassPlan {
  if ('template' in written)
    return { location: '', word: written.word, render: scope.render(written.template) };
  const { url, word } = written;
  const { address } = url;
  const name = locationName(scope);
  if (name === undefined && url.uri !== '') {
    throw scope.error(
      '"proxy_pass" cannot have URI part in location given by regular expression, or inside named location, or inside "if" statement, or inside "limit_except" block',
      word,
    );
  }
  const upstream =
    address.kind === 'unix'
      ? scope.upstream(`unix:${address.path}`, 0, 0, word)
      : scope.upstream(address.host, address.port, DEFAULT_PORT, word);
  const { host, port, uri } = url;
  return {
    location: name ?? '',
    word,
    url,
    destination: { target: { upstream }, host, port, uri, whole: false },
  };
}

/** The prefix that a URI replaces; undefined where there is none to replace. */
function locationName(scope: Scope): string | undefined {
  if (scope.context !== 'location') return undefined;
  const [first, second] = scope.statement?.words ?? [];
  const modifier = second === undefined ? /^(?:=|\^~|~\*?)?/.exec(first?.text ?? '')?.[0] : first?.text;
  const name = second === undefined ? (first?.text ?? '').slice(modifier?.length ?? 0) : second.text;
  if (modifier === '~' || modifier === '~*') return undefined;
  return modifier === '' && name.startsWith('@') ? undefined : name;
}

/** The destination of one request; undefined where the URL is no URL (500, logged). */
export function destinationOf(x: Exchange, pass: PassPlan): Destination | undefined {
  if ('destination' in pass) return pass.destination;
  const text = pass.render(x);
  if (text.length <= PREFIX.length || !isHttp(text)) {
    x.log('error', `invalid URL prefix in "${text}"`);
    return undefined;
  }
  const url = readUrl(text);
  if ('problem' in url) {
    x.log('error', `${url.problem} in upstream "${text.slice(PREFIX.length)}"`);
    return undefined;
  }
  return {
    target: targetOf(x, url),
    host: safeHeaderValue(url.host),
    port: url.port,
    // ngx_http_proxy_eval() alone mends it; a URL without variables is sent as it is written
    uri: url.uri.startsWith('?') ? `/${url.uri}` : url.uri,
    whole: true,
  };
}

/** As ngx_http_upstream_init_request() with `u->resolved`: an upstream of the plan first, then an address, then a name to resolve. */
function targetOf(x: Exchange, { address }: PassUrl): PassTarget {
  if (address.kind === 'unix') {
    const name = `unix:${address.path}`;
    return { name, addresses: [{ address: { family: 'unix', path: address.path }, name }] };
  }
  const upstream = upstreamsOf(x.generation.plan).get(keyOf(address.host, address.port));
  const implicit = upstreamsOf(x.generation.plan).get(keyOf(address.host, address.port || DEFAULT_PORT));
  const known = upstream ?? implicit;
  if (known !== undefined) return { upstream: known };
  const port = address.port || DEFAULT_PORT;
  if (address.family !== 'name') return { name: address.host, addresses: [peerAddress(address.host, port)] };
  return { host: address.host, port, resolver: x.location.core.resolver };
}

const upstreams = new WeakMap<Plan, ReadonlyMap<string, UpstreamPlan>>();

/** Blocks by their name alone, hosts that a proxy_pass names by name and port. */
function upstreamsOf(plan: Plan): ReadonlyMap<string, UpstreamPlan> {
  let known = upstreams.get(plan);
  if (known === undefined) {
    known = new Map(plan.upstreams.map((each) => [keyOf(each.name, each.explicit ? 0 : portOf(each)), each]));
    upstreams.set(plan, known);
  }
  return known;
}

function keyOf(host: string, port: number): string {
  return `${asciiLower(host)}:${port}`;
}

function portOf(upstream: UpstreamPlan): number {
  const address = upstream.servers[0]?.addresses[0]?.address;
  return address === undefined || address.family === 'unix' ? 0 : address.port;
}

/** The target of the request's first line. */
export function requestTarget(x: Exchange, location: string, { uri, whole }: Destination): string {
  if (whole && uri !== '') return safeTarget(uri);
  if (uri === '' && x.unparsedUriValid) return x.unparsedUri;
  const replaced = x.locationValid && uri !== '' ? Math.min(location.length, x.uri.length) : 0;
  const rest = x.uri.slice(replaced);
  const quoted = x.internal || x.target?.quoted === true;
  const path = (x.locationValid ? uri : '') + (quoted ? escapeUri(rest, 'uri') : rest);
  if (path === '') return '';
  return safeTarget(x.args === '' ? path : `${path}?${x.args}`);
}

/** What a variable has brought in can neither end the request line nor begin another: such bytes are percent-encoded. */
function safeTarget(target: string): string {
  if (!/[\x00-\x20\x7f]/.test(target)) return target;
  return target.replace(
    /[\x00-\x20\x7f]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}
