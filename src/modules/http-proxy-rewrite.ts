// What of an answer names the server, or cookies that are its own, made the client's: proxy_redirect, proxy_cookie_domain,
// proxy_cookie_path, proxy_cookie_flags. As ngx_http_proxy_rewrite_redirect(), ngx_http_proxy_rewrite_cookie() and what they use.
import { type Directive, directive, type Site, type Word } from '../config/directive.ts';
import { type Pattern, readPattern } from '../config/pcre.ts';
import { parseTemplate, type Template } from '../config/template.ts';
import { asciiLower } from '../config/units.ts';
import { safeHeaderValue } from '../http/header-list.ts';
import type { Render, Scope } from '../plan/scope.ts';
import type { Exchange } from '../proxy/exchange.ts';
import { LEVELS } from './http-proxy-directives.ts';
import { type PassPlan, proxyPass } from './http-proxy-pass.ts';
import { type PatternTest, patternTest } from './pattern-use.ts';

/** What is looked for, as the file has it. */
type WrittenPattern = { readonly regex: Pattern } | { readonly text: Template };

interface Replacement {
  readonly pattern: WrittenPattern;
  readonly replacement: Template;
}

type WrittenRewrite = 'off' | 'default' | Replacement;

export const proxyRedirect = directive<WrittenRewrite>({
  name: 'proxy_redirect',
  contexts: LEVELS,
  repeat: true,
  arity: [1, 2],
  read(site) {
    const [first] = site.words;
    return site.words.length === 1 && first?.text === 'default'
      ? 'default'
      : readRewrite(site, { caseless: false });
  },
  doc: "Changes what Location and Refresh of an answer begin with, or what of them a regular expression (`~`, `~*`) matches. default: what proxy_pass names becomes the location's prefix. off: nothing is changed.",
  example: 'proxy_redirect http://localhost:8000/ /one/;',
  refuses: { 'proxy_redirect some;': 'invalid parameter "some"' },
});

export const proxyCookieDomain = directive<'off' | Replacement>({
  name: 'proxy_cookie_domain',
  contexts: LEVELS,
  repeat: true,
  arity: [1, 2],
  read: (site) => readRewrite(site, { caseless: true, dots: true }),
  doc: 'Changes the domain of cookies in answers, where it is the one written or a regular expression (`~`) matches it.',
  example: 'proxy_cookie_domain localhost example.org;',
  refuses: { 'proxy_cookie_domain some;': 'invalid parameter "some"' },
});

export const proxyCookiePath = directive<'off' | Replacement>({
  name: 'proxy_cookie_path',
  contexts: LEVELS,
  repeat: true,
  arity: [1, 2],
  read: (site) => readRewrite(site, { caseless: false }),
  doc: 'Changes what the path of cookies in answers begins with, or what of it a regular expression (`~`, `~*`) matches.',
  example: 'proxy_cookie_path /two/ /;',
  refuses: { 'proxy_cookie_path some;': 'invalid parameter "some"' },
});

interface RewriteForm {
  /** `~` alone means caseless: there is no `~*`. */
  readonly caseless: boolean;
  /** A dot in front does not count. */
  readonly dots?: boolean;
}

function readRewrite(site: Site, form: RewriteForm): 'off' | Replacement {
  const [first, second] = site.words;
  if (first === undefined)
    throw site.error(`invalid number of arguments in "${site.statement.name.text}" directive`);
  if (second === undefined) {
    if (first.text === 'off') return 'off';
    throw site.error(`invalid parameter "${first.text}"`, first);
  }
  const regex = regexOf(first, site, form.caseless);
  if (regex !== undefined)
    return { pattern: { regex }, replacement: parseTemplate(second.text, second, site) };
  const cut = (text: string): string => (form.dots && text.startsWith('.') ? text.slice(1) : text);
  return {
    pattern: { text: parseTemplate(cut(first.text), first, site) },
    replacement: parseTemplate(cut(second.text), second, site),
  };
}

