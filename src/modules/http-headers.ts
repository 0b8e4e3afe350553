// ngx_http_headers_module: adds headers and trailers to answers, and says how long they may be kept.
import { oneOf } from '../config/argument.ts';
import { type Directive, directive, type Site } from '../config/directive.ts';
import { parseTemplate, type Template } from '../config/template.ts';
import { asciiLower } from '../config/units.ts';
import { parseHttpDate } from '../http/date.ts';
import { HeaderList, safeHeaderValue } from '../http/header-list.ts';
import type { Render, Scope } from '../plan/scope.ts';
import type { Answer } from '../proxy/answer.ts';
import type { Exchange } from '../proxy/exchange.ts';
import type { BodyFilter, BodySink } from '../proxy/filters.ts';
import { type CompiledExpires, compileExpires, readExpires, setExpires } from './http-headers-expires.ts';
import { defineModule, type Module } from './module.ts';

const CONTEXTS = ['http', 'server', 'location', 'if in location'] as const;

export const expires = directive({
  name: 'expires',
  contexts: CONTEXTS,
  arity: [1, 2],
  read: readExpires,
  default: 'off',
  doc: 'Sets Expires and Cache-Control: a time from the request on, with modified from the file’s own time, @ at a time of the day; epoch, max or off. Variables may hold any of these.',
  example: 'expires modified +24h;',
  refuses: {
    'expires soon;': '"expires" directive invalid value',
    'expires later 1h;': '"expires" directive invalid value',
    'expires @25h;': '"expires" directive daily time value must be less than 24 hours',
    'expires modified @1h;': '"expires" directive daily time cannot be used with "modified" parameter',
  },
});

interface WrittenHeader {
  readonly name: string;
  readonly value: Template;
  readonly always: boolean;
}

export const addHeader = directive({
  name: 'add_header',
  contexts: CONTEXTS,
  inherit: 'none',
  repeat: true,
  arity: [2, 3],
  read: readHeader,
  doc: 'Adds a header to answers with 200, 201, 204, 206, 301, 302, 303, 304, 307 and 308, with always to all. A block with one of its own takes none from the block around it, unless add_header_inherit says so.',
  example: 'add_header X-Frame-Options DENY always;',
  refuses: { 'add_header X-A b never;': 'invalid parameter "never"' },
});

export const addTrailer = directive({
  name: 'add_trailer',
  contexts: CONTEXTS,
  inherit: 'none',
  repeat: true,
  arity: [2, 3],
  read: readHeader,
  doc: 'Adds a field to the end of answers that are sent in chunks, for the statuses that add_header names.',
  example: 'add_trailer X-Checksum $upstream_trailer_x_checksum;',
  refuses: { 'add_trailer X-A b never;': 'invalid parameter "never"' },
});

const inherit = oneOf('off', 'on', 'merge');

export const addHeaderInherit = directive({
  name: 'add_header_inherit',
  contexts: CONTEXTS,
  args: [inherit],
  default: 'on',
  doc: 'Whether a block takes the add_header of the block around it: on where it has none of its own, merge in addition to them, off never.',
  example: 'add_header_inherit merge;',
  refuses: { 'add_header_inherit yes;': 'invalid value "yes"' },
});

export const addTrailerInherit = directive({
  name: 'add_trailer_inherit',
  contexts: CONTEXTS,
  args: [inherit],
  default: 'on',
  doc: 'Whether a block takes the add_trailer of the block around it: on where it has none of its own, merge in addition to them, off never.',
  example: 'add_trailer_inherit off;',
  refuses: { 'add_trailer_inherit yes;': 'invalid value "yes"' },
});

type SetHeader = (answer: Answer, name: string, value: string) => void;

interface AddedHeader {
  readonly name: string;
  readonly value: Render;
  readonly always: boolean;
  readonly set: SetHeader;
}

interface HeadersSlice {
  readonly expires: CompiledExpires;
  readonly headers: readonly AddedHeader[];
  readonly trailers: readonly AddedHeader[];
}

