// The directives of ngx_http_proxy_module that are plain settings; proxy_pass, the rewriting of answers and proxy_set_header have files
// of their own.
import { parseAddress } from '../config/address.ts';
import { word as anyWord, flag, integer, oneOf, rest, size, time } from '../config/argument.ts';
import { type Context, directive, type Site } from '../config/directive.ts';
import { constantText, parseTemplate, type Template, template } from '../config/template.ts';
import { parseSize, parseWhole } from '../config/units.ts';
import { isToken } from '../http/header-name.ts';
import { readTempPath, setOf } from './http-core-values.ts';

export const LEVELS: readonly Context[] = ['http', 'server', 'location'];

export const proxyConnectTimeout = directive({
  name: 'proxy_connect_timeout',
  contexts: LEVELS,
  args: [time],
  default: '60s',
  doc: 'How long a connection to a server may take to be made; then 504 or the next server.',
  example: 'proxy_connect_timeout 5s;',
  refuses: { 'proxy_connect_timeout soon;': '"proxy_connect_timeout" directive invalid value' },
});

export const proxySendTimeout = directive({
  name: 'proxy_send_timeout',
  contexts: LEVELS,
  args: [time],
  default: '60s',
  doc: 'Longest time between two writes to the server while it takes nothing; then 504. In a tunnel: how long the client may be silent while the server is too.',
  example: 'proxy_send_timeout 30s;',
  refuses: { 'proxy_send_timeout soon;': '"proxy_send_timeout" directive invalid value' },
});

export const proxyReadTimeout = directive({
  name: 'proxy_read_timeout',
  contexts: LEVELS,
  args: [time],
  default: '60s',
  doc: 'Longest silence of the server between two reads; then 504. In a tunnel every byte counts, pings too.',
  example: 'proxy_read_timeout 300s;',
  refuses: { 'proxy_read_timeout soon;': '"proxy_read_timeout" directive invalid value' },
});

export const proxyHttpVersion = directive<'1.0' | '1.1'>({
  name: 'proxy_http_version',
  contexts: LEVELS,
  arity: [1, 1],
  read(site) {
    const [version] = site.words;
    if (version?.text === '2') {
      throw site.error('the value "2" of "proxy_http_version" is not supported by Holdfast', version);
    }
    return version === undefined ? '1.1' : oneOf('1.0', '1.1').read(version, site);
  },
  default: '1.1',
  doc: 'The version of HTTP that servers are spoken to in.',
  example: 'proxy_http_version 1.1;',
  refuses: { 'proxy_http_version 3;': 'invalid value "3"' },
});

export const proxyMethod = directive<Template>({
  name: 'proxy_method',
  contexts: LEVELS,
  arity: [1, 1],
  read(site) {
    const [word] = site.words;
    if (word === undefined) throw site.error('invalid number of arguments in "proxy_method" directive');
    const method = parseTemplate(word.text, word, site);
    const text = constantText(method);
    if (text !== undefined && !isToken(text)) throw site.error(`invalid method "${text}"`, word);
    return method;
  },
  doc: "The method of requests to servers, in place of the client's.",
  example: 'proxy_method POST;',
  refuses: { 'proxy_method "GET /";': 'invalid method "GET /"' },
});

export const proxySetBody = directive({
  name: 'proxy_set_body',
  contexts: LEVELS,
  args: [template],
  doc: "The body of requests to servers, in place of the client's.",
  example: 'proxy_set_body "user=$remote_user";',
});

export const proxyPassRequestHeaders = directive({
  name: 'proxy_pass_request_headers',
  contexts: LEVELS,
  args: [flag],
  default: 'on',
  doc: "Whether the client's header lines are passed to servers.",
  example: 'proxy_pass_request_headers off;',
  refuses: { 'proxy_pass_request_headers some;': 'it must be "on" or "off"' },
});

export const proxyPassRequestBody = directive({
  name: 'proxy_pass_request_body',
  contexts: LEVELS,
  args: [flag],
  default: 'on',
  doc: "Whether the client's body is passed to servers. Off: no body is sent, and no length is announced for it.",
  example: 'proxy_pass_request_body off;',
  refuses: { 'proxy_pass_request_body some;': 'it must be "on" or "off"' },
});

export const proxyRequestBuffering = directive({
  name: 'proxy_request_buffering',
  contexts: LEVELS,
  args: [flag],
  default: 'on',
  doc: "Whether the client's body is read whole before a server is asked; off: it is passed on as it comes, and then to one server only.",
  example: 'proxy_request_buffering off;',
  refuses: { 'proxy_request_buffering some;': 'it must be "on" or "off"' },
});

