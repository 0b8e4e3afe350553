// Requests passed to servers: proxy_pass and what steers it. As ngx_http_proxy_module; the way through an upstream's servers and back
// is proxy/'s.
import { unsupported } from '../config/directive.ts';
import { isToken } from '../http/header-name.ts';
import type { Render, Scope } from '../plan/scope.ts';
import type { VariableDeclaration } from '../plan/variable.ts';
import type { Exchange } from '../proxy/exchange.ts';
import type { Pass, PassSettings, PassTarget } from '../proxy/pass.ts';
import * as directives from './http-proxy-directives.ts';
import {
  compilePass,
  type Destination,
  destinationOf,
  type PassPlan,
  proxyPass,
  requestTarget,
} from './http-proxy-pass.ts';
import {
  type BodyFacts,
  compileHeaders,
  type HeaderPlan,
  proxySetHeader,
  renderRequestHead,
} from './http-proxy-request.ts';
import * as rewriting from './http-proxy-rewrite.ts';
import { bufferedSettings, checkBuffers, compileSettings } from './http-proxy-settings.ts';
import { defineModule, type Verdict } from './module.ts';

interface ProxySlice {
  /** What the block's own proxy_pass says. */
  readonly pass: PassPlan | undefined;
  readonly settings: PassSettings;
  /** For requests in chunks where servers are spoken to in HTTP/1.0. */
  readonly settingsOfChunked: PassSettings;
  readonly headers: HeaderPlan;
  readonly version: '1.0' | '1.1';
  readonly method: Render | undefined;
  readonly body: Render | undefined;
  readonly passHeaders: boolean;
  readonly passBody: boolean;
  readonly forceRanges: boolean;
  readonly redirectOff: boolean;
  readonly rewrites: rewriting.Rewrites;
}

function compile(scope: Scope, outer: ProxySlice | undefined): ProxySlice {
  const written = scope.own(proxyPass);
  const pass = written === undefined ? undefined : compilePass(scope, written);
  if (scope.has(proxyPass)) scope.setContent(passOn);
  for (const unused of [
    ...scope.all(directives.proxyCacheBypass),
    ...scope.all(directives.proxyNoCache),
  ].flat())
    scope.render(unused); // its variables must be there
  const method = scope.get(directives.proxyMethod);
  const body = scope.get(directives.proxySetBody);
  const version = scope.get(directives.proxyHttpVersion);
  const passBody = scope.get(directives.proxyPassRequestBody);
  const settings = compileSettings(scope, passBody && body === undefined);
  return {
    pass,
    settings,
    settingsOfChunked: version === '1.0' ? bufferedSettings(settings) : settings,
    headers: outer !== undefined && !scope.has(proxySetHeader) ? outer.headers : compileHeaders(scope),
    version,
    method: method === undefined ? undefined : scope.render(method),
    body: body === undefined ? undefined : scope.render(body),
    passHeaders: scope.get(directives.proxyPassRequestHeaders),
    passBody,
    forceRanges: scope.get(directives.proxyForceRanges),
    ...compileRewrites(scope, outer, pass),
  };
}

/** As the end of ngx_http_proxy_merge_loc_conf(): a list of its own, else the outer one, else what the proxy_pass implies. */
function compileRewrites(
  scope: Scope,
  outer: ProxySlice | undefined,
  pass: PassPlan | undefined,
): Pick<ProxySlice, 'redirectOff' | 'rewrites'> {
  const { redirects, off } = rewriting.compileRedirects(scope, pass);
  const redirectOff = off ?? outer?.redirectOff ?? false;
  const implied = pass === undefined ? undefined : rewriting.defaultRedirect(scope, pass);
  const all = redirects ?? outer?.rewrites.redirects ?? (implied === undefined ? undefined : [implied]);
  return {
    redirectOff,
    rewrites: { redirects: redirectOff ? undefined : all, ...rewriting.compileCookies(scope) },
  };
}

/** What is known of a request that is passed on, for variables. */
interface ProxyContext extends Destination {
  body: BodyFacts;
}

const UNKNOWN_BODY: BodyFacts = { length: -1, chunked: false };

/** The content handler. As ngx_http_proxy_handler(). */
function passOn(x: Exchange): Verdict {
  const slice = httpProxy.slice(x);
  if (slice.pass === undefined) return 500;
  const destination = destinationOf(x, slice.pass);
  if (destination === undefined) return 500;
  const { target, host, port, whole } = destination;
  const context: ProxyContext = { target, host, port, uri: destination.uri, whole, body: UNKNOWN_BODY };
  x.setContext(httpProxy, context);
  const uri = requestTarget(x, slice.pass.location, destination);
  if (uri === '') {
    x.log('error', 'zero length URI to proxy');
    return 500;
  }
  const method = slice.method === undefined ? x.method : slice.method(x);
  if (slice.method !== undefined && !isToken(method)) {
    x.log('error', `invalid method "${method}" to proxy`);
    return 500;
  }
  x.passTo(new ProxyPass(x, slice, context, method, uri));
  return 'done';
}

