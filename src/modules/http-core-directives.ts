// The directives of ngx_http_core_module that settle how requests are read and answered: what http-core.ts compiles. Those that shape
// the plan itself (server, listen, server_name, location) are declared in plan/; those without effect in http-core-no-effect.ts.
import { flag, integer, offset, oneOf, optional, seconds, size, time, word } from '../config/argument.ts';
import type { Context, Directive } from '../config/directive.ts';
import { directive } from '../config/directive.ts';
import { readAlias, readRoot } from './http-core-root.ts';
import {
  bufferCount,
  readErrorPage,
  readResolver,
  readSizeTemplate,
  readTempPath,
  readTypes,
  setOf,
} from './http-core-values.ts';

const SERVERS: readonly Context[] = ['http', 'server'];
const ALL: readonly Context[] = ['http', 'server', 'location'];
const WITH_IF: readonly Context[] = ['http', 'server', 'location', 'if in location'];

// How a request's head is read.

export const clientHeaderTimeout = directive({
  name: 'client_header_timeout',
  contexts: SERVERS,
  args: [time],
  default: '60s',
  doc: 'How long a client may take to send the head of a request; then 408 and the connection is closed.',
  example: 'client_header_timeout 20s;',
  refuses: { 'client_header_timeout soon;': '"client_header_timeout" directive invalid value' },
});

export const clientHeaderBufferSize = directive({
  name: 'client_header_buffer_size',
  contexts: SERVERS,
  args: [size],
  default: '1k',
  doc: 'Bytes that the head of a request may have before large_client_header_buffers are taken.',
  example: 'client_header_buffer_size 4k;',
  refuses: { 'client_header_buffer_size big;': '"client_header_buffer_size" directive invalid value' },
});

export const largeClientHeaderBuffers = directive({
  name: 'large_client_header_buffers',
  contexts: SERVERS,
  ...bufferCount(),
  default: '4 8k',
  doc: 'Number and size of the buffers for a long request line or long header lines; a longer line gets 414 or 400.',
  example: 'large_client_header_buffers 4 16k;',
  refuses: {
    'large_client_header_buffers 0 8k;': '"large_client_header_buffers" directive invalid value',
    'large_client_header_buffers 8k;':
      'invalid number of arguments in "large_client_header_buffers" directive',
  },
});

export const maxHeaders = directive({
  name: 'max_headers',
  contexts: SERVERS,
  args: [integer()],
  default: '1000',
  doc: 'Most header lines that a request may have; one with more gets 400.',
  example: 'max_headers 200;',
  refuses: { 'max_headers many;': 'invalid number' },
});

export const ignoreInvalidHeaders = directive({
  name: 'ignore_invalid_headers',
  contexts: SERVERS,
  args: [flag],
  default: 'on',
  doc: 'Header lines whose names hold other characters than letters, digits and hyphens are left out of the request.',
  example: 'ignore_invalid_headers off;',
  refuses: { 'ignore_invalid_headers maybe;': 'it must be "on" or "off"' },
});

export const underscoresInHeaders = directive({
  name: 'underscores_in_headers',
  contexts: SERVERS,
  args: [flag],
  default: 'off',
  doc: 'An underscore in a header name is valid too.',
  example: 'underscores_in_headers on;',
  refuses: { 'underscores_in_headers maybe;': 'it must be "on" or "off"' },
});

export const mergeSlashes = directive({
  name: 'merge_slashes',
  contexts: SERVERS,
  args: [flag],
  default: 'on',
  doc: 'Several slashes in a row in a path count as one when the location is chosen.',
  example: 'merge_slashes off;',
  refuses: { 'merge_slashes maybe;': 'it must be "on" or "off"' },
});

// Files.

export const root = directive({
  name: 'root',
  contexts: WITH_IF,
  arity: [1, 1],
  read: readRoot,
  default: 'html',
  doc: 'The folder of the files; the path of the request is put after it. A relative one stands under the prefix.',
  example: 'root /srv/www;',
  refuses: { 'root $document_root/x;': 'the $document_root variable cannot be used in the "root" directive' },
});

export const alias = directive({
  name: 'alias',
  contexts: ['location'],
  arity: [1, 1],
  read: readAlias,
  doc: "Stands in place of the location's name in the path of the file; in a regex location it is the whole path.",
  example: 'alias /srv/images/;',
  refuses: {
    'alias $realpath_root/x;': 'the $realpath_root variable cannot be used in the "alias" directive',
  },
});

