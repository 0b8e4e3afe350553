// Directives of ngx_http_core_module about requests: how their heads and bodies are read, and who may ask.
import { flag, integer, offset, oneOf, size, time } from '../config/argument.ts';
import type { Context, Directive } from '../config/directive.ts';
import { directive } from '../config/directive.ts';
import { bufferCount, readTempPath } from './http-core-values.ts';

const SERVERS: readonly Context[] = ['http', 'server'];
const ALL: readonly Context[] = ['http', 'server', 'location'];

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

// biome-ignore lint/suspicious/noExplicitAny: directives of many value types
export const requestDirectives: readonly Directive<any>[] = [
  clientHeaderTimeout,
  clientHeaderBufferSize,
  largeClientHeaderBuffers,
  maxHeaders,
  ignoreInvalidHeaders,
  underscoresInHeaders,
  mergeSlashes,
  clientMaxBodySize,
  clientBodyBufferSize,
  clientBodyTimeout,
  clientBodyTempPath,
  clientBodyInFileOnly,
  clientBodyInSingleBuffer,
  internal,
  satisfy,
  authDelay,
];
