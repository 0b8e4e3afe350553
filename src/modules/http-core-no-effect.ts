// The directives of ngx_http_core_module that size nginx's own tables or steer what Holdfast does not have: read and checked, without
// effect. And those that nginx knows and Holdfast refuses.
import { flag, integer, offset, seconds, size } from '../config/argument.ts';
import type { Context, Directive, Site } from '../config/directive.ts';
import { directive, unsupported } from '../config/directive.ts';
import { parseOffset, parseSeconds, parseWhole } from '../config/units.ts';
import { bufferCount } from './http-core-values.ts';

const HTTP: readonly Context[] = ['http'];
const SERVERS: readonly Context[] = ['http', 'server'];
const ALL: readonly Context[] = ['http', 'server', 'location'];
const WITH_IF: readonly Context[] = ['http', 'server', 'location', 'if in location'];

const TABLES_GROW = 'because the tables grow as they must';
const NO_POOLS = "because memory is not handed out of nginx's pools";
const NO_SENDFILE = 'because files are read and sent in pieces of 64 KiB';
const NO_FILE_CACHE = 'because a file is opened anew for each request, so that it is never stale';

/** NGX_MIN_POOL_SIZE and NGX_POOL_ALIGNMENT on 64 bits. */
const POOL_BYTES_MIN = 112;
const POOL_ALIGNMENT = 16;

/** As ngx_http_core_pool_size(). */
function readPoolSize(site: Site): number {
  const [written] = site.words;
  const { name } = site.statement;
  if (written === undefined) throw site.error(`invalid number of arguments in "${name.text}" directive`);
  const bytes = size.read(written, site);
  if (bytes < POOL_BYTES_MIN)
    throw site.error(`the pool size must be no less than ${POOL_BYTES_MIN}`, written);
  if (bytes % POOL_ALIGNMENT !== 0) {
    throw site.error(`the pool size must be a multiple of ${POOL_ALIGNMENT}`, written);
  }
  return bytes;
}

function tableSize(name: string, contexts: readonly Context[], standard: string): Directive<number> {
  return directive({
    name,
    contexts,
    args: [integer()],
    default: standard,
    noEffect: TABLES_GROW,
    doc: "Sizes one of nginx's hash tables.",
    example: `${name} 128;`,
    refuses: { [`${name} big;`]: 'invalid number' },
  });
}

/** Read by http-core.ts: a header buffer may not be smaller. */
export const connectionPoolSize = directive({
  name: 'connection_pool_size',
  contexts: SERVERS,
  arity: [1, 1],
  read: readPoolSize,
  default: '512',
  noEffect: NO_POOLS,
  doc: "Bytes of nginx's memory pool for a connection.",
  example: 'connection_pool_size 1k;',
  refuses: {
    'connection_pool_size 16;': 'the pool size must be no less than 112',
    'connection_pool_size 1000;': 'the pool size must be a multiple of 16',
  },
});

const requestPoolSize = directive({
  name: 'request_pool_size',
  contexts: SERVERS,
  arity: [1, 1],
  read: readPoolSize,
  default: '4k',
  noEffect: NO_POOLS,
  doc: "Bytes of nginx's memory pool for a request.",
  example: 'request_pool_size 8k;',
  refuses: { 'request_pool_size 16;': 'the pool size must be no less than 112' },
});

const sendfile = directive({
  name: 'sendfile',
  contexts: WITH_IF,
  args: [flag],
  default: 'off',
  noEffect: NO_SENDFILE,
  doc: 'The system copies files to connections.',
  example: 'sendfile on;',
  refuses: { 'sendfile yes;': 'it must be "on" or "off"' },
});

const sendfileMaxChunk = directive({
  name: 'sendfile_max_chunk',
  contexts: ALL,
  args: [size],
  default: '2m',
  noEffect: NO_SENDFILE,
  doc: 'Most bytes of one sendfile call.',
  example: 'sendfile_max_chunk 512k;',
  refuses: { 'sendfile_max_chunk big;': '"sendfile_max_chunk" directive invalid value' },
});

