// ngx_http_gzip_module: packs answers for clients that take them so. The packing itself is a port (`x.program.codecs`).
import { concatBytes, NO_BYTES } from '../base/bytes.ts';
import { flag, integer, oneOf, size } from '../config/argument.ts';
import type { Context, Site } from '../config/directive.ts';
import { directive } from '../config/directive.ts';
import { type Pattern, readPattern } from '../config/pcre.ts';
import { asciiLower } from '../config/units.ts';
import type { Scope } from '../plan/scope.ts';
import type { Exchange } from '../proxy/exchange.ts';
import type { BodyFilter, BodySink } from '../proxy/filters.ts';
import type { Deflater } from '../proxy/ports.ts';
import { bufferCount, setOf } from './http-core-values.ts';
import { type GzipAudience, mayGzip } from './http-gzip-accept.ts';
import { defineModule } from './module.ts';

const ALL: readonly Context[] = ['http', 'server', 'location'];

export const gzip = directive({
  name: 'gzip',
  contexts: ['http', 'server', 'location', 'if in location'],
  args: [flag],
  default: 'off',
  doc: 'Answers are packed for clients that accept it.',
  example: 'gzip on;',
  refuses: { 'gzip yes;': 'it must be "on" or "off"' },
});

export const gzipCompLevel = directive({
  name: 'gzip_comp_level',
  contexts: ALL,
  args: [integer(1, 9)],
  default: '1',
  doc: 'How hard to pack: 1 is fast, 9 is small.',
  example: 'gzip_comp_level 5;',
  refuses: { 'gzip_comp_level 10;': 'value must be between 1 and 9' },
});

export const gzipMinLength = directive({
  name: 'gzip_min_length',
  contexts: ALL,
  args: [size],
  default: '20',
  doc: 'Shorter answers are sent as they are; the length is that of Content-Length.',
  example: 'gzip_min_length 1k;',
  refuses: { 'gzip_min_length short;': '"gzip_min_length" directive invalid value' },
});

export const gzipHttpVersion = directive({
  name: 'gzip_http_version',
  contexts: ALL,
  args: [oneOf('1.0', '1.1')],
  default: '1.1',
  doc: 'Least HTTP version of a request whose answer is packed.',
  example: 'gzip_http_version 1.0;',
  refuses: { 'gzip_http_version 2.0;': 'invalid value "2.0"' },
});

export const gzipProxied = directive({
  name: 'gzip_proxied',
  contexts: ALL,
  ...setOf('off', 'expired', 'no-cache', 'no-store', 'private', 'no_last_modified', 'no_etag', 'auth', 'any'),
  repeat: true,
  default: 'off',
  doc: 'Which answers to requests with a Via header are packed: none, all, or those that a cache will not keep.',
  example: 'gzip_proxied no-cache no-store private expired auth;',
  refuses: { 'gzip_proxied some;': 'invalid value "some"' },
});

export const gzipVary = directive({
  name: 'gzip_vary',
  contexts: ALL,
  args: [flag],
  default: 'off',
  doc: 'Answers that may be packed carry "Vary: Accept-Encoding".',
  example: 'gzip_vary on;',
  refuses: { 'gzip_vary yes;': 'it must be "on" or "off"' },
});

export const gzipTypes = directive({
  name: 'gzip_types',
  contexts: ALL,
  arity: [1, Number.POSITIVE_INFINITY],
  repeat: true,
  read: readTypeNames,
  default: 'text/html',
  doc: 'Media types of answers that are packed, text/html always; * is every type.',
  example: 'gzip_types text/plain application/json;',
  refuses: { 'gzip_types;': 'invalid number of arguments in "gzip_types" directive' },
});

/** As ngx_http_types_slot(). */
function readTypeNames(site: Site): ReadonlySet<string> {
  const names = new Set<string>(['text/html']);
  for (const each of site.words) {
    const name = asciiLower(each.text);
    if (names.has(name)) site.warn(`duplicate MIME type "${name}"`, each);
    names.add(name);
  }
  return names;
}

interface WrittenDisable {
  readonly patterns: readonly Pattern[];
  readonly msie6: boolean;
}

export const gzipDisable = directive<WrittenDisable | undefined>({
  name: 'gzip_disable',
  contexts: ALL,
  arity: [1, Number.POSITIVE_INFINITY],
  repeat: true,
  read(site) {
    const others = site.words.filter(({ text }) => text !== 'msie6');
    const patterns = others.map((each) => readPattern(each, site, { caseless: true }));
    return { patterns, msie6: others.length < site.words.length };
  },
  doc: 'Browsers that get no packed answers: regular expressions over User-Agent, or msie6.',
  example: 'gzip_disable "msie6" "Mozilla/4";',
  refuses: { 'gzip_disable "[";': 'pcre2_compile() failed' },
});

const WINDOW_BITS_MAX = 15;
const MEMORY_LEVEL_MAX = 9;

