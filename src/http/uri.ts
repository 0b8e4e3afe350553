// The target of a request made into what locations are chosen by: percent signs decoded, dots and double slashes resolved, arguments
// split off, exactly as nginx does it; and the escaping of what is put into a URI. Everything is byte strings; pure.

export interface NormalTarget {
  /** `$uri`: decoded, begins with a slash. */
  readonly uri: string;
  /** `$args`: as sent. */
  readonly args: string;
  /** Has the target a question mark? "/a?" has, with empty `args`. */
  readonly hasArgs: boolean;
  /** After the last dot of the last segment, "" without one: what `types` is asked for. */
  readonly ext: string;
  /** Something was percent-encoded: what is sent on from `uri` is escaped again. */
  readonly quoted: boolean;
  /** A plus sign stood in the path: captures of a rewrite are escaped. */
  readonly plus: boolean;
}

/** As ngx_http_process_request_uri(). Undefined: 400, "client sent invalid request". */
export function normalizeTarget(target: string, mergeSlashes = true): NormalTarget | undefined {
  const { length } = target;
  let end = 0;
  let before = 0;
  let slash = -1;
  let dot = -1;
  let plus = false;
  for (; end < length; end++) {
    const code = target.charCodeAt(end);
    if (code === QUESTION) break;
    if (code === PERCENT || code === HASH) return resolve(target, mergeSlashes);
    if (before === SLASH && (code === SLASH || code === DOT)) return resolve(target, mergeSlashes);
    if (code === SLASH) slash = end;
    else if (code === DOT) dot = end;
    else if (code === PLUS) plus = true;
    before = code;
  }
  if (end === 0 || (end < length && target.includes('#', end))) return resolve(target, mergeSlashes);
  const uri = end === length ? target : target.slice(0, end);
  return {
    uri,
    args: end === length ? '' : target.slice(end + 1),
    hasArgs: end < length,
    ext: dot > slash + 1 ? uri.slice(dot + 1) : '', // as extensionOf
    quoted: false,
    plus,
  };
}

/** As ngx_http_set_exten(): after the last dot of the last segment, "" without one. */
export function extensionOf(uri: string): string {
  const dot = uri.lastIndexOf('.');
  const slash = uri.lastIndexOf('/');
  // a segment that begins with a dot has no extension by it
  return dot > slash + 1 ? uri.slice(dot + 1) : '';
}

/** Sets of characters that are escaped, named as nginx's NGX_ESCAPE_*. */
export type Escape = 'uri' | 'args' | 'uri_component' | 'html' | 'refresh' | 'memcached';

/** As ngx_escape_uri(). */
export function escapeUri(text: string, kind: Escape): string {
  const set = ESCAPED[kind];
  set.lastIndex = 0;
  return set.test(text) ? text.replace(set, percent) : text;
}

/**
 * As ngx_unescape_uri(): what is no escape loses its percent sign. 'uri' and 'redirect' leave alone what follows the first question
 * mark, and 'redirect' decodes only what may stand in a Location.
 */
export function unescapeUri(text: string, kind: 'all' | 'uri' | 'redirect' = 'all'): string {
  if (!text.includes('%')) return text;
  let out = '';
  let i = 0;
  while (i < text.length) {
    const char = text[i++]!;
    if (char === '?' && kind !== 'all') return out + char + text.slice(i);
    if (char !== '%') {
      out += char;
      continue;
    }
    const high = hexValue(text.charCodeAt(i));
    if (high === -1) {
      if (i < text.length) out += text[i++];
      continue;
    }
    const low = hexValue(text.charCodeAt(i + 1));
    if (low !== -1) {
      const code = high * 16 + low;
      if (code === QUESTION && kind !== 'all') return `${out}?${text.slice(i + 2)}`;
      const plain = kind !== 'redirect' || (code > PERCENT && code < 0x7f);
      out += plain ? String.fromCharCode(code) : text.slice(i - 1, i + 2);
    }
    i += 2;
  }
  return out;
}

/**
 * A URI that a peer or a variable gave for an internal redirect, as ngx_http_parse_unsafe_uri(): decoded, its arguments split off.
 * Undefined where it is empty, leaves the root or holds a NUL.
 */