/** One request on its way to a server. */
class ProxyPass implements Pass {
  readonly settings: PassSettings;
  readonly target: PassTarget;
  readonly uri: string;
  /** Made with the head: the client's body, which it may name, has been read by then. */
  body: string | undefined;
  private readonly slice: ProxySlice;
  private readonly context: ProxyContext;
  private readonly method: string;

  constructor(x: Exchange, slice: ProxySlice, context: ProxyContext, method: string, uri: string) {
    this.settings = x.head.chunked ? slice.settingsOfChunked : slice.settings;
    this.target = context.target;
    this.uri = uri;
    // A subrequest has its parent's body once that was read, and does not wait for it.
    const clients = slice.passBody && slice.body === undefined && (x.parent === undefined || x.body.whole);
    this.body = clients ? undefined : '';
    this.slice = slice;
    this.context = context;
    this.method = method;
  }

  renderHead(x: Exchange): string {
    const { slice, context } = this;
    const gone = x.parent === undefined && x.body.gone;
    if (slice.body !== undefined) this.body = slice.body(x);
    else if (gone) this.body = '';
    const own = slice.body !== undefined || gone ? this.body : undefined;
    context.body = bodyFacts(x, own, this.body === undefined);
    return renderRequestHead(x, {
      method: this.method,
      target: this.uri,
      version: slice.version,
      host: context.host,
      headers: slice.headers,
      passHeaders: slice.passHeaders,
      body: context.body,
    });
  }

  rewriteAnswer(x: Exchange): void {
    rewriting.rewriteHeaders(x, this.slice.rewrites);
    if (!this.slice.forceRanges) return;
    x.answer.allowRanges = true;
    x.answer.headers.delete('accept-ranges');
  }
}

/** nginx announces the client's length where it does not send the body (proxy_pass_request_body off); the server would wait for it. */
function bodyFacts(x: Exchange, own: string | undefined, clients: boolean): BodyFacts {
  if (own !== undefined) return { length: own.length, chunked: false };
  if (!clients) return UNKNOWN_BODY;
  if (x.passChunked) return { length: -1, chunked: true };
  return { length: x.head.chunked ? x.body.length : x.head.contentLength, chunked: false };
}

/** As ngx_http_proxy_vars. */
const variables: readonly VariableDeclaration[] = [
  { name: 'proxy_host', changeable: true, evaluate: (x) => contextOf(x)?.host },
  { name: 'proxy_port', changeable: true, evaluate: (x) => contextOf(x)?.port },
  {
    name: 'proxy_add_x_forwarded_for',
    evaluate(x) {
      const before = x.headers.joined('x-forwarded-for');
      return before === undefined ? x.remote.address : `${before}, ${x.remote.address}`;
    },
  },
  {
    name: 'proxy_internal_body_length',
    evaluate(x) {
      const { length } = contextOf(x)?.body ?? UNKNOWN_BODY;
      return length < 0 ? undefined : String(length);
    },
  },
  {
    name: 'proxy_internal_chunked',
    evaluate: (x) => (contextOf(x)?.body.chunked === true ? 'chunked' : undefined),
  },
];

function contextOf(x: Exchange): ProxyContext | undefined {
  return x.context<ProxyContext>(httpProxy);
}

const UNSUPPORTED = `
  proxy_store_access proxy_socket_rcvbuf proxy_socket_sndbuf proxy_limit_rate
  proxy_cache_key proxy_cache_path proxy_cache_valid
  proxy_cache_min_uses proxy_cache_max_range_offset proxy_cache_use_stale proxy_cache_methods proxy_cache_lock
  proxy_cache_lock_timeout proxy_cache_lock_age proxy_cache_revalidate proxy_cache_convert_head
  proxy_cache_background_update proxy_ssl_session_reuse proxy_ssl_protocols proxy_ssl_ciphers proxy_ssl_name
  proxy_ssl_server_name proxy_ssl_verify proxy_ssl_verify_depth proxy_ssl_trusted_certificate proxy_ssl_crl
  proxy_ssl_certificate proxy_ssl_certificate_key proxy_ssl_certificate_cache proxy_ssl_password_file
  proxy_ssl_conf_command`;

export const httpProxy = defineModule<ProxySlice>({
  name: 'http-proxy',
  directives: [
    proxyPass,
    proxySetHeader,
    rewriting.proxyRedirect,
    rewriting.proxyCookieDomain,
    rewriting.proxyCookiePath,
    rewriting.proxyCookieFlags,
    ...directives.plainDirectives,
    ...UNSUPPORTED.trim()
      .split(/\s+/)
      .map((name) => unsupported(name)),
  ],
  variables,
  compile,
  check: checkBuffers,
});