export const proxyIgnoreClientAbort = directive({
  name: 'proxy_ignore_client_abort',
  contexts: LEVELS,
  args: [flag],
  default: 'off',
  doc: "Whether the server's answer is waited for when the client has gone.",
  example: 'proxy_ignore_client_abort on;',
  refuses: { 'proxy_ignore_client_abort some;': 'it must be "on" or "off"' },
});

export const proxyInterceptErrors = directive({
  name: 'proxy_intercept_errors',
  contexts: LEVELS,
  args: [flag],
  default: 'off',
  doc: 'Whether answers of 300 and above for which there is an error_page give way to it.',
  example: 'proxy_intercept_errors on;',
  refuses: { 'proxy_intercept_errors some;': 'it must be "on" or "off"' },
});

export const proxyPassTrailers = directive({
  name: 'proxy_pass_trailers',
  contexts: LEVELS,
  args: [flag],
  default: 'off',
  doc: 'Whether the lines after the last chunk of an answer are passed to clients, and known as `$upstream_trailer_name`.',
  example: 'proxy_pass_trailers on;',
  refuses: { 'proxy_pass_trailers some;': 'it must be "on" or "off"' },
});

export const proxySocketKeepalive = directive({
  name: 'proxy_socket_keepalive',
  contexts: LEVELS,
  args: [flag],
  default: 'off',
  doc: 'TCP keepalive on connections to servers.',
  example: 'proxy_socket_keepalive on;',
  refuses: { 'proxy_socket_keepalive some;': 'it must be "on" or "off"' },
});

export const proxyForceRanges = directive({
  name: 'proxy_force_ranges',
  contexts: LEVELS,
  args: [flag],
  default: 'off',
  doc: 'Whether parts of an answer are given to a client that asks for them whatever its Accept-Ranges says.',
  example: 'proxy_force_ranges on;',
  refuses: { 'proxy_force_ranges some;': 'it must be "on" or "off"' },
});

export const proxyBuffering = directive({
  name: 'proxy_buffering',
  contexts: LEVELS,
  args: [flag],
  default: 'on',
  doc: "Whether answers are read as fast as the server sends and kept for a slow client; off: at the client's pace. X-Accel-Buffering of an answer decides for it.",
  example: 'proxy_buffering off;',
  refuses: { 'proxy_buffering some;': 'it must be "on" or "off"' },
});

export const proxyBufferSize = directive({
  name: 'proxy_buffer_size',
  contexts: LEVELS,
  args: [size],
  default: '4k',
  doc: "The most that an answer's head may have; more: 502.",
  example: 'proxy_buffer_size 16k;',
  refuses: { 'proxy_buffer_size big;': '"proxy_buffer_size" directive invalid value' },
});

export const proxyBuffers = directive<{ readonly count: number; readonly bytes: number }>({
  name: 'proxy_buffers',
  contexts: LEVELS,
  arity: [2, 2],
  read(site) {
    const [first, second] = site.words;
    const count = parseWhole(first?.text ?? '');
    const bytes = parseSize(second?.text ?? '');
    if (!count || !bytes)
      throw site.error(
        '"proxy_buffers" directive invalid value',
        count ? second : first,
        'a number and a size as in 8 4k',
      );
    return { count, bytes };
  },
  default: '8 4k',
  doc: "How much of an answer is kept in memory for a slow client: a number of buffers and each one's size.",
  example: 'proxy_buffers 16 8k;',
  refuses: { 'proxy_buffers 0 4k;': '"proxy_buffers" directive invalid value' },
});

const NO_BUSY = 'because an answer is sent on as soon as it comes; its value is checked as nginx checks it';

export const proxyBusyBuffersSize = directive({
  name: 'proxy_busy_buffers_size',
  contexts: LEVELS,
  args: [size],
  noEffect: NO_BUSY,
  doc: 'In nginx the part of the buffers that may be busy sending while the answer is not yet whole.',
  example: 'proxy_busy_buffers_size 8k;',
  refuses: { 'proxy_busy_buffers_size big;': '"proxy_busy_buffers_size" directive invalid value' },
});

export const proxyTempPath = directive({
  name: 'proxy_temp_path',
  contexts: LEVELS,
  arity: [1, 4],
  read: readTempPath,
  default: 'proxy_temp 1 2',
  doc: 'The folder of temporary files for answers, and how many digits of a file number name each of up to three levels under it.',
  example: 'proxy_temp_path /var/spool/holdfast/proxy 1 2;',
  refuses: { 'proxy_temp_path /tmp/x 0;': 'invalid value' },
});