export const types = directive({
  name: 'types',
  contexts: ALL,
  arity: [0, 0],
  opens: 'statements',
  repeat: true,
  read: readTypes,
  doc: 'Media types by the extension of a file name: each line is a type and the extensions that have it.',
  example: 'types { text/html html htm; image/png png; }',
  refuses: { 'types x { text/html html; }': 'invalid number of arguments in "types" directive' },
});

export const defaultType = directive({
  name: 'default_type',
  contexts: ALL,
  args: [word],
  default: 'text/plain',
  doc: 'The media type of a file whose extension is not in types.',
  example: 'default_type application/octet-stream;',
});

export const etag = directive({
  name: 'etag',
  contexts: ALL,
  args: [flag],
  default: 'on',
  doc: 'Answers from files carry an ETag made of the time of the last change and the length.',
  example: 'etag off;',
  refuses: { 'etag weak;': 'it must be "on" or "off"' },
});

export const ifModifiedSince = directive({
  name: 'if_modified_since',
  contexts: ALL,
  args: [oneOf('off', 'exact', 'before')],
  default: 'exact',
  doc: 'How Last-Modified is compared with If-Modified-Since: not at all, equal, or at most as late.',
  example: 'if_modified_since before;',
  refuses: { 'if_modified_since never;': 'invalid value "never"' },
});

export const maxRanges = directive({
  name: 'max_ranges',
  contexts: ALL,
  args: [integer()],
  doc: 'Most ranges that one request may ask for; one that asks for more gets the whole. 0 turns ranges off.',
  example: 'max_ranges 1;',
  refuses: { 'max_ranges some;': 'invalid number' },
});

export const logNotFound = directive({
  name: 'log_not_found',
  contexts: ALL,
  args: [flag],
  default: 'on',
  doc: 'A missing file is written to the error log.',
  example: 'log_not_found off;',
  refuses: { 'log_not_found never;': 'it must be "on" or "off"' },
});

// Who may ask.

export const internal = directive({
  name: 'internal',
  contexts: ['location'],
  arity: [0, 0],
  read: () => true as const,
  doc: 'Only internal requests reach the location (error_page, index, try_files, rewrite, X-Accel-Redirect, subrequests); others get 404.',
  example: 'internal;',
  refuses: { 'internal on;': 'invalid number of arguments in "internal" directive' },
});

export const satisfy = directive({
  name: 'satisfy',
  contexts: ALL,
  args: [oneOf('all', 'any')],
  default: 'all',
  doc: 'Whether all of access, auth_basic and auth_request must allow a request, or any one of them is enough.',
  example: 'satisfy any;',
  refuses: { 'satisfy some;': 'invalid value "some"' },
});

export const authDelay = directive({
  name: 'auth_delay',
  contexts: ALL,
  args: [time],
  default: '0s',
  doc: 'How long a request that gets 401 for its password or from auth_request waits for that answer.',
  example: 'auth_delay 2s;',
  refuses: { 'auth_delay soon;': '"auth_delay" directive invalid value' },
});

// The body of a request.

export const clientMaxBodySize = directive({
  name: 'client_max_body_size',
  contexts: ALL,
  args: [offset],
  default: '1m',
  doc: 'Most bytes that the body of a request may have; more gets 413. 0 sets no limit.',
  example: 'client_max_body_size 20m;',
  refuses: { 'client_max_body_size big;': '"client_max_body_size" directive invalid value' },
});

export const clientBodyBufferSize = directive({
  name: 'client_body_buffer_size',
  contexts: ALL,
  args: [size],
  default: '8k',
  doc: 'Bytes of a body that are held in memory; what is longer goes to a temporary file.',
  example: 'client_body_buffer_size 64k;',
  refuses: { 'client_body_buffer_size big;': '"client_body_buffer_size" directive invalid value' },
});

export const clientBodyTimeout = directive({
  name: 'client_body_timeout',
  contexts: ALL,
  args: [time],
  default: '60s',
  doc: 'Longest silence of a client between two reads of its body; then 408.',
  example: 'client_body_timeout 10s;',
  refuses: { 'client_body_timeout soon;': '"client_body_timeout" directive invalid value' },
});

