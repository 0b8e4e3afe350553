// $upstream_*: what is remembered of each attempt at a peer, and the peer's own headers. As the variables of ngx_http_upstream.c.
import type { HeaderList } from '../http/header-list.ts';
import type { Value, VariableDeclaration } from '../plan/variable.ts';
import type { Exchange } from '../proxy/exchange.ts';
import type { LateFacts } from '../proxy/late.ts';
import type { Attempt } from '../proxy/pass.ts';

export const upstreamVariables: readonly VariableDeclaration[] = [
  perAttempt('upstream_addr', ({ peer }) => peer),
  perAttempt('upstream_status', ({ status }) => (status === 0 ? '-' : String(status))),
  perAttempt('upstream_connect_time', ({ connectMs }) => seconds(connectMs)),
  perAttempt('upstream_header_time', ({ headMs }) => seconds(headMs)),
  late(
    perAttempt('upstream_response_time', ({ responseMs }) => seconds(responseMs)),
    ({ now, attemptStartedAt }) => seconds(Math.floor(now) - Math.floor(attemptStartedAt)),
  ),
  late(
    perAttempt('upstream_response_length', ({ responseBytes }) => String(responseBytes)),
    () => '0', // nginx does not count what a tunnel carries as a response
  ),
  late(
    perAttempt('upstream_bytes_received', ({ bytesReceived }) => String(bytesReceived)),
    ({ upstreamBytesReceived }) => String(upstreamBytesReceived),
  ),
  late(
    perAttempt('upstream_bytes_sent', ({ bytesSent }) => String(bytesSent)),
    ({ upstreamBytesSent }) => String(upstreamBytesSent),
  ),
  ...['upstream_cache_status', 'upstream_cache_last_modified', 'upstream_cache_etag'].map((name) => ({
    name,
    evaluate: () => undefined, // as in nginx where no proxy_cache is written
  })),
  { name: 'upstream_http_', prefix: true, evaluate: (x, name) => headerValue(x.upstreamHead?.headers, name) },
  { name: 'upstream_trailer_', prefix: true, evaluate: (x, name) => headerValue(x.upstreamTrailers, name) },
  {
    name: 'upstream_cookie_',
    prefix: true,
    evaluate: (x, name) => cookieValue(x.upstreamHead?.headers.getAll('set-cookie') ?? [], name),
  },
];

/** One value for each attempt: ", " between attempts of one pass, " : " between passes of one request. */
function perAttempt(name: string, text: (attempt: Attempt) => string): VariableDeclaration {
  return {
    name,
    evaluate({ attempts }: Exchange): Value {
      if (attempts.length === 0) return undefined;
      let all = '';
      for (const [i, attempt] of attempts.entries()) {
        if (i > 0) all += attempt.redirected ? ' : ' : ', ';
        all += text(attempt);
      }
      return all;
    },
  };
}

/** For a tunnel the last attempt's part is known at its end; those before it stay as they are. */
function late(declaration: VariableDeclaration, last: (late: LateFacts) => string): VariableDeclaration {
  const atEnd = (facts: LateFacts, before: string): string =>
    before.slice(0, before.lastIndexOf(' ') + 1) + last(facts);
  return { ...declaration, late: true, atEnd };
}

function seconds(ms: number): string {
  return ms < 0 ? '-' : (ms / 1000).toFixed(3);
}

/** A header by its name as a variable has it: lower case, "_" for "-"; several lines in one. As ngx_http_variable_unknown_header(). */
export function headerValue(headers: HeaderList | undefined, name: string): Value {
  let value: Value;
  for (let i = 0; i < (headers?.length ?? 0); i++) {
    const lower = headers?.lowerAt(i) ?? '';
    if (lower.length !== name.length || lower.replaceAll('-', '_') !== name) continue;
    const line = headers?.valueAt(i) ?? '';
    value = value === undefined ? line : `${value}, ${line}`;
  }
  return value;
}

/** As ngx_http_parse_set_cookie_lines(). */
function cookieValue(lines: readonly string[], name: string): Value {
  for (const line of lines) {
    if (line.length <= name.length || line.slice(0, name.length).toLowerCase() !== name) continue;
    const value = /^ *= *([^;]*)/.exec(line.slice(name.length));
    if (value !== null) return value[1] ?? '';
  }
  return undefined;
}