export function internalTarget(text: string): { readonly uri: string; readonly args: string } | undefined {
  if (text === '' || text[0] === '?') return undefined;
  const mark = text.indexOf('?');
  const path = mark === -1 ? text : text.slice(0, mark);
  const uri = unescapeUri(path);
  for (const each of [path, uri]) {
    if (each.includes('\0') || /(?:^|\/)\.\.(?:\/|$)/.test(each)) return undefined;
  }
  return { uri, args: mark === -1 ? '' : text.slice(mark + 1) };
}

/** The value of argument `name`, whatever its case, as ngx_http_arg(): `$arg_name`. */
export function argument(args: string, name: string): string | undefined {
  if (name === '') return undefined;
  const wanted = name.toLowerCase();
  for (const pair of args.split('&')) {
    if (pair.charCodeAt(name.length) === 61 && pair.slice(0, name.length).toLowerCase() === wanted) {
      return pair.slice(name.length + 1);
    }
  }
  return undefined;
}

const PERCENT = 0x25;
const QUESTION = 0x3f;
const HASH = 0x23;
const SLASH = 0x2f;
const DOT = 0x2e;
const PLUS = 0x2b;

const USUAL = 0;
const AFTER_SLASH = 1;
const AFTER_DOT = 2;
const AFTER_DOTS = 3;

/** As ngx_http_parse_complex_uri(), with an empty path read as "/". */
function resolve(target: string, mergeSlashes: boolean): NormalTarget | undefined {
  const out: number[] = target.charCodeAt(0) === SLASH ? [] : [SLASH];
  let state = USUAL;
  let extAt = -1;
  let quoted = false;
  let plus = false;
  let at = 0;
  let argsAt = -1;
  while (at < target.length) {
    let code = target.charCodeAt(at++);
    if (code === PERCENT) {
      const high = hexValue(target.charCodeAt(at));
      const low = hexValue(target.charCodeAt(at + 1));
      if (high === -1 || low === -1) return undefined;
      code = high * 16 + low;
      at += 2;
      quoted = true;
      if (code === 0) return undefined;
      if (code === PERCENT || code === HASH || code === QUESTION) {
        out.push(code);
        state = USUAL;
        continue;
      }
    } else if (code === QUESTION || code === HASH) {
      if (code === QUESTION) argsAt = at;
      break;
    }
    if (code === PLUS) plus = true;
    if (code === SLASH) {
      if (state === AFTER_DOT) out.pop();
      else if (state === AFTER_DOTS) {
        if (!climb(out)) return undefined;
      } else if (state === USUAL) {
        extAt = -1;
        out.push(code);
      } else if (!mergeSlashes) out.push(code);
      state = AFTER_SLASH;
      continue;
    }
    if (code !== DOT) state = USUAL;
    else if (state === USUAL) extAt = out.length + 1;
    else state = state === AFTER_SLASH ? AFTER_DOT : state === AFTER_DOT ? AFTER_DOTS : USUAL;
    out.push(code);
  }
  if (state === AFTER_DOT) out.pop();
  else if (state === AFTER_DOTS && !climb(out)) return undefined;
  const uri = textOf(out);
  return {
    uri,
    args: argsAt === -1 ? '' : /^[^#]*/.exec(target.slice(argsAt))![0],
    hasArgs: argsAt !== -1,
    ext: extAt === -1 ? '' : uri.slice(extAt),
    quoted,
    plus,
  };
}

/** Takes `segment/..` off the end, the slash before them stays; false at the root. */
function climb(out: number[]): boolean {
  const slash = out.length < 4 ? -1 : out.lastIndexOf(SLASH, out.length - 4);
  if (slash === -1) return false;
  out.length = slash + 1;
  return true;
}

function textOf(codes: number[]): string {
  let text = '';
  for (let i = 0; i < codes.length; i += 4096) text += String.fromCharCode(...codes.slice(i, i + 4096));
  return text;
}

const ESCAPED: Readonly<Record<Escape, RegExp>> = {
  uri: /[\x00-\x20"#%<>?\\^`{|}\x7f-\xff]/g,
  args: /[\x00-\x20"#%&+;<>?\\^`{|}\x7f-\xff]/g,
  uri_component: /[^A-Za-z0-9\-._~]/g,
  html: /[\x00-\x20"#%'<>\\^`{|}\x7f-\xff]/g,
  refresh: /[\x00-\x20"'<>\\^`{|~\x7f-\xff]/g,
  memcached: /[\x00-\x20%]/g,
};

function percent(char: string): string {
  const hex = char.charCodeAt(0).toString(16).toUpperCase();
  return hex.length === 1 ? `%0${hex}` : `%${hex}`;
}

function hexValue(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