export const clientBodyTempPath = directive({
  name: 'client_body_temp_path',
  contexts: ALL,
  arity: [1, 4],
  read: readTempPath,
  default: 'client_body_temp',
  doc: 'The folder of temporary files for bodies, and how many digits of a file number name each of up to three levels under it.',
  example: 'client_body_temp_path /var/spool/bodies 1 2;',
  refuses: {
    'client_body_temp_path /tmp/x 0;': '"client_body_temp_path" directive invalid value',
    'client_body_temp_path /tmp/x 1 2 3 4;':
      'invalid number of arguments in "client_body_temp_path" directive',
  },
});

export const clientBodyInFileOnly = directive({
  name: 'client_body_in_file_only',
  contexts: ALL,
  args: [oneOf('off', 'on', 'clean')],
  default: 'off',
  doc: 'Every body goes to a file, which stays there (on) or is removed after the request (clean).',
  example: 'client_body_in_file_only clean;',
  refuses: { 'client_body_in_file_only yes;': 'invalid value "yes"' },
});

export const clientBodyInSingleBuffer = directive({
  name: 'client_body_in_single_buffer',
  contexts: ALL,
  args: [flag],
  default: 'off',
  doc: 'A body up to client_body_buffer_size is kept in one piece, so that $request_body costs no copy.',
  example: 'client_body_in_single_buffer on;',
  refuses: { 'client_body_in_single_buffer yes;': 'it must be "on" or "off"' },
});

// The connection.

export const sendTimeout = directive({
  name: 'send_timeout',
  contexts: ALL,
  args: [time],
  default: '60s',
  doc: 'Longest time in which a client takes nothing of an answer; then the connection is closed.',
  example: 'send_timeout 10s;',
  refuses: { 'send_timeout soon;': '"send_timeout" directive invalid value' },
});

export const limitRate = directive({
  name: 'limit_rate',
  contexts: WITH_IF,
  arity: [1, 1],
  read: readSizeTemplate,
  doc: 'Bytes a second that a client is sent of an answer at most; 0 sets no limit. $limit_rate and X-Accel-Limit-Rate change it.',
  example: 'limit_rate 100k;',
  refuses: { 'limit_rate fast;': '"limit_rate" directive invalid value' },
});

export const limitRateAfter = directive({
  name: 'limit_rate_after',
  contexts: WITH_IF,
  arity: [1, 1],
  read: readSizeTemplate,
  doc: 'Bytes of an answer that are sent before limit_rate counts.',
  example: 'limit_rate_after 1m;',
  refuses: { 'limit_rate_after soon;': '"limit_rate_after" directive invalid value' },
});

export const keepaliveTimeout = directive({
  name: 'keepalive_timeout',
  contexts: ALL,
  args: [time, optional(seconds)],
  default: '75s',
  doc: 'How long a client connection stays open without a request; 0 closes it after each. A second time is told in the Keep-Alive header.',
  example: 'keepalive_timeout 65s 60s;',
  refuses: {
    'keepalive_timeout long;': '"keepalive_timeout" directive invalid value',
    'keepalive_timeout 75s long;': '"keepalive_timeout" directive invalid value',
  },
});

export const keepaliveMinTimeout = directive({
  name: 'keepalive_min_timeout',
  contexts: ALL,
  args: [time],
  default: '0',
  doc: 'How long an idle client connection is kept at least when workers shut down, so that no request on its way is lost.',
  example: 'keepalive_min_timeout 5s;',
  refuses: { 'keepalive_min_timeout soon;': '"keepalive_min_timeout" directive invalid value' },
});

export const keepaliveRequests = directive({
  name: 'keepalive_requests',
  contexts: ALL,
  args: [integer()],
  default: '1000',
  doc: 'Most requests on one client connection; after the last of them it is closed.',
  example: 'keepalive_requests 10000;',
  refuses: { 'keepalive_requests many;': 'invalid number' },
});

export const keepaliveTime = directive({
  name: 'keepalive_time',
  contexts: ALL,
  args: [time],
  default: '1h',
  doc: 'How old a client connection may be; after the request during which it grows older it is closed.',
  example: 'keepalive_time 10m;',
  refuses: { 'keepalive_time long;': '"keepalive_time" directive invalid value' },
});