function regexOf(word: Word, site: Site, caseless: boolean): Pattern | undefined {
  if (!word.text.startsWith('~')) return undefined;
  if (!caseless && word.text.startsWith('~*')) return readPattern(word, site, { caseless: true, from: 2 });
  return readPattern(word, site, { caseless, from: 1 });
}

interface WrittenFlags {
  readonly pattern: WrittenPattern;
  readonly flags: readonly Template[];
}

export const proxyCookieFlags = directive<'off' | WrittenFlags>({
  name: 'proxy_cookie_flags',
  contexts: LEVELS,
  repeat: true,
  arity: [1, 4],
  read(site) {
    const [first, ...rest] = site.words;
    if (first === undefined)
      throw site.error('invalid number of arguments in "proxy_cookie_flags" directive');
    if (rest.length === 0) {
      if (first.text === 'off') return 'off';
      throw site.error(`invalid parameter "${first.text}"`, first);
    }
    const regex = regexOf(first, site, true);
    return {
      pattern: regex !== undefined ? { regex } : { text: parseTemplate(first.text, first, site) },
      flags: rest.map((word) => parseTemplate(word.text, word, site)),
    };
  },
  doc: 'Flags of cookies in answers, by name or regular expression (`~`): secure, httponly, samesite=strict|lax|none are set, nosecure, nohttponly, nosamesite removed.',
  example: 'proxy_cookie_flags one httponly samesite=lax;',
  refuses: { 'proxy_cookie_flags some;': 'invalid parameter "some"' },
});

type Matcher = { readonly regex: PatternTest } | { readonly text: Render };

export interface Rewrite {
  readonly matcher: Matcher;
  readonly replacement: Render;
}

export interface CookieFlags {
  readonly matcher: Matcher;
  readonly flags: readonly Render[];
}

/** What a location rewrites; undefined where it rewrites nothing. */
export interface Rewrites {
  readonly redirects: readonly Rewrite[] | undefined;
  readonly domains: readonly Rewrite[] | undefined;
  readonly paths: readonly Rewrite[] | undefined;
  readonly flags: readonly CookieFlags[] | undefined;
}

function matcherOf(scope: Scope, pattern: WrittenPattern): Matcher {
  if ('text' in pattern) return { text: scope.render(pattern.text) };
  return { regex: patternTest(scope, pattern.regex) };
}

function rewriteOf(scope: Scope, { pattern, replacement }: Replacement): Rewrite {
  return { matcher: matcherOf(scope, pattern), replacement: scope.render(replacement) };
}

/**
 * What the block's own proxy_redirect lines say: undefined where there is none. `default` stands for the proxy_pass before it.
 * As ngx_http_proxy_redirect().
 */
export function compileRedirects(
  scope: Scope,
  pass: PassPlan | undefined,
): { readonly redirects: readonly Rewrite[] | undefined; readonly off: boolean | undefined } {
  const redirects: Rewrite[] = [];
  let off: boolean | undefined;
  let passed = false;
  for (const { directive: each, value, statement } of scope.entries) {
    if (each === (proxyPass as unknown)) passed = true;
    if (each !== (proxyRedirect as unknown)) continue;
    const written = value as WrittenRewrite;
    if (off === true || (written === 'off' && redirects.length > 0)) {
      throw scope.error('"proxy_redirect" directive is duplicate', statement.name);
    }
    off = written === 'off';
    if (written === 'default')
      redirects.push(usualRedirect(scope, passed ? pass : undefined, statement.name));
    else if (written !== 'off') redirects.push(rewriteOf(scope, written));
  }
  return { redirects: redirects.length === 0 ? undefined : redirects, off };
}

function usualRedirect(scope: Scope, pass: PassPlan | undefined, word: Word): Rewrite {
  if (pass === undefined) {
    throw scope.error('"proxy_redirect default" should be placed after the "proxy_pass" directive', word);
  }
  const redirect = defaultRedirect(scope, pass);
  if (redirect !== undefined) return redirect;
  throw scope.error(
    '"proxy_redirect default" cannot be used with "proxy_pass" directive with variables',
    word,
  );
}

