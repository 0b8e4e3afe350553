// What an exchange without any fault on its way must come to: computed from its plan alone, as nginx's documentation promises it.
import { constants, gunzipSync } from 'node:zlib';
import { byteString, bytesOf } from '../../src/base/bytes.ts';
import { headerOf, type WireMessage } from '../support/wire-reader.ts';
import { PLACES, SORRY, TEXT } from './config.ts';
import { fileContent } from './http-client.ts';
import { answerContent } from './http-peer.ts';
import type { Exchange } from './ledger.ts';
import type { AnswerPlan, Script } from './script.ts';

export interface Promised {
  readonly status: number;
  /** The number of the attempt whose answer it is; undefined: the balancer's own. */
  readonly by: number | undefined;
  /** All of it, and not a part that shows as one. */
  readonly whole: boolean;
  /** Of the balancer's own answer; undefined: a page that does not matter. */
  readonly body?: string;
}

/** All that may rightly become of it: mostly one thing. */
export function outcomesOf(exchange: Exchange, weather: Script['weather']): readonly Promised[] {
  const { plan } = exchange;
  const { place, method } = plan;
  const { bodyBytesMax, peers } = PLACES[place];
  if (bodyBytesMax > 0 && plan.bodyBytes > bodyBytesMax) return [own(413)];
  if (place === 'text') return [own(200, TEXT)];
  if (place === 'file')
    return [method === 'GET' || method === 'HEAD' ? own(200, fileContent(plan.id)) : own(405)];
  if (place === 'gated' && plan.gate !== 200) return [own(plan.gate === 0 ? 500 : plan.gate)];
  if (place === 'accel' && plan.answers[0]?.status === 200) return [own(200, fileContent(plan.id))];
  const found: Promised[] = [];
  if (place === 'second') {
    second(exchange, weather, found);
    return found;
  }
  if (place === 'few') found.push(own(502)); // all are busy
  attempts(exchange, weather, 0, peers.length, found);
  return found;
}

/** The first peer's failures, and its 404, are made good by another location. */
function second(exchange: Exchange, weather: Script['weather'], found: Promised[]): void {
  const [answer, next] = exchange.plan.answers;
  if (answer === undefined || next === undefined) return;
  const failures = failuresOf(answer, weather);
  const isCut = breaksOff(answer) && exchange.plan.method !== 'HEAD';
  if ((failures.length === 0 && answer.status !== 404) || breaksOff(answer))
    found.push({ status: answer.status, by: 0, whole: !isCut });
  if (failures.length > 0 || answer.status === 404) found.push({ status: next.status, by: 1, whole: true });
}

function attempts(
  exchange: Exchange,
  weather: Script['weather'],
  attempt: number,
  left: number,
  found: Promised[],
): void {
  const { plan } = exchange;
  const { place } = plan;
  const answer = plan.answers[attempt];
  if (answer === undefined) return;
  const failures = failuresOf(answer, weather);
  const isCut = breaksOff(answer) && plan.method !== 'HEAD';
  if (failures.length === 0 || breaksOff(answer)) {
    const intercepted = place === 'pages' && [502, 503, 504].includes(answer.status);
    if (intercepted) found.push(own(answer.status, SORRY));
    else found.push({ status: answer.status, by: attempt, whole: !isCut });
  }
  for (const status of failures) {
    const retried = (place === 'retry' || place === 'passing') && left > 1 && answer.deed !== 'unasked';
    // While a body is passed on as it comes, nobody can say whether it is all there for another peer.
    const certain = place === 'retry' || plan.bodyBytes === 0;
    if (retried) attempts(exchange, weather, attempt + 1, left - 1, found);
    if (retried && certain) continue;
    if (status === 503 && place !== 'pages') found.push({ status, by: attempt, whole: true });
    else found.push(own(status, place === 'pages' ? SORRY : undefined));
  }
}

/** Within its body, if it has one. */
function breaksOff({ deed }: AnswerPlan): boolean {
  return deed === 'cut' || deed === 'torn' || deed === 'stalls' || deed === 'misframed';
}

/** The statuses by which an attempt may fail before its head has come; none where it cannot. */
function failuresOf({ deed, status, early }: AnswerPlan, weather: Script['weather']): readonly number[] {
  switch (deed) {
    case 'close':
    case 'reset':
    case 'garbage':
    case 'unasked':
      return [502];
    case 'silent':
      return [504];
    case 'huge':
    case 'chatters':
      return weather === 'calm' ? [502] : [502, 504];
    case 'torn':
      return [502]; // the reset may have overtaken the head
    case 'cut':
    case 'misframed':
      return early ? [502] : []; // closed with bytes unread: a reset too
    case 'stalls':
      return [];
    default:
      return status === 503 ? [503] : [];
  }
}

function own(status: number, body?: string): Promised {
  return { status, by: undefined, whole: true, ...(body === undefined ? {} : { body }) };
}

export function matchesOne(exchange: Exchange, outcomes: readonly Promised[]): boolean {
  return outcomes.some((outcome) => matches(exchange, outcome));
}

function matches(exchange: Exchange, { status, by, whole, body }: Promised): boolean {
  const { plan, answer, lost } = exchange;
  const { place } = plan;
  if (answer === undefined) return !whole && lost !== '';
  if (answer.status !== status) return false;
  const label = headerOf(answer, 'x-answer');
  if (by === undefined) {
    if (label !== undefined || answer.state !== 'complete') return false;
    return body === undefined || answer.body === (plan.method === 'HEAD' ? '' : body);
  }
  if (label !== `${plan.id}.${by}`) return false;
  const reception = exchange.receptions.find(({ attempt }) => attempt === by);
  if (reception === undefined) return false;
  const expected = answerContent(exchange, reception);
  if (whole) return answer.state === 'complete' && unpacked(answer) === expected;
  // What has come is all that the peer has said, unless a reset took the rest with it (a close with bytes unread is one too), its
  // framing was broken, or it was being packed.
  const ended = answer.state === 'complete' || lost === 'ended';
  const { deed, early } = reception.answer;
  const all = ended && place !== 'zip' && deed !== 'torn' && deed !== 'misframed' && !early;
  return all ? answer.body === expected : expected.startsWith(unpacked(answer));
}

/** The body without the balancer's gzip; of a cut one as much as can be had. */
export function unpacked(answer: WireMessage): string {
  if (headerOf(answer, 'content-encoding') !== 'gzip' || answer.body === '') return answer.body;
  try {
    return byteString(gunzipSync(bytesOf(answer.body), { finishFlush: constants.Z_SYNC_FLUSH }));
  } catch {
    return 'no gzip';
  }
}