export const keepaliveDisable = directive({
  name: 'keepalive_disable',
  contexts: ALL,
  ...setOf('none', 'msie6', 'safari'),
  repeat: true,
  default: 'msie6',
  doc: 'Browsers whose connections are not kept: old MSIE after a POST, old Safari always.',
  example: 'keepalive_disable none;',
  refuses: { 'keepalive_disable chrome;': 'invalid value "chrome"' },
});

export const lingeringClose = directive({
  name: 'lingering_close',
  contexts: ALL,
  args: [oneOf('off', 'on', 'always')],
  default: 'on',
  doc: 'Before a connection is closed what the client still sends is read away: never, when it may be sending, always.',
  example: 'lingering_close always;',
  refuses: { 'lingering_close no;': 'invalid value "no"' },
});

export const lingeringTime = directive({
  name: 'lingering_time',
  contexts: ALL,
  args: [time],
  default: '30s',
  doc: 'Longest time in which data is read away before a connection is closed.',
  example: 'lingering_time 10s;',
  refuses: { 'lingering_time long;': '"lingering_time" directive invalid value' },
});

export const lingeringTimeout = directive({
  name: 'lingering_timeout',
  contexts: ALL,
  args: [time],
  default: '5s',
  doc: 'Longest silence of a client whose data is being read away.',
  example: 'lingering_timeout 2s;',
  refuses: { 'lingering_timeout long;': '"lingering_timeout" directive invalid value' },
});

export const resetTimedoutConnection = directive({
  name: 'reset_timedout_connection',
  contexts: ALL,
  args: [flag],
  default: 'off',
  doc: 'A connection that timed out, or is closed by 444, is reset, so that the system forgets it at once.',
  example: 'reset_timedout_connection on;',
  refuses: { 'reset_timedout_connection yes;': 'it must be "on" or "off"' },
});

export const tcpNodelay = directive({
  name: 'tcp_nodelay',
  contexts: ALL,
  args: [flag],
  default: 'on',
  doc: 'Small pieces are sent at once, not gathered by the system.',
  example: 'tcp_nodelay off;',
  refuses: { 'tcp_nodelay yes;': 'it must be "on" or "off"' },
});

// What an answer looks like.

export const serverTokens = directive({
  name: 'server_tokens',
  contexts: ALL,
  args: [oneOf('off', 'on', 'build')],
  default: 'on',
  doc: 'The version stands in the Server header and under error pages; build is the same as on.',
  example: 'server_tokens off;',
  refuses: { 'server_tokens yes;': 'invalid value "yes"' },
});

export const absoluteRedirect = directive({
  name: 'absolute_redirect',
  contexts: ALL,
  args: [flag],
  default: 'on',
  doc: 'Redirects of our own name scheme and host; off sends a path alone.',
  example: 'absolute_redirect off;',
  refuses: { 'absolute_redirect yes;': 'it must be "on" or "off"' },
});

export const serverNameInRedirect = directive({
  name: 'server_name_in_redirect',
  contexts: ALL,
  args: [flag],
  default: 'off',
  doc: "The host in our redirects is the first server_name, not the request's host.",
  example: 'server_name_in_redirect on;',
  refuses: { 'server_name_in_redirect yes;': 'it must be "on" or "off"' },
});

export const portInRedirect = directive({
  name: 'port_in_redirect',
  contexts: ALL,
  args: [flag],
  default: 'on',
  doc: 'The port in our redirects is the one that the connection came in by.',
  example: 'port_in_redirect off;',
  refuses: { 'port_in_redirect yes;': 'it must be "on" or "off"' },
});

export const msiePadding = directive({
  name: 'msie_padding',
  contexts: ALL,
  args: [flag],
  default: 'on',
  doc: 'Error pages for MSIE and old Chrome are made long enough to be shown.',
  example: 'msie_padding off;',
  refuses: { 'msie_padding yes;': 'it must be "on" or "off"' },
});

export const msieRefresh = directive({
  name: 'msie_refresh',
  contexts: ALL,
  args: [flag],
  default: 'off',
  doc: 'MSIE gets a refresh in a page in place of a redirect.',
  example: 'msie_refresh on;',
  refuses: { 'msie_refresh yes;': 'it must be "on" or "off"' },
});

