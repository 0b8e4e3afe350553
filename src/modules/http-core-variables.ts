// The variables of ngx_http_core_module, as ngx_http_variables.c has them; times and counts are in http-log-variables.ts. What a
// variable is worth when nginx says "not found" is undefined here: nothing in a template, "-" in a log.
import { ipv6Groups, isIpv4 } from '../config/address.ts';
import { parseSize } from '../config/units.ts';
import { formatHttpDate } from '../http/date.ts';
import { type HeaderList, listValue } from '../http/header-list.ts';
import { argument } from '../http/uri.ts';
import type { Value, VariableDeclaration } from '../plan/variable.ts';
import type { Exchange } from '../proxy/exchange.ts';
import { basicCredentials } from './basic-credentials.ts';
import { documentRoot, filePath } from './http-core-root.ts';

const NGINX_VERSION = '1.31.5';

/** All lines whose name is `rest` when its hyphens are read as underscores. As ngx_http_variable_unknown_header(). */
export function headerByVariable(headers: HeaderList, rest: string, separator = ', '): Value {
  let text: Value;
  for (let i = 0; i < headers.length; i++) {
    const lower = headers.lowerAt(i);
    if (lower.length !== rest.length || !sameName(lower, rest)) continue;
    text = text === undefined ? headers.valueAt(i) : text + separator + headers.valueAt(i);
  }
  return text;
}

function sameName(lower: string, rest: string): boolean {
  for (let i = 0; i < rest.length; i++) {
    const code = lower.charCodeAt(i);
    if ((code === HYPHEN ? UNDERSCORE : code) !== rest.charCodeAt(i)) return false;
  }
  return true;
}

const HYPHEN = 45;
const UNDERSCORE = 95;

/** The client's address as its bytes: four, sixteen, or the text of a Unix one. */
function binaryAddress(address: string): string {
  if (isIpv4(address)) return String.fromCharCode(...address.split('.').map(Number));
  const groups = ipv6Groups(address);
  if (groups === undefined) return address;
  return String.fromCharCode(...groups.flatMap((group) => [group >> 8, group & 0xff]));
}

function portText(port: number): string {
  return port > 0 && port < 65_536 ? String(port) : '';
}

function some(text: string): Value {
  return text === '' ? undefined : text;
}

/** '' where there was a target but none that could be read. */
function uriOf(x: Exchange): Value {
  return x.uri === '' && x.head.method === '' ? undefined : x.uri;
}

/** The header's own text, else what a body without that header has turned out to be. */
function contentLength(x: Exchange): Value {
  const written = x.headers.get('content-length');
  if (written !== undefined) return written;
  return x.head.chunked && x.body.foundBytes >= 0 ? String(x.body.foundBytes) : undefined;
}

function sentContentType(x: Exchange): Value {
  const { contentType, charset } = x.answer;
  if (contentType === undefined || contentType === '') return undefined;
  return charset === undefined || /;\s*charset=/i.test(contentType)
    ? contentType
    : `${contentType}; charset=${charset}`;
}

function sentLastModified(x: Exchange): Value {
  const { lastModifiedSeconds, headers } = x.answer;
  if (lastModifiedSeconds >= 0) return formatHttpDate(lastModifiedSeconds);
  return headers.get('last-modified');
}

function sentConnection(x: Exchange): string {
  if (x.answer.status === 101) return 'upgrade';
  return x.keepalive ? 'keep-alive' : 'close';
}

function sentKeepAlive(x: Exchange): Value {
  const seconds = x.location.core.keepaliveHeaderSeconds;
  return x.keepalive && seconds > 0 ? `timeout=${seconds}` : undefined;
}

/** One for a request with all its subrequests and redirects. */
const requestIds = new WeakMap<Exchange, string>();

function requestId(x: Exchange): string {
  const known = requestIds.get(x.main);
  if (known !== undefined) return known;
  let id = '';
  for (let i = 0; i < 4; i++)
    id += x.program.random
      .below(2 ** 32)
      .toString(16)
      .padStart(8, '0');
  requestIds.set(x.main, id);
  return id;
}

function realpathRoot(x: Exchange): Value {
  const path = documentRoot(x);
  const real = x.program.files.realpath(path);
  if (typeof real === 'string') return real;
  x.log('crit', `realpath() "${path}" failed (${real.errno}: ${real.text})`);
  return undefined;
}

function requestBody(x: Exchange): Value {
  const { body, pass, head } = x.main;
  if (body.store !== undefined) return body.store.inMemory ? body.store.text() : undefined;
  return pass !== undefined && head.contentLength === 0 ? '' : undefined;
}

/** As ngx_http_variable_set_limit_rate(). */
function setLimitRate(x: Exchange, value: string): void {
  const rate = parseSize(value);
  if (rate === undefined) x.log('error', `invalid $limit_rate "${value}"`);
  else x.main.limitRate = rate;
}

/** As ngx_http_variable_tcpinfo(). */
function tcpInfo(x: Exchange, index: number): Value {
  return x.program.tcpInfo(x)?.[index]?.toString();
}