/** Sizes are powers of two, kept as what zlib calls them. */
function powerOfTwo(
  largest: number,
  most: number,
  allowed: string,
): { readonly arity: readonly [1, 1]; read(site: Site): number } {
  return {
    arity: [1, 1],
    read(site) {
      const [written] = site.words;
      const bytes = written === undefined ? 0 : size.read(written, site);
      for (let step = 0; largest >> step > 256; step++) if (largest >> step === bytes) return most - step;
      throw site.error(`"${site.statement.name.text}" directive must be ${allowed}`, written);
    },
  };
}

export const gzipWindow = directive({
  name: 'gzip_window',
  contexts: ALL,
  ...powerOfTwo(32_768, WINDOW_BITS_MAX, '512, 1k, 2k, 4k, 8k, 16k, or 32k'),
  default: '32k',
  doc: "zlib's window.",
  example: 'gzip_window 16k;',
  refuses: { 'gzip_window 3k;': 'must be 512, 1k, 2k, 4k, 8k, 16k, or 32k' },
});

export const gzipHash = directive({
  name: 'gzip_hash',
  contexts: ALL,
  ...powerOfTwo(131_072, MEMORY_LEVEL_MAX, '512, 1k, 2k, 4k, 8k, 16k, 32k, 64k, or 128k'),
  default: '64k',
  doc: "zlib's hash.",
  example: 'gzip_hash 32k;',
  refuses: { 'gzip_hash 3k;': 'must be 512, 1k, 2k, 4k, 8k, 16k, 32k, 64k, or 128k' },
});

export const gzipBuffers = directive({
  name: 'gzip_buffers',
  contexts: ALL,
  ...bufferCount(),
  default: '32 4k',
  doc: 'Packed bytes are gathered up to the size of one buffer before they are sent; their number does not matter.',
  example: 'gzip_buffers 16 8k;',
  refuses: { 'gzip_buffers 0 8k;': '"gzip_buffers" directive invalid value' },
});

export const gzipNoBuffer = directive({
  name: 'gzip_no_buffer',
  contexts: ALL,
  args: [flag],
  default: 'off',
  doc: 'Packed bytes are sent as zlib makes them.',
  example: 'gzip_no_buffer on;',
  refuses: { 'gzip_no_buffer yes;': 'it must be "on" or "off"' },
});

const postponeGzipping = directive({
  name: 'postpone_gzipping',
  contexts: ALL,
  args: [size],
  default: '0',
  noEffect: 'because bytes are packed as they come',
  doc: 'Bytes that are gathered before packing begins.',
  example: 'postpone_gzipping 1460;',
  refuses: { 'postpone_gzipping late;': '"postpone_gzipping" directive invalid value' },
});

interface GzipSettings extends GzipAudience {
  readonly on: boolean;
  readonly level: number;
  readonly windowBits: number;
  readonly memoryLevel: number;
  readonly lengthMin: number;
  /** Packed bytes that are gathered before they are sent. */
  readonly gatherBytes: number;
  readonly vary: boolean;
  /** Undefined: every type. */
  readonly types: ReadonlySet<string> | undefined;
}

export const httpGzip = defineModule<GzipSettings>({
  name: 'http-gzip',
  directives: [
    gzip,
    gzipCompLevel,
    gzipMinLength,
    gzipHttpVersion,
    gzipProxied,
    gzipVary,
    gzipTypes,
    gzipDisable,
    gzipWindow,
    gzipHash,
    gzipBuffers,
    gzipNoBuffer,
    postponeGzipping,
  ],
  variables: [{ name: 'gzip_ratio', evaluate: gzipRatio }],
  compile: compileGzip,
  filter: { applies: (settings) => settings.on, head: filterHead },
});

function compileGzip(scope: Scope, outer: GzipSettings | undefined): GzipSettings {
  const types = new Set(scope.all(gzipTypes).flatMap((names) => [...names]));
  const disable = scope.has(gzipDisable) ? scope.all(gzipDisable) : undefined;
  return {
    on: scope.get(gzip),
    level: scope.get(gzipCompLevel),
    windowBits: scope.get(gzipWindow),
    memoryLevel: scope.get(gzipHash),
    lengthMin: scope.get(gzipMinLength),
    gatherBytes: scope.get(gzipNoBuffer) ? 1 : scope.get(gzipBuffers).bytes,
    versionMin: scope.get(gzipHttpVersion) === '1.0' ? 10 : 11,
    proxied: new Set(scope.all(gzipProxied).flatMap((names) => [...names])),
    vary: scope.get(gzipVary),
    types: types.has('*') ? undefined : types,
    disabled: disable?.flatMap(({ patterns }) => patterns) ?? outer?.disabled ?? [],
    disabledMsie6: disable?.some(({ msie6 }) => msie6) || (outer?.disabledMsie6 ?? false),
  };
}