export const httpHeaders: Module<HeadersSlice> = defineModule<HeadersSlice>({
  name: 'http-headers',
  directives: [expires, addHeader, addTrailer, addHeaderInherit, addTrailerInherit],
  compile: (scope, outer) => ({
    expires: compileExpires(scope, scope.get(expires)),
    headers: merged(ownOf(scope, addHeader), outer?.headers, scope.get(addHeaderInherit)),
    trailers: merged(ownOf(scope, addTrailer), outer?.trailers, scope.get(addTrailerInherit)),
  }),
  filter: {
    applies: (slice) =>
      slice.headers.length + slice.trailers.length > 0 ||
      'render' in slice.expires ||
      slice.expires.kind !== 'off',
    head: addHeaders,
  },
});

function readHeader(site: Site): WrittenHeader {
  const [name, value, always] = site.words;
  if (name === undefined || value === undefined) throw site.error('invalid number of arguments');
  if (always !== undefined && always.text !== 'always') {
    throw site.error(`invalid parameter "${always.text}"`, always, 'a third word can only be "always"');
  }
  return { name: name.text, value: parseTemplate(value.text, value, site), always: always !== undefined };
}

function ownOf(scope: Scope, from: Directive<WrittenHeader | undefined>): readonly AddedHeader[] {
  const own: AddedHeader[] = [];
  for (const entry of scope.entries) {
    if (entry.directive !== from) continue;
    const { name, value, always } = entry.value as WrittenHeader;
    own.push({ name, value: scope.render(value), always, set: SETTERS.get(asciiLower(name)) ?? addLine });
  }
  return own;
}

/** As ngx_http_headers_merge_conf(). */
function merged(
  own: readonly AddedHeader[],
  outer: readonly AddedHeader[] | undefined,
  how: 'off' | 'on' | 'merge',
): readonly AddedHeader[] {
  if (how === 'off' || outer === undefined || outer.length === 0) return own;
  if (own.length === 0) return outer;
  return how === 'merge' ? [...own, ...outer] : own;
}

const SAFE: ReadonlySet<number> = new Set([200, 201, 204, 206, 301, 302, 303, 304, 307, 308]);

/** As ngx_http_headers_filter(). */
function addHeaders(x: Exchange): BodyFilter | undefined {
  if (x.parent !== undefined) return undefined;
  const slice = httpHeaders.slice(x);
  const { answer } = x;
  const safe = SAFE.has(answer.status);
  if (safe) setExpires(x, slice.expires);
  for (const { name, value, always, set } of slice.headers) {
    if (safe || always) set(answer, name, safeHeaderValue(value(x)));
  }
  const trailers = slice.trailers.filter(({ always }) => safe || always);
  if (trailers.length === 0) return undefined;
  answer.trailers ??= new HeaderList();
  return new TrailerFilter(x, trailers);
}

function addLine({ headers }: Answer, name: string, value: string): void {
  if (value !== '') headers.add(name, value);
}

/** Headers that there can be but one of; an empty value takes it away. */
const SETTERS: ReadonlyMap<string, SetHeader> = new Map([
  ['etag', setETag],
  ['last-modified', setLastModified],
]);

function setETag({ headers }: Answer, name: string, value: string): void {
  if (value === '') headers.delete('etag');
  else headers.set(name, value);
}

function setLastModified(answer: Answer, name: string, value: string): void {
  answer.lastModifiedSeconds = parseHttpDate(value) ?? -1;
  if (value === '') answer.headers.delete('last-modified');
  else answer.headers.set(name, value);
}

/** Fills in the trailers when the body has ended, since their variables may be known only then. */
class TrailerFilter implements BodyFilter {
  next!: BodySink;
  private readonly x: Exchange;
  private readonly trailers: readonly AddedHeader[];

  constructor(x: Exchange, trailers: readonly AddedHeader[]) {
    this.x = x;
    this.trailers = trailers;
  }

  push(bytes: Uint8Array, start: number, end: number, last: boolean): void {
    const list = this.x.answer.trailers;
    if (last && list !== undefined) {
      for (const { name, value } of this.trailers) {
        const text = safeHeaderValue(value(this.x));
        if (text !== '') list.add(name, text);
      }
    }
    this.next.push(bytes, start, end, last);
  }
}
