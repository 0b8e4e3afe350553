// The variables that a log is made of: times, counts of bytes, the connection. Those that only the end of an exchange knows say how
// a tunnel's line gets them.
import type { Ms } from '../base/time.ts';
import { LogTime } from '../http/date.ts';
import type { VariableDeclaration } from '../plan/variable.ts';
import type { Exchange } from '../proxy/exchange.ts';

export const logVariables: readonly VariableDeclaration[] = [
  {
    name: 'time_local',
    late: true,
    evaluate: (x) => times.timeLocal(x.wall / 1000, zoneOf(x)),
    atEnd: (late) => times.timeLocal(late.wall / 1000, late.zoneMinutes),
  },
  {
    name: 'time_iso8601',
    late: true,
    evaluate: (x) => times.timeIso8601(x.wall / 1000, zoneOf(x)),
    atEnd: (late) => times.timeIso8601(late.wall / 1000, late.zoneMinutes),
  },
  { name: 'msec', late: true, evaluate: (x) => secondsText(x.wall), atEnd: (late) => secondsText(late.wall) },
  {
    name: 'request_time',
    late: true,
    evaluate: (x) => span(x.startedAt, x.now),
    atEnd: (late) => span(late.startedAt, late.now),
  },
  {
    name: 'connection_time',
    late: true,
    evaluate: (x) => span(x.client.startedAt, x.now),
    atEnd: (late) => span(late.connectedAt, late.now),
  },
  {
    name: 'bytes_sent',
    late: true,
    evaluate: (x) => String(x.main.bytesSent),
    atEnd: (late) => String(late.bytesSent),
  },
  {
    name: 'body_bytes_sent',
    late: true,
    evaluate: (x) => bodyBytes(x.main.bytesSent, x.main.headBytes),
    atEnd: (late) => bodyBytes(late.bytesSent, late.headBytes),
  },
  { name: 'status', evaluate: (x) => statusText(statusOf(x)) },
  { name: 'request_length', evaluate: (x) => String(x.main.head.headBytes + x.main.body.wireBytes) },
  { name: 'connection', evaluate: (x) => String(x.client.number) },
  { name: 'connection_requests', evaluate: (x) => String(x.client.requests) },
  { name: 'pipe', evaluate: (x) => (x.pipelined ? 'p' : '.') },
];

const times = new LogTime();

function zoneOf(x: Exchange): number {
  return x.program.facts.zoneMinutes(x.wall);
}

/** "12.345" of milliseconds; less than none is 0.000, as in nginx. */
function secondsText(ms: Ms): string {
  const whole = Math.max(0, Math.floor(ms));
  const rest = whole % 1000;
  return `${(whole - rest) / 1000}.${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}`;
}

/** Both ends are cut to whole milliseconds first, as nginx's clock is. */
function span(from: Ms, to: Ms): string {
  return secondsText(Math.floor(to) - Math.floor(from));
}

function bodyBytes(bytesSent: number, headBytes: number): string {
  return String(Math.max(0, bytesSent - headBytes));
}

function statusText(status: number): string {
  return status >= 100 ? String(status) : String(status).padStart(3, '0');
}

/** What the client got, or what is on its way to it. As ngx_http_variable_status(). */
function statusOf(x: Exchange): number {
  const status = x.answer.headSent ? x.answer.status : x.errorStatus || x.answer.status;
  return status === 0 && x.head.version === 9 ? 9 : status;
}