export const logSubrequest = directive({
  name: 'log_subrequest',
  contexts: ALL,
  args: [flag],
  default: 'off',
  doc: 'Subrequests have lines of their own in the access log.',
  example: 'log_subrequest on;',
  refuses: { 'log_subrequest yes;': 'it must be "on" or "off"' },
});

export const chunkedTransferEncoding = directive({
  name: 'chunked_transfer_encoding',
  contexts: ALL,
  args: [flag],
  default: 'on',
  doc: 'Answers of unknown length are sent in chunks; off closes the connection after them.',
  example: 'chunked_transfer_encoding off;',
  refuses: { 'chunked_transfer_encoding yes;': 'it must be "on" or "off"' },
});

export const errorPage = directive({
  name: 'error_page',
  contexts: WITH_IF,
  arity: [2, Number.POSITIVE_INFINITY],
  repeat: true,
  read: readErrorPage,
  doc: 'Statuses and the URI, named location or address that answers in their place; =code changes the status, = takes the one of the page.',
  example: 'error_page 500 502 503 504 /50x.html;',
  refuses: {
    'error_page 200 /x;': 'value "200" must be between 300 and 599',
    'error_page 499 /x;': 'invalid value "499"',
    'error_page 404 =ok /x;': 'invalid value "=ok"',
    'error_page =200 /x;': 'invalid value "=200"',
  },
});

export const recursiveErrorPages = directive({
  name: 'recursive_error_pages',
  contexts: ALL,
  args: [flag],
  default: 'off',
  doc: 'error_page counts for errors of an error page too.',
  example: 'recursive_error_pages on;',
  refuses: { 'recursive_error_pages yes;': 'it must be "on" or "off"' },
});

// Names.

export const resolver = directive({
  name: 'resolver',
  contexts: ALL,
  arity: [1, Number.POSITIVE_INFINITY],
  read: readResolver,
  doc: 'Name servers for host names that are known only while serving; valid= is how long an answer counts.',
  example: 'resolver 127.0.0.1 [::1]:5353 valid=30s ipv6=off;',
  refuses: {
    'resolver 127.0.0.1 valid=soon;': 'invalid parameter: valid=soon',
    'resolver 127.0.0.1 ipv6=no;': 'invalid parameter: ipv6=no',
    'resolver 127.0.0.1:0;': 'invalid port in resolver "127.0.0.1:0"',
    'resolver valid=30s;': 'no name servers defined',
    'resolver 127.0.0.1 ipv4=off ipv6=off;': '"ipv4" and "ipv6" cannot both be "off"',
  },
});

export const resolverTimeout = directive({
  name: 'resolver_timeout',
  contexts: ALL,
  args: [time],
  default: '30s',
  doc: 'How long a name server may take.',
  example: 'resolver_timeout 5s;',
  refuses: { 'resolver_timeout soon;': '"resolver_timeout" directive invalid value' },
});

/** What compiles into CoreSettings. */
// biome-ignore lint/suspicious/noExplicitAny: directives of many value types
export const coreDirectives: readonly Directive<any>[] = [
  clientHeaderTimeout,
  clientHeaderBufferSize,
  largeClientHeaderBuffers,
  maxHeaders,
  ignoreInvalidHeaders,
  underscoresInHeaders,
  mergeSlashes,
  root,
  alias,
  types,
  defaultType,
  etag,
  ifModifiedSince,
  maxRanges,
  logNotFound,
  internal,
  satisfy,
  authDelay,
  clientMaxBodySize,
  clientBodyBufferSize,
  clientBodyTimeout,
  clientBodyTempPath,
  clientBodyInFileOnly,
  clientBodyInSingleBuffer,
  sendTimeout,
  limitRate,
  limitRateAfter,
  keepaliveTimeout,
  keepaliveMinTimeout,
  keepaliveRequests,
  keepaliveTime,
  keepaliveDisable,
  lingeringClose,
  lingeringTime,
  lingeringTimeout,
  resetTimedoutConnection,
  tcpNodelay,
  serverTokens,
  absoluteRedirect,
  serverNameInRedirect,
  portInRedirect,
  msiePadding,
  msieRefresh,
  logSubrequest,
  chunkedTransferEncoding,
  errorPage,
  recursiveErrorPages,
  resolver,
  resolverTimeout,
];