const subrequestOutputBufferSize = directive({
  name: 'subrequest_output_buffer_size',
  contexts: ALL,
  args: [size],
  default: '4k',
  noEffect: 'because no module here keeps the body of a subrequest in such a buffer',
  doc: 'Most bytes of a subrequest whose body is kept in memory.',
  example: 'subrequest_output_buffer_size 16k;',
  refuses: {
    'subrequest_output_buffer_size big;': '"subrequest_output_buffer_size" directive invalid value',
  },
});

const aio = directive({
  name: 'aio',
  contexts: ALL,
  arity: [1, 1],
  read(site): string {
    const [written] = site.words;
    const { text } = written ?? { text: '' };
    if (text === 'on' || text === 'off' || text === 'threads' || text.startsWith('threads=')) return text;
    throw site.error('"aio" directive invalid value', written, 'on, off, threads or threads=pool');
  },
  default: 'off',
  noEffect: NO_SENDFILE,
  doc: 'Files are read by other threads.',
  example: 'aio threads;',
  refuses: { 'aio yes;': '"aio" directive invalid value' },
});

const aioWrite = directive({
  name: 'aio_write',
  contexts: ALL,
  args: [flag],
  default: 'off',
  noEffect: 'because temporary files are written at once',
  doc: 'Temporary files are written by other threads.',
  example: 'aio_write on;',
  refuses: { 'aio_write yes;': 'it must be "on" or "off"' },
});

const readAhead = directive({
  name: 'read_ahead',
  contexts: ALL,
  args: [size],
  default: '0',
  noEffect: 'because the system decides how far ahead it reads',
  doc: 'How far ahead the system reads files.',
  example: 'read_ahead 1m;',
  refuses: { 'read_ahead far;': '"read_ahead" directive invalid value' },
});

const directio = directive({
  name: 'directio',
  contexts: ALL,
  arity: [1, 1],
  read(site): number {
    const [written] = site.words;
    if (written?.text === 'off') return Number.POSITIVE_INFINITY;
    const bytes = parseOffset(written?.text ?? '');
    if (bytes === undefined)
      throw site.error('"directio" directive invalid value', written, 'off, or a size as in 4m');
    return bytes;
  },
  default: 'off',
  noEffect: NO_SENDFILE,
  doc: "Files from this size on are read past the system's cache.",
  example: 'directio 4m;',
  refuses: { 'directio on;': '"directio" directive invalid value' },
});

const directioAlignment = directive({
  name: 'directio_alignment',
  contexts: ALL,
  args: [offset],
  default: '512',
  noEffect: NO_SENDFILE,
  doc: 'How reads past the cache are aligned.',
  example: 'directio_alignment 4k;',
  refuses: { 'directio_alignment wide;': '"directio_alignment" directive invalid value' },
});

const tcpNopush = directive({
  name: 'tcp_nopush',
  contexts: ALL,
  args: [flag],
  default: 'off',
  noEffect: 'because a head and the body that is there are sent in one call',
  doc: 'Head and file begin in one packet.',
  example: 'tcp_nopush on;',
  refuses: { 'tcp_nopush yes;': 'it must be "on" or "off"' },
});

const sendLowat = directive({
  name: 'send_lowat',
  contexts: ALL,
  args: [size],
  default: '0',
  noEffect: 'because Linux has no such option, as under nginx',
  doc: 'Least room for a send.',
  example: 'send_lowat 1k;',
  refuses: { 'send_lowat low;': '"send_lowat" directive invalid value' },
});

const postponeOutput = directive({
  name: 'postpone_output',
  contexts: ALL,
  args: [size],
  default: '1460',
  noEffect: 'because what one turn of the loop makes is sent together at its end',
  doc: 'Bytes that are gathered before they are sent.',
  example: 'postpone_output 0;',
  refuses: { 'postpone_output late;': '"postpone_output" directive invalid value' },
});

const outputBuffers = directive({
  name: 'output_buffers',
  contexts: ALL,
  ...bufferCount(),
  default: '2 32k',
  noEffect: NO_SENDFILE,
  doc: 'Number and size of the buffers for reading files.',
  example: 'output_buffers 1 64k;',
  refuses: { 'output_buffers 2 big;': '"output_buffers" directive invalid value' },
});