/** As ngx_http_gzip_header_filter(). */
function filterHead(x: Exchange): BodyFilter | undefined {
  const settings = httpGzip.slice(x);
  const { answer } = x;
  const { status, contentLength, headers } = answer;
  if (status !== 200 && status !== 403 && status !== 404) return undefined;
  if ((headers.get('content-encoding') ?? '') !== '') return undefined;
  if (contentLength !== -1 && contentLength < settings.lengthMin) return undefined;
  if (!isOfType(x, settings.types)) return undefined;
  answer.vary = settings.vary;
  if (!mayGzip(x, settings)) return undefined;
  const filter = new GzipFilter(x, settings);
  x.setContext(httpGzip, filter);
  headers.set('Content-Encoding', 'gzip');
  answer.contentLength = -1;
  answer.allowRanges = false;
  headers.delete('accept-ranges');
  weakenEtag(x);
  return filter;
}

/** A charset behind an upstream's type is no part of it, as in ngx_http_upstream_copy_content_type(). */
function isOfType({ answer }: Exchange, types: ReadonlySet<string> | undefined): boolean {
  if (types === undefined) return true;
  const { contentType = '', fromUpstream } = answer;
  const charset = fromUpstream ? contentType.search(/; *charset=/i) : -1;
  return types.has(asciiLower(charset === -1 ? contentType : contentType.slice(0, charset)));
}

/** As ngx_http_weak_etag(): the packed bytes are others, so the tag is no strong one any more. */
export function weakenEtag({ answer: { headers } }: Exchange): void {
  const etag = headers.get('etag');
  if (etag === undefined || (etag.length > 2 && etag.startsWith('W/'))) return;
  if (etag.startsWith('"')) headers.set('ETag', `W/${etag}`);
  else headers.delete('etag');
}

class GzipFilter implements BodyFilter {
  next: BodySink = { push: () => undefined };
  bytesIn = 0;
  bytesOut = 0;
  done = false;
  private deflater: Deflater | undefined;
  private readonly gathered: Uint8Array[] = [];
  private gatheredBytes = 0;
  private readonly x: Exchange;
  private readonly settings: GzipSettings;
  private readonly contentLength: number;

  constructor(x: Exchange, settings: GzipSettings) {
    this.x = x;
    this.settings = settings;
    this.contentLength = x.answer.contentLength;
  }

  push(bytes: Uint8Array, start: number, end: number, last: boolean): void {
    if (this.done || (start === end && !last)) return;
    this.deflater ??= this.begin();
    this.bytesIn += end - start;
    const mode = last ? 'finish' : this.x.unbuffered ? 'flush' : 'more';
    this.gather(this.deflater.push(bytes, start, end, mode));
    if (last) this.close();
    if (mode !== 'more' || this.gatheredBytes >= this.settings.gatherBytes) this.release(last);
  }

  flush(): void {
    if (this.done || this.deflater === undefined) return;
    this.gather(this.deflater.push(NO_BYTES, 0, 0, 'flush'));
    this.release(false);
  }

  close(): void {
    this.done = true;
    this.deflater?.close();
    this.deflater = undefined;
  }

  private gather(packed: Uint8Array): void {
    this.bytesOut += packed.length;
    this.gatheredBytes += packed.length;
    if (packed.length > 0) this.gathered.push(packed);
  }

  private release(last: boolean): void {
    const [only] = this.gathered;
    const packed = only !== undefined && this.gathered.length === 1 ? only : concatBytes(this.gathered);
    this.gathered.length = 0;
    this.gatheredBytes = 0;
    if (packed.length > 0 || last) this.next.push(packed, 0, packed.length, last);
  }

  /** A short answer of known length needs less memory. As ngx_http_gzip_filter_memory(). */
  private begin(): Deflater {
    let { windowBits, memoryLevel } = this.settings;
    while (this.contentLength > 0 && this.contentLength < 2 ** (windowBits - 1) - ZLIB_LOOKAHEAD_BYTES) {
      windowBits--;
      memoryLevel--;
    }
    return this.x.program.codecs.gzip(this.settings.level, windowBits, Math.max(memoryLevel, 1));
  }
}

/** By so much zlib's window is smaller than it says. */
const ZLIB_LOOKAHEAD_BYTES = 262;

/** "3.14". As ngx_http_gzip_ratio_variable(). */
function gzipRatio(x: Exchange): string | undefined {
  const filter = x.context<GzipFilter>(httpGzip);
  if (filter === undefined || !filter.done || filter.bytesOut === 0) return undefined;
  const thousandths = Math.floor((filter.bytesIn * 1000) / filter.bytesOut);
  const hundredths = Math.floor(thousandths / 10) + (thousandths % 10 > 4 ? 1 : 0);
  return `${Math.floor(hundredths / 100)}.${String(hundredths % 100).padStart(2, '0')}`;
}