/** The URL of the proxy_pass becomes the location's name; undefined where the URL has variables. */
export function defaultRedirect(scope: Scope, pass: PassPlan): Rewrite | undefined {
  if (!('url' in pass)) return undefined;
  const { text, uri } = pass.url;
  const fixed = (constant: string): Render =>
    scope.render({ source: constant, word: pass.word, parts: [constant] });
  const whole = uri !== '';
  return {
    matcher: { text: fixed(whole ? text : `${text}/`) },
    replacement: fixed(whole ? pass.location : '/'),
  };
}

/** The lists of the three directives for cookies; undefined for `off` and for none. */
export function compileCookies(scope: Scope): Omit<Rewrites, 'redirects'> {
  const domains = checkedOff(scope, proxyCookieDomain).map((each) => rewriteOf(scope, each));
  const paths = checkedOff(scope, proxyCookiePath).map((each) => rewriteOf(scope, each));
  const flags = checkedOff(scope, proxyCookieFlags).map((each) => ({
    matcher: matcherOf(scope, each.pattern),
    flags: each.flags.map((flag) => scope.render(flag)),
  }));
  const some = <T>(list: readonly T[]): readonly T[] | undefined => (list.length === 0 ? undefined : list);
  return { domains: some(domains), paths: some(paths), flags: some(flags) };
}

/** What is written but `off`, which must stand alone. */
function checkedOff<T extends object>(scope: Scope, each: Directive<T | 'off' | undefined>): readonly T[] {
  const written = scope.all(each) as readonly (T | 'off')[];
  if (written.length > 1 && written.includes('off')) {
    throw scope.error(`"${each.name}" directive is duplicate`, scope.placeOf(each));
  }
  return written.filter((one): one is T => one !== 'off');
}

/** The answer's headers, already taken over, with what names the server rewritten. */
export function rewriteHeaders(x: Exchange, rewrites: Rewrites): void {
  const { redirects, domains, paths, flags } = rewrites;
  if (redirects !== undefined) rewriteRedirects(x, redirects);
  if (domains === undefined && paths === undefined && flags === undefined) return;
  const { headers } = x.answer;
  for (let i = headers.indexOf('set-cookie'); i !== -1; i = headers.indexOf('set-cookie', i + 1)) {
    const cookie = rewriteCookie(x, headers.valueAt(i), rewrites);
    if (cookie !== undefined) headers.setAt(i, safeHeaderValue(cookie));
  }
}

/** A rewritten Location is one of our own: a path in it is made absolute. As ngx_http_upstream_rewrite_location(). */
function rewriteRedirects(x: Exchange, redirects: readonly Rewrite[]): void {
  const { headers } = x.answer;
  const location = headers.get('location');
  const moved = location === undefined ? undefined : firstOf(x, redirects, location, 0);
  if (moved !== undefined) {
    headers.delete('location');
    x.answer.location = safeHeaderValue(moved);
  }
  const at = headers.indexOf('refresh');
  if (at === -1) return;
  const refresh = headers.valueAt(at);
  const url = asciiLower(refresh).indexOf('url=');
  const turned = url === -1 ? undefined : firstOf(x, redirects, refresh, url + 4);
  if (turned !== undefined) headers.setAt(at, safeHeaderValue(turned));
}

/** What the first rewrite that applies makes of `value` from `prefix` on. */
function firstOf(
  x: Exchange,
  rewrites: readonly Rewrite[],
  value: string,
  prefix: number,
): string | undefined {
  for (const { matcher, replacement } of rewrites) {
    const rest = value.slice(prefix);
    if ('regex' in matcher) {
      if (matcher.regex(x, rest)) return value.slice(0, prefix) + replacement(x);
      continue;
    }
    const text = matcher.text(x);
    if (rest.startsWith(text)) return value.slice(0, prefix) + replacement(x) + rest.slice(text.length);
  }
  return undefined;
}

interface Attribute {
  key: string;
  /** Undefined without an equals sign. */
  value: string | undefined;
}