type Evaluate = (x: Exchange, rest: string) => Value;

function plain(name: string, evaluate: Evaluate): VariableDeclaration {
  return { name, evaluate };
}

function late(name: string, evaluate: Evaluate): VariableDeclaration {
  return { name, evaluate, late: true };
}

function family(name: string, evaluate: Evaluate): VariableDeclaration {
  return { name, prefix: true, evaluate };
}

const requestVariables: readonly VariableDeclaration[] = [
  {
    ...plain('args', (x) => some(x.args)),
    assign(x, value) {
      x.args = value;
      x.unparsedUriValid = false;
    },
  },
  plain('query_string', (x) => some(x.args)),
  plain('is_args', (x) => (x.args === '' ? '' : '?')),
  plain('uri', uriOf),
  plain('document_uri', uriOf),
  plain('request_uri', (x) => some(x.unparsedUri)),
  plain('request', (x) => x.head.requestLine),
  plain('request_method', (x) => some(x.main.method)),
  plain('server_protocol', (x) => some(x.head.protocol)),
  plain('scheme', (x) => (x.client.secure ? 'https' : 'http')),
  plain('https', (x) => (x.client.secure ? 'on' : '')),
  plain('host', (x) => (x.host === '' ? x.server.name : x.host)),
  plain('request_port', (x) => portText(x.head.port)),
  plain('is_request_port', (x) => (x.head.port === 0 ? '' : ':')),
  plain('http_cookie', (x) => x.headers.joined('cookie', '; ')),
  plain('content_length', contentLength),
  plain('content_type', (x) => x.headers.joined('content-type')),
  plain('remote_user', (x) => basicCredentials(x)?.user),
  plain('request_body', requestBody),
  plain('request_body_file', (x) => some(x.main.body.store?.path ?? '')),
  plain('request_id', requestId),
  family('http_', (x, rest) => headerByVariable(x.headers, rest)),
  family('arg_', (x, rest) => argument(x.args, rest)),
  family('cookie_', (x, rest) => listValue(x.headers, 'cookie', rest, ';')),
];

const fileVariables: readonly VariableDeclaration[] = [
  plain('document_root', documentRoot),
  plain('realpath_root', realpathRoot),
  plain('request_filename', filePath),
];

const addressVariables: readonly VariableDeclaration[] = [
  plain('remote_addr', (x) => x.remote.address),
  plain('remote_port', (x) => portText(x.remote.port)),
  plain('binary_remote_addr', (x) => binaryAddress(x.remote.address)),
  plain('server_addr', (x) => x.client.localAddress),
  plain('server_port', (x) => portText(x.client.localPort)),
  plain('server_name', (x) => x.server.name),
  // The PROXY protocol is not read: as in nginx without it.
  plain('proxy_protocol_addr', () => undefined),
  plain('proxy_protocol_port', () => undefined),
  plain('proxy_protocol_server_addr', () => undefined),
  plain('proxy_protocol_server_port', () => undefined),
  family('proxy_protocol_tlv_', () => undefined),
  plain('tcpinfo_rtt', (x) => tcpInfo(x, 0)),
  plain('tcpinfo_rttvar', (x) => tcpInfo(x, 1)),
  plain('tcpinfo_snd_cwnd', (x) => tcpInfo(x, 2)),
  plain('tcpinfo_rcv_space', (x) => tcpInfo(x, 3)),
];

/** A tunnel's line is made at its 101, and however it ends nginx has called it complete by then. */
function completion(x: Exchange): string {
  return x.answer.status === 101 || (x.answerEnded && !x.silent) ? 'OK' : '';
}

const answerVariables: readonly VariableDeclaration[] = [
  late('request_completion', completion),
  { ...plain('limit_rate', (x) => String(Math.max(0, x.main.limitRate))), assign: setLimitRate },
  plain('sent_http_content_type', sentContentType),
  plain('sent_http_content_length', (x) =>
    x.answer.contentLength >= 0 ? String(x.answer.contentLength) : undefined,
  ),
  plain('sent_http_location', (x) => x.answer.location ?? x.answer.headers.joined('location')),
  plain('sent_http_last_modified', sentLastModified),
  plain('sent_http_connection', sentConnection),
  plain('sent_http_keep_alive', sentKeepAlive),
  plain('sent_http_transfer_encoding', (x) => (x.answer.chunked ? 'chunked' : undefined)),
  family('sent_http_', (x, rest) => headerByVariable(x.answer.headers, rest)),
  family('sent_trailer_', (x, rest) =>
    x.answer.trailers === undefined ? undefined : headerByVariable(x.answer.trailers, rest),
  ),
];

const processVariables: readonly VariableDeclaration[] = [
  plain('nginx_version', () => NGINX_VERSION),
  plain('hostname', (x) => x.program.facts.hostname),
  plain('pid', (x) => String(x.program.facts.pid)),
];

export const coreVariables: readonly VariableDeclaration[] = [
  ...requestVariables,
  ...fileVariables,
  ...addressVariables,
  ...answerVariables,
  ...processVariables,
];