const openFileCache = directive({
  name: 'open_file_cache',
  contexts: ALL,
  arity: [1, 2],
  read: readOpenFileCache,
  default: 'off',
  noEffect: NO_FILE_CACHE,
  doc: 'Open files, their lengths and dates are remembered.',
  example: 'open_file_cache max=1000 inactive=20s;',
  refuses: {
    'open_file_cache on;': 'invalid "open_file_cache" parameter "on"',
    'open_file_cache inactive=20s;': '"open_file_cache" must have the "max" parameter',
  },
});

/** As ngx_http_core_open_file_cache(). */
function readOpenFileCache(site: Site): string {
  let [max, off] = [0, false];
  for (const each of site.words) {
    const { text } = each;
    const found = text.startsWith('max=') ? (parseWhole(text.slice(4)) ?? 0) : 0;
    if (found > 0) max = found;
    else if (text === 'off') off = true;
    else if (!text.startsWith('inactive=') || parseSeconds(text.slice(9)) === undefined) {
      throw site.error(`invalid "open_file_cache" parameter "${text}"`, each);
    }
  }
  if (off) return 'off';
  if (max === 0) throw site.error('"open_file_cache" must have the "max" parameter');
  return 'on';
}

const openFileCacheValid = directive({
  name: 'open_file_cache_valid',
  contexts: ALL,
  args: [seconds],
  default: '60',
  noEffect: NO_FILE_CACHE,
  doc: 'How long what is remembered of a file counts.',
  example: 'open_file_cache_valid 30s;',
  refuses: { 'open_file_cache_valid long;': '"open_file_cache_valid" directive invalid value' },
});

const openFileCacheMinUses = directive({
  name: 'open_file_cache_min_uses',
  contexts: ALL,
  args: [integer()],
  default: '1',
  noEffect: NO_FILE_CACHE,
  doc: 'How often a file must be asked for to stay open.',
  example: 'open_file_cache_min_uses 2;',
  refuses: { 'open_file_cache_min_uses often;': 'invalid number' },
});

const openFileCacheErrors = directive({
  name: 'open_file_cache_errors',
  contexts: ALL,
  args: [flag],
  default: 'off',
  noEffect: NO_FILE_CACHE,
  doc: 'Missing files are remembered too.',
  example: 'open_file_cache_errors on;',
  refuses: { 'open_file_cache_errors yes;': 'it must be "on" or "off"' },
});

const openFileCacheEvents = directive({
  name: 'open_file_cache_events',
  contexts: ALL,
  args: [flag],
  default: 'off',
  noEffect: NO_FILE_CACHE,
  doc: 'The system tells when a remembered file changes.',
  example: 'open_file_cache_events on;',
  refuses: { 'open_file_cache_events yes;': 'it must be "on" or "off"' },
});

// biome-ignore lint/suspicious/noExplicitAny: directives of many value types
export const noEffectDirectives: readonly Directive<any>[] = [
  connectionPoolSize,
  requestPoolSize,
  tableSize('variables_hash_max_size', HTTP, '1024'),
  tableSize('variables_hash_bucket_size', HTTP, '64'),
  tableSize('server_names_hash_max_size', HTTP, '512'),
  tableSize('server_names_hash_bucket_size', HTTP, '64'),
  tableSize('types_hash_max_size', ALL, '1024'),
  tableSize('types_hash_bucket_size', ALL, '64'),
  sendfile,
  sendfileMaxChunk,
  subrequestOutputBufferSize,
  aio,
  aioWrite,
  readAhead,
  directio,
  directioAlignment,
  tcpNopush,
  sendLowat,
  postponeOutput,
  outputBuffers,
  openFileCache,
  openFileCacheValid,
  openFileCacheMinUses,
  openFileCacheErrors,
  openFileCacheEvents,
];

export const unsupportedDirectives: readonly Directive<undefined>[] = [
  unsupported('post_action'),
  unsupported('early_hints'),
  unsupported('client_body_early_read'),
  unsupported('disable_symlinks'),
];