/** The cookie rewritten, or undefined where nothing applies. */
function rewriteCookie(x: Exchange, line: string, rewrites: Rewrites): string | undefined {
  const attributes = parseCookie(line);
  const [cookie, ...rest] = attributes;
  if (cookie === undefined || cookie.value === undefined) return undefined;
  let changed = false;
  for (const attribute of rest) {
    const key = asciiLower(attribute.key);
    if (attribute.value === undefined || (key !== 'domain' && key !== 'path')) continue;
    const value =
      key === 'domain'
        ? rewriteDomain(x, rewrites.domains ?? [], attribute.value)
        : firstOf(x, rewrites.paths ?? [], attribute.value, 0);
    if (value === undefined) continue;
    attribute.value = value;
    changed = true;
  }
  const wanted = flagsFor(x, cookie.key, rewrites.flags ?? []);
  if (wanted.size > 0) {
    changed = true;
    return printCookie(editFlags(attributes, wanted));
  }
  return changed ? printCookie(attributes) : undefined;
}

function parseCookie(line: string): Attribute[] {
  return line.split(';').map((part) => {
    const equals = part.indexOf('=');
    if (equals === -1) return { key: trim(part), value: undefined };
    return { key: trim(part.slice(0, equals)), value: trim(part.slice(equals + 1)) };
  });
}

function printCookie(attributes: readonly Attribute[]): string {
  return attributes.map(({ key, value }) => (value === undefined ? key : `${key}=${value}`)).join('; ');
}

function trim(text: string): string {
  return text.replace(/^ +| +$/g, '');
}

/** As ngx_http_proxy_rewrite_domain_handler(): the whole domain, whatever its case, a dot in front aside. */
function rewriteDomain(x: Exchange, rewrites: readonly Rewrite[], value: string): string | undefined {
  for (const { matcher, replacement } of rewrites) {
    if ('regex' in matcher) {
      if (matcher.regex(x, value)) return replacement(x);
      continue;
    }
    const dot = value.startsWith('.') ? 1 : 0;
    if (asciiLower(value.slice(dot)) === asciiLower(matcher.text(x)))
      return value.slice(0, dot) + replacement(x);
  }
  return undefined;
}

const FLAGS: ReadonlySet<string> = new Set([
  'secure',
  'nosecure',
  'httponly',
  'nohttponly',
  'samesite=strict',
  'samesite=lax',
  'samesite=none',
  'nosamesite',
]);

/** The flags of the first rule for the cookie's name. */
function flagsFor(x: Exchange, name: string, rules: readonly CookieFlags[]): Set<string> {
  const wanted = new Set<string>();
  const rule = rules.find(({ matcher }) =>
    'regex' in matcher ? matcher.regex(x, name) : asciiLower(matcher.text(x)) === asciiLower(name),
  );
  for (const flag of rule?.flags ?? []) {
    const text = asciiLower(flag(x));
    if (FLAGS.has(text)) wanted.add(text);
  }
  return wanted;
}

/** As ngx_http_proxy_edit_cookie_flags(). */
function editFlags(attributes: readonly Attribute[], wanted: Set<string>): Attribute[] {
  const sites = ['strict', 'lax', 'none'].filter((value) => wanted.has(`samesite=${value}`));
  const [site] = sites;
  const kept: Attribute[] = [];
  let sited = false;
  for (const [i, attribute] of attributes.entries()) {
    const key = asciiLower(attribute.key);
    if (i === 0 || (key !== 'secure' && key !== 'httponly' && key !== 'samesite')) {
      kept.push(attribute);
    } else if (key === 'samesite' && site !== undefined) {
      sited = true;
      const same = asciiLower(attribute.value ?? '') === site;
      kept.push(same ? attribute : { key: 'SameSite', value: capital(site) });
    } else if (wanted.delete(key) || !wanted.has(`no${key}`)) {
      kept.push(attribute);
    }
  }
  if (wanted.has('secure')) kept.push({ key: 'Secure', value: undefined });
  if (wanted.has('httponly')) kept.push({ key: 'HttpOnly', value: undefined });
  if (site !== undefined && !sited) kept.push({ key: 'SameSite', value: capital(site) });
  return kept;
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