export const proxyMaxTempFileSize = directive({
  name: 'proxy_max_temp_file_size',
  contexts: LEVELS,
  args: [size],
  default: '1024m',
  doc: 'How much of an answer goes to a temporary file once its buffers are full; 0: none, the server then waits for the client.',
  example: 'proxy_max_temp_file_size 0;',
  refuses: { 'proxy_max_temp_file_size big;': '"proxy_max_temp_file_size" directive invalid value' },
});

export const proxyTempFileWriteSize = directive({
  name: 'proxy_temp_file_write_size',
  contexts: LEVELS,
  args: [size],
  noEffect:
    'because each read is written to the temporary file as it comes; its value is checked as nginx checks it',
  doc: 'In nginx how much is written to a temporary file at a time.',
  example: 'proxy_temp_file_write_size 16k;',
  refuses: { 'proxy_temp_file_write_size big;': '"proxy_temp_file_write_size" directive invalid value' },
});

const CAUSES = [
  'error',
  'timeout',
  'invalid_header',
  'non_idempotent',
  'http_500',
  'http_502',
  'http_503',
  'http_504',
  'http_403',
  'http_404',
  'http_429',
  'updating',
  'off',
];

export const proxyNextUpstream = directive({
  name: 'proxy_next_upstream',
  contexts: LEVELS,
  repeat: true,
  ...setOf(...CAUSES),
  default: 'error timeout',
  doc: 'After what the next server is asked: a failed connection (error), silence (timeout), an answer that cannot be read (invalid_header) or has that status; with non_idempotent also for requests that change something and were sent; off: never.',
  example: 'proxy_next_upstream error timeout http_502;',
  refuses: { 'proxy_next_upstream http_418;': 'invalid value "http_418"' },
});

export const proxyNextUpstreamTries = directive({
  name: 'proxy_next_upstream_tries',
  contexts: LEVELS,
  args: [integer()],
  default: '0',
  doc: 'How many servers are asked at most; 0: all of them.',
  example: 'proxy_next_upstream_tries 2;',
  refuses: { 'proxy_next_upstream_tries few;': 'invalid number' },
});

export const proxyNextUpstreamTimeout = directive({
  name: 'proxy_next_upstream_timeout',
  contexts: LEVELS,
  args: [time],
  default: '0',
  doc: 'How long after the first server a further one may be asked; 0: without limit.',
  example: 'proxy_next_upstream_timeout 10s;',
  refuses: { 'proxy_next_upstream_timeout soon;': '"proxy_next_upstream_timeout" directive invalid value' },
});

export const proxyPassHeader = directive({
  name: 'proxy_pass_header',
  contexts: LEVELS,
  repeat: true,
  args: [anyWord],
  doc: 'A header of answers that is passed to clients though it is usually hidden: Date, Server, X-Pad, X-Accel-….',
  example: 'proxy_pass_header Server;',
});

export const proxyHideHeader = directive({
  name: 'proxy_hide_header',
  contexts: LEVELS,
  repeat: true,
  args: [anyWord],
  doc: 'A header of answers that is not passed to clients.',
  example: 'proxy_hide_header X-Powered-By;',
});

const IGNORED = [
  'x-accel-redirect',
  'x-accel-expires',
  'x-accel-limit-rate',
  'x-accel-buffering',
  'x-accel-charset',
  'expires',
  'cache-control',
  'set-cookie',
  'vary',
];

export const proxyIgnoreHeaders = directive({
  name: 'proxy_ignore_headers',
  contexts: LEVELS,
  repeat: true,
  ...setOf(...IGNORED),
  doc: 'Headers of answers that are not obeyed.',
  example: 'proxy_ignore_headers X-Accel-Redirect;',
  refuses: { 'proxy_ignore_headers Server;': 'invalid value "Server"' },
});

export type WrittenBind = 'off' | Template;

export const proxyBind = directive<WrittenBind>({
  name: 'proxy_bind',
  contexts: LEVELS,
  arity: [1, 2],
  read: readBind,
  doc: 'The local address of connections to servers; off or an empty value: the system chooses.',
  example: 'proxy_bind 127.0.0.1;',
  refuses: {
    'proxy_bind here;': 'invalid address "here"',
    'proxy_bind 127.0.0.1 sometimes;': 'invalid parameter "sometimes"',
    'proxy_bind $remote_addr transparent;':
      'the "transparent" parameter of "proxy_bind" is not supported by Holdfast',
  },
});

