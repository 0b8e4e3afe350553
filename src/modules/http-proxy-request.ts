// The head of a request to a server: what proxy_set_header writes, what of the client's head is passed, how the body is framed.
// As ngx_http_proxy_create_request() and ngx_http_proxy_init_headers().
import { directive } from '../config/directive.ts';
import { parseTemplate, type Template } from '../config/template.ts';
import { safeHeaderValue } from '../http/header-list.ts';
import { isToken, lowerName } from '../http/header-name.ts';
import type { Render, Scope } from '../plan/scope.ts';
import type { Exchange } from '../proxy/exchange.ts';
import { LEVELS } from './http-proxy-directives.ts';

interface WrittenHeader {
  readonly name: string;
  readonly value: Template;
}

export const proxySetHeader = directive<WrittenHeader>({
  name: 'proxy_set_header',
  contexts: LEVELS,
  repeat: true,
  arity: [2, 2],
  read(site) {
    const [name, value] = site.words;
    if (name === undefined || value === undefined) {
      throw site.error('invalid number of arguments in "proxy_set_header" directive');
    }
    if (!isToken(name.text)) throw site.error(`invalid header name "${name.text}"`, name);
    return { name: name.text, value: parseTemplate(value.text, value, site) };
  },
  doc: "A header line of requests to servers, in place of the client's of that name; an empty value sends none. A block with any of these inherits none.",
  example: 'proxy_set_header Host $host;',
  refuses: { 'proxy_set_header "X Y" 1;': 'invalid header name "X Y"' },
});

/** What a location sends as header lines, compiled once for all that share it. */
export interface HeaderPlan {
  readonly host: Render | undefined;
  readonly lines: readonly { readonly start: string; readonly value: Render }[];
  /** Whether the lines of the body's framing are ours to write. */
  readonly length: boolean;
  readonly encoding: boolean;
  /** The client's lines of these names, in lower case, are not passed. */
  readonly dropped: ReadonlySet<string>;
}

/** These end at this hop, or are made anew. */
const OUR_OWN = [
  'host',
  'connection',
  'proxy-connection',
  'content-length',
  'transfer-encoding',
  'te',
  'keep-alive',
  'expect',
  'upgrade',
];

export function compileHeaders(scope: Scope): HeaderPlan {
  const written = scope.all(proxySetHeader);
  const names = new Set(written.map(({ name }) => lowerName(name)));
  const hosts = written.filter(({ name }) => lowerName(name) === 'host');
  const host = hosts.at(-1);
  const rest = written.filter((each) => !hosts.includes(each) && each.value.source !== '');
  return {
    host: host === undefined ? undefined : scope.render(host.value),
    lines: rest.map(({ name, value }) => ({ start: `${name}: `, value: scope.render(value) })),
    length: !names.has('content-length'),
    encoding: !names.has('transfer-encoding'),
    dropped: new Set([...names, ...OUR_OWN]),
  };
}

/** How the body of one request is announced. */
export interface BodyFacts {
  /** -1: none, or not known before its end. */
  readonly length: number;
  readonly chunked: boolean;
}

export interface RequestHeadFacts {
  readonly method: string;
  readonly target: string;
  readonly version: '1.0' | '1.1';
  /** `$proxy_host`, for where no Host is set. */
  readonly host: string;
  readonly headers: HeaderPlan;
  readonly passHeaders: boolean;
  readonly body: BodyFacts;
}

export function renderRequestHead(x: Exchange, facts: RequestHeadFacts): string {
  const { headers, body } = facts;
  let head = `${facts.method} ${facts.target} HTTP/${facts.version}\r\n`;
  const host = hostOf(x, facts);
  if (host !== '') head += `Host: ${host}\r\n`;
  for (const { start, value } of headers.lines) {
    const text = value(x);
    if (text !== '') head += `${start}${safeHeaderValue(text)}\r\n`;
  }
  if (headers.length && body.length >= 0) head += `Content-Length: ${body.length}\r\n`;
  if (headers.encoding && body.chunked) head += 'Transfer-Encoding: chunked\r\n';
  if (facts.passHeaders) {
    for (let i = 0; i < x.headers.length; i++) {
      if (headers.dropped.has(x.headers.lowerAt(i))) continue;
      head += `${x.headers.nameAt(i)}: ${x.headers.valueAt(i)}\r\n`;
    }
  }
  return `${head}\r\n`;
}

/** HTTP/1.1 must have a Host; HTTP/1.0 goes without where it is set to nothing. */
function hostOf(x: Exchange, { headers, host, version }: RequestHeadFacts): string {
  if (headers.host === undefined) return host;
  const text = safeHeaderValue(headers.host(x));
  return text === '' && version === '1.1' ? host : text;
}
