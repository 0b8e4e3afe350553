// Passing a request on to a peer and taking its answer over: which peer, what when it fails, what of its head the client sees.
// As ngx_http_upstream.c decides it. Pure: the driver connects, sends and reads.
import { implicitUpstream, Upstream } from '../balance/upstream.ts';
import {
  CLIENT_TIMED_OUT,
  type Failure,
  INVALID_ANSWER,
  NO_LIVE_PEERS,
  UNASKED_UPGRADE,
} from '../base/failures.ts';
import type { ResponseHead } from '../http/head.ts';
import { HeaderList } from '../http/header-list.ts';
import { internalTarget } from '../http/uri.ts';
import type { Address } from '../io/engine.ts';
import type { Exchange } from './exchange.ts';
import { breakOff, endNow, finish, redirect, redirectToNamed, silence } from './finish.ts';
import { localAddressOf } from './local-address.ts';
import { letGo, newAttempt, type Pass, type PassTarget } from './pass.ts';
import type { NameAnswer } from './ports.ts';
import { sendHead } from './send-head.ts';
import { adoptHead, READING_HEAD } from './upstream-answer.ts';

/** Begins to pass on, or goes on once the request body has been read. A subrequest does not wait for its parent's. */
export function passOn(x: Exchange, pass: Pass): void {
  if (x.pass !== pass) x.attemptsRedirected = x.attempts.length > 0;
  x.pass = pass;
  x.lastPass = pass;
  if (x.parent === undefined && !x.body.ready) {
    if (x.phase !== 'wait') x.move('wait');
    x.awaitsBody = true;
    return x.queue({ do: 'body', how: pass.settings.requestBuffering ? 'buffer' : 'stream' });
  }
  x.passChunked = x.body.length < 0;
  x.passHead = pass.renderHead(x);
  x.wantsUpgrade = x.parent === undefined && x.head.upgrade !== '' && /\r\nupgrade: /i.test(x.passHead);
  x.bindAddress = bindAddressOf(x, pass);
  choose(x, pass.target);
}

/** As ngx_http_upstream_set_local(): once a request, before any server is chosen. */
function bindAddressOf(x: Exchange, { settings }: Pass): Address | undefined {
  const text = settings.localAddress?.(x) ?? '';
  const address = localAddressOf(text);
  if (text !== '' && address === undefined) x.log('error', `invalid local address "${text}"`);
  return address;
}

/** Finds the peers of the target. */
function choose(x: Exchange, target: PassTarget): void {
  if ('upstream' in target) {
    const upstream = x.generation.upstreams[target.upstream.number];
    if (upstream === undefined) return finish(x, 500);
    return begin(x, upstream, target.upstream.settings.hashKey?.(x));
  }
  if ('addresses' in target) return begin(x, oneTimeUpstream(x, target.name, target.addresses), undefined);
  if (target.resolver === undefined) {
    x.log('error', `no resolver defined to resolve ${target.host}`);
    return finish(x, 502);
  }
  if (x.phase !== 'wait') x.move('wait');
  const question = { ...target.resolver, name: target.host };
  x.question = question;
  x.queue({ do: 'resolve', question });
}

/** The answer for a name that stands in a variable. */
export function resolved(x: Exchange, answer: NameAnswer): void {
  x.question = undefined;
  const target = x.pass?.target;
  if (target === undefined || !('host' in target)) return;
  if ('problem' in answer) {
    x.log('error', `${target.host} could not be resolved (${answer.problem})`);
    return finish(x, 502);
  }
  const addresses = answer.map((host) => {
    const family = host.includes(':') ? (6 as const) : (4 as const);
    const name = family === 6 ? `[${host}]:${target.port}` : `${host}:${target.port}`;
    return { address: { family, host, port: target.port }, name };
  });
  begin(x, oneTimeUpstream(x, target.host, addresses), undefined);
}

type Addresses = Parameters<typeof implicitUpstream>[1];

function oneTimeUpstream(x: Exchange, name: string, addresses: Addresses): Upstream {
  return new Upstream(implicitUpstream(name, addresses), { random: x.program.random });
}

function begin(x: Exchange, upstream: Upstream, hashKey: string | undefined): void {
  const settings = x.pass?.settings;
  x.passStartedAt = x.now;
  x.upstreamName = upstream.name;
  x.selection = upstream.begin({ clientAddress: x.remote.address, hashKey, triesMax: settings?.triesMax });
  connect(x);
}