function readBind(site: Site): WrittenBind {
  const [address, option] = site.words;
  if (address === undefined) throw site.error('invalid number of arguments in "proxy_bind" directive');
  if (option === undefined && address.text === 'off') return 'off';
  const written = parseTemplate(address.text, address, site);
  if (constantText(written) !== undefined && localHost(address.text) === undefined) {
    throw site.error(`invalid address "${address.text}"`, address);
  }
  if (option?.text === 'transparent') {
    throw site.error('the "transparent" parameter of "proxy_bind" is not supported by Holdfast', option);
  }
  if (option !== undefined) throw site.error(`invalid parameter "${option.text}"`, option);
  return written;
}

/** The host of an address to bind, whose port does not matter to a connection; undefined where it is none. */
export function localHost(text: string): string | undefined {
  const bare = text.includes(':') && !text.startsWith('[') && text.split(':').length > 2 ? `[${text}]` : text;
  const address = parseAddress(bare);
  if ('problem' in address || address.kind !== 'inet' || address.family === 'name') return undefined;
  return address.host;
}

function tablesOnly(name: string, example: string) {
  return directive({
    name,
    contexts: LEVELS,
    args: [integer()],
    noEffect: "because it sizes nginx's table of header names, and there is no such table here",
    doc: 'In nginx the size of a table of header names.',
    example,
  });
}

const proxySendLowat = directive({
  name: 'proxy_send_lowat',
  contexts: LEVELS,
  args: [size],
  noEffect: 'because it steers FreeBSD, as in nginx',
  doc: 'In nginx on FreeBSD the least that is sent to a server at a time.',
  example: 'proxy_send_lowat 12000;',
});

const NO_CACHE = 'because nothing is cached here';

/** What many files switch off and Holdfast does not have. */
function offOnly(name: string, what: string) {
  return directive({
    name,
    contexts: LEVELS,
    arity: [1, 1],
    read(site): 'off' {
      if (site.words[0]?.text === 'off') return 'off';
      throw site.error(`"${name}" directive is not supported by Holdfast`, undefined, 'only "off" is taken');
    },
    noEffect: 'because off is all that there is here',
    doc: `In nginx ${what}. Only off is taken.`,
    example: `${name} off;`,
    refuses: { [`${name} one;`]: `"${name}" directive is not supported by Holdfast` },
  });
}

export const proxyCacheBypass = directive({
  name: 'proxy_cache_bypass',
  contexts: LEVELS,
  args: [rest(template)],
  repeat: true,
  noEffect: NO_CACHE,
  doc: 'In nginx when an answer is not taken from the cache; it stands in many files that proxy WebSockets, without one.',
  example: 'proxy_cache_bypass $http_upgrade;',
});

export const proxyNoCache = directive({
  name: 'proxy_no_cache',
  contexts: LEVELS,
  args: [rest(template)],
  repeat: true,
  noEffect: NO_CACHE,
  doc: 'In nginx when an answer is not put into the cache.',
  example: 'proxy_no_cache $http_upgrade;',
});

// biome-ignore lint/suspicious/noExplicitAny: directives of many value types
export const plainDirectives: readonly any[] = [
  proxyConnectTimeout,
  proxySendTimeout,
  proxyReadTimeout,
  proxyHttpVersion,
  proxyMethod,
  proxySetBody,
  proxyPassRequestHeaders,
  proxyPassRequestBody,
  proxyRequestBuffering,
  proxyIgnoreClientAbort,
  proxyInterceptErrors,
  proxyPassTrailers,
  proxySocketKeepalive,
  proxyForceRanges,
  proxyBuffering,
  proxyBufferSize,
  proxyBuffers,
  proxyBusyBuffersSize,
  proxyTempPath,
  proxyMaxTempFileSize,
  proxyTempFileWriteSize,
  proxyNextUpstream,
  proxyNextUpstreamTries,
  proxyNextUpstreamTimeout,
  proxyPassHeader,
  proxyHideHeader,
  proxyIgnoreHeaders,
  proxyBind,
  proxySendLowat,
  offOnly('proxy_cache', 'the zone in which answers are cached'),
  offOnly('proxy_store', 'where answers are kept as files'),
  proxyCacheBypass,
  proxyNoCache,
  tablesOnly('proxy_headers_hash_max_size', 'proxy_headers_hash_max_size 1024;'),
  tablesOnly('proxy_headers_hash_bucket_size', 'proxy_headers_hash_bucket_size 128;'),
];
