// Directives of ngx_http_core_module about clients' connections: keep-alive, lingering, pace.
import { flag, integer, oneOf, optional, seconds, time } from '../config/argument.ts';
import type { Context, Directive } from '../config/directive.ts';
import { directive } from '../config/directive.ts';
import { readSizeTemplate, setOf } from './http-core-values.ts';

const ALL: readonly Context[] = ['http', 'server', 'location'];
const WITH_IF: readonly Context[] = ['http', 'server', 'location', 'if in location'];

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
  arity: [1, 2],
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

// biome-ignore lint/suspicious/noExplicitAny: directives of many value types
export const connectionDirectives: readonly Directive<any>[] = [
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
];