/** Takes the next peer and has the driver connect. */
function connect(x: Exchange): void {
  const { selection, pass } = x;
  if (selection === undefined || pass === undefined) return finish(x, 500);
  const peer = selection.next(x.now);
  const redirected = x.attempts.length > 0 && x.attemptsRedirected;
  x.attemptsRedirected = false;
  if (peer === 'busy') {
    const attempt = newAttempt(x.upstreamName, x.now, redirected);
    attempt.status = NO_LIVE_PEERS.status;
    attempt.responseMs = 0;
    x.attempts.push(attempt);
    x.log('error', 'no live upstreams while connecting to upstream');
    return finish(x, NO_LIVE_PEERS.status);
  }
  x.peer = peer;
  x.reused = false;
  x.requestSent = false;
  x.upstreamHead = undefined;
  x.attempts.push(newAttempt(peer.name, x.now, redirected));
  x.move('connect');
  x.queue({ do: 'connect', peer, until: x.now + pass.settings.connectTimeoutMs });
}

export function connected(x: Exchange, reused: boolean): void {
  const attempt = x.attempts.at(-1);
  if (attempt !== undefined) attempt.connectMs = x.now - attempt.startedAt;
  x.reused = reused;
  x.requestSent = true;
  x.move('send');
  x.queue({ do: 'send', head: x.passHead ?? '' });
}

/** The peer's head has come. */
export function answered(x: Exchange, head: ResponseHead): void {
  const { pass } = x;
  if (pass === undefined) return breakOff(x);
  const attempt = x.attempts.at(-1);
  if (attempt !== undefined) {
    attempt.headMs = x.now - attempt.startedAt;
    attempt.status = head.status;
  }
  x.upstreamHead = head;
  // Asked for, and the peer had the whole request to judge by; else the fault is its own.
  const askedFor = x.wantsUpgrade && x.phase === 'await';
  if (head.status === 101 && !askedFor) return fail(x, UNASKED_UPGRADE, undefined);
  if (head.status >= 300) {
    if (passesOver(x, head.status)) {
      letGo(x, head.status === 403 || head.status === 404 ? 'ok' : 'failed', false, READING_HEAD);
      return connect(x);
    }
    if (pass.settings.interceptErrors && x.location.core.errorPages.has(head.status)) {
      return intercept(x, head);
    }
  }
  const redirectTarget = adoptHead(x, head, pass);
  if (redirectTarget !== undefined) return internalRedirect(x, redirectTarget);
  if (head.status === 101) {
    if (sendHead(x, 'tunnel')) x.queue({ do: 'tunnel' });
    return;
  }
  if (!sendHead(x, 'relay')) return;
  if (x.subrequest?.onlyHead !== true && !x.answer.headOnly) return x.queue({ do: 'relay' });
  letGo(x, 'ok', true);
  if (x.parent !== undefined) return endNow(x);
  x.endAnswer();
}

/** `proxy_intercept_errors`: the peer's page gives way to error_page. A 401 keeps what it asks for. */
function intercept(x: Exchange, head: ResponseHead): void {
  for (const challenge of head.status === 401 ? head.headers.getAll('www-authenticate') : []) {
    x.answer.headers.add('WWW-Authenticate', challenge);
  }
  letGo(x, 'ok', true);
  finish(x, head.status);
}

/** X-Accel-Redirect: the answer comes from another location. */
function internalRedirect(x: Exchange, text: string): void {
  letGo(x, 'ok', true);
  if (text.startsWith('@')) return redirectToNamed(x, text, READING_HEAD);
  const target = internalTarget(text);
  if (target === undefined) {
    x.log('error', `unsafe URI "${text}" was detected${READING_HEAD}`);
    return finish(x, 404);
  }
  if (x.method !== 'HEAD') x.method = 'GET';
  redirect(x, target.uri, target.args, READING_HEAD);
}

const STATUS_CAUSES: ReadonlySet<number> = new Set([500, 502, 503, 504, 403, 404, 429]);

/** The answer is one after which another peer is asked, and there is one. */
function passesOver(x: Exchange, status: number): boolean {
  if (!STATUS_CAUSES.has(status) || x.selection === undefined || x.selection.triesLeft <= 1) return false;
  return mayTryNext(x, `http_${status}`);
}

/** Whether proxy_next_upstream and its limits allow another peer after `cause`. As ngx_http_upstream_next() and _test_next(). */
function mayTryNext(x: Exchange, cause: string): boolean {
  if (x.pass === undefined) return false;
  const { settings } = x.pass;
  if (!settings.nextUpstream.has(cause)) return false;
  if (x.requestSent && !settings.nextUpstream.has('non_idempotent') && NON_IDEMPOTENT.has(x.method))
    return false;
  if (x.requestSent && !x.body.replayable) return false;
  return settings.triesTimeoutMs === 0 || x.now - x.passStartedAt < settings.triesTimeoutMs;
}

const NON_IDEMPOTENT: ReadonlySet<string> = new Set(['POST', 'LOCK', 'PATCH']);

/** The one place that decides between the next peer, an error page and silence. */
export function fail(x: Exchange, failure: Failure, detail: string | undefined): void {
  if (failure.side === 'upstream') return failUpstream(x, failure, detail);
  tell(x, failure, detail);
  letGo(x, 'ok', false);
  if (x.answer.headSent) return breakOff(x);
  if (failure.side === 'downstream') return silence(x, failure.status);
  finish(x, failure.status);
}

function tell(x: Exchange, failure: Failure, detail: string | undefined): void {
  const text = detail ?? failure.text;
  if (text !== '') x.log(failure.level, text + doing(x, failure));
}

/** nginx's `log->action`, which is set by what reads or writes, so that it says what was done last. */
function doing(x: Exchange, failure: Failure): string {
  if (failure.side !== 'downstream') return WHILE[x.phase] ?? '';
  switch (x.phase) {
    case 'await':
      return WHILE.send ?? '';
    case 'relay':
      return x.unbuffered || failure === CLIENT_TIMED_OUT ? ' while sending to client' : (WHILE.relay ?? '');
    case 'answer':
      return ' while sending response to client';
    default:
      return WHILE[x.phase] ?? '';
  }
}

const WHILE: Readonly<Partial<Record<string, string>>> = {
  connect: ' while connecting to upstream',
  send: ' while sending request to upstream',
  await: READING_HEAD,
  relay: ' while reading upstream',
  tunnel: ' while proxying upgraded connection',
};

function failUpstream(x: Exchange, failure: Failure, detail: string | undefined): void {
  const attempt = x.attempts.at(-1);
  if (attempt !== undefined && !x.answer.headSent) attempt.status = failure.status;
  const { selection } = x;
  const cause = CAUSES[failure.code] ?? 'error';
  const toldLast = cause === 'timeout' && !x.answer.headSent; // ngx_http_upstream_next() itself tells of it
  if (!toldLast) tell(x, failure, detail);
  letGo(x, x.answer.headSent ? 'ok' : 'failed', false, doing(x, failure)); // a peer that answered lives
  if (toldLast) tell(x, failure, detail);
  // What cannot be read ends there and then; what is short goes out as far as it came.
  if (x.answer.headSent) return failure === INVALID_ANSWER ? breakOff(x) : cutShort(x);
  // A kept connection that the peer has closed meanwhile costs no try: nothing was lost but the connection.
  if (x.reused && cause === 'error') selection?.grantTry();
  if (failure.retry !== 'never' && selection !== undefined && selection.triesLeft > 0 && mayTryNext(x, cause))
    return connect(x);
  finish(x, failure.status);
}

/** What has come of the answer goes out, without a proper end: the connection is closed after it, so that the client sees the cut. */
function cutShort(x: Exchange): void {
  x.keepalive = false;
  if (x.phase !== 'relay' || x.parent !== undefined) return breakOff(x);
  for (const filter of x.filters) filter.flush?.();
  x.answerEnded = true;
}

/** What proxy_next_upstream calls a failure; the rest are "error". */
const CAUSES: Readonly<Record<string, string>> = {
  connect_timed_out: 'timeout',
  send_timed_out: 'timeout',
  read_timed_out: 'timeout',
  invalid_answer: 'invalid_header',
  answer_too_big: 'invalid_header',
};

/** The peer's answer has come to its end and was passed on. */
export function relayed(x: Exchange, keep: boolean): void {
  takeTrailers(x);
  letGo(x, 'ok', keep);
}

/** As ngx_http_upstream_process_trailers(). */
function takeTrailers(x: Exchange): void {
  const { pass, upstreamTrailers: trailers } = x;
  if (pass === undefined || trailers === undefined) return;
  if (!pass.settings.passTrailers) {
    x.upstreamTrailers = undefined;
    return;
  }
  x.answer.trailers ??= new HeaderList();
  for (let i = 0; i < trailers.length; i++) {
    const lower = trailers.lowerAt(i);
    if (!pass.settings.hideHeaders.has(lower)) {
      x.answer.trailers.addLowered(trailers.nameAt(i), lower, trailers.valueAt(i));
    }
  }
}
