// The end of a run: every exchange and every socket is compared with what must have become of it. Whoever had no fault on the way of its
// own must have been served perfectly; whoever had one must at least not have been deceived.
import type { LinkRecord } from '../../src/io/simulated/link.ts';
import type { Balancer } from '../support/balancer.ts';
import { headerOf, type WireMessage } from '../support/wire-reader.ts';
import type { Cast } from './cast.ts';
import { PLACES, TIMES } from './config.ts';
import { answerContent } from './http-peer.ts';
import type { Exchange, SocketRecord } from './ledger.ts';
import { malformedOf } from './malformed.ts';
import { matchesOne, outcomesOf, type Promised, unpacked } from './promise.ts';

interface LogLine {
  readonly text: string;
  readonly request: string;
  readonly status: number;
  readonly bytesSent: number;
  /** The last that was asked, and what it answered. */
  readonly peer: string;
  readonly peerStatus: string;
}

/** Stalls that no deadline notices. */
const STALL_MS = 700;
/** How late something may happen that a deadline brings about. */
const LATE_MS = 250;

/** Adds what is wrong to the ledger; returns how many were served perfectly, and had to be. */
export function judge(cast: Cast, balancer: Balancer, begun: number): number {
  const judge = new Judge(cast, balancer);
  judge.logs(begun);
  let perfect = 0;
  for (const exchange of cast.ledger.exchanges.values()) if (judge.exchange(exchange)) perfect++;
  for (const socket of cast.ledger.sockets.values()) if (judge.socket(socket)) perfect++;
  judge.idleEnds();
  return perfect;
}

class Judge {
  private readonly cast: Cast;
  private readonly balancer: Balancer;
  private readonly lines = new Map<number, LogLine[]>();

  constructor(cast: Cast, balancer: Balancer) {
    this.cast = cast;
    this.balancer = balancer;
  }

  // The log.

  logs(begun: number): void {
    const { ledger } = this.cast;
    const all = this.balancer.accessLog.map(parseLine);
    if (all.length !== begun)
      ledger.problem(`${begun} exchanges have begun, but ${all.length} lines were logged`);
    for (const line of all) {
      const record = ledger.findWhole(line.request);
      if (record === undefined) continue; // a head of which too little was read
      const lines = this.lines.get(record.plan.id) ?? [];
      this.lines.set(record.plan.id, [...lines, line]);
    }
    for (const record of [...ledger.exchanges.values(), ...ledger.sockets.values()]) {
      const count = this.lines.get(record.plan.id)?.length ?? 0;
      if (record.begun > 1) ledger.problem(`r${record.plan.id} was begun ${record.begun} times`);
      if (count !== record.begun)
        ledger.problem(
          `r${record.plan.id} was begun ${record.begun} times and has ${count} lines in the log`,
        );
    }
    for (const line of this.balancer.errorLog) {
      if (/\[(crit|alert|emerg)\]/.test(line) && !this.expectsGrave(line))
        ledger.problem(`the error log says: ${line}`);
    }
  }

  private expectsGrave(line: string): boolean {
    if (/accept\(\) failed/.test(line)) return true;
    return /28: No space left/.test(line) && this.has('disk');
  }

  // Exchanges.

  exchange(exchange: Exchange): boolean {
    const { plan, answer } = exchange;
    if (exchange.sentAt < 0) return false;
    this.receptions(exchange);
    if (answer !== undefined) this.honest(exchange, answer);
    const excuse = this.excuse(exchange);
    if (this.cast.tracing) this.cast.trace('judge', `r${plan.id}: ${excuse ?? 'no excuse'}`);
    if (excuse !== undefined) return false;
    switch (plan.misdeed) {
      case 'none':
        return this.perfect(exchange);
      case 'malformed':
        this.refused(exchange);
        return true;
      case 'stops in head':
        this.deadline(exchange, exchange.lastPieceAt, TIMES.header, 'head');
        return true;
      case 'stops in body':
        this.deadline(exchange, exchange.lastPieceAt, TIMES.body, 'body');
        return true;
      default:
        return false;
    }
  }

  /** How often peers may have been asked, whatever has happened. */
  private receptions({ plan, receptions }: Exchange): void {
    const { peers, retries } = PLACES[plan.place];
    const once = retries === 'never' || (retries === 'safe' && plan.method === 'POST');
    const most = once ? 1 : peers.length + 1;
    if (receptions.length > most) this.problem(plan.id, `reached peers ${receptions.length} times`);
  }

  /** An answer that is whole must be one that somebody gave; one that is cut must be the beginning of one. */
  private honest(exchange: Exchange, answer: WireMessage): void {
    const { plan } = exchange;
    const label = headerOf(answer, 'x-answer');
    const line = this.lines.get(plan.id)?.[0];
    if (answer.state === 'complete' && line !== undefined && line.status !== answer.status) {
      this.problem(plan.id, `was answered ${answer.status}, but the log says ${line.status}`);
    }
    if (label === undefined) {
      if (answer.status < 300 && !['text', 'file', 'accel'].includes(plan.place)) {
        this.problem(plan.id, `was answered ${answer.status} by nobody`);
      }
      return;
    }
    const reception = exchange.receptions.find(({ attempt }) => label === `${plan.id}.${attempt}`);
    if (reception === undefined) return this.problem(plan.id, `got the answer ${label}`);
    const expected = answerContent(exchange, reception);
    const { deed, framing } = reception.answer;
    const body = unpacked(answer);
    if (!expected.startsWith(body)) return this.problem(plan.id, 'got another body than its peer gave');
    if (answer.state === 'cut' || body === expected) {
      const whole = deed === 'good' || deed === 'surplus' || plan.method === 'HEAD';
      if (whole || answer.state === 'cut' || closeFramed(answer)) return;
      return this.problem(plan.id, `got an answer as if it were whole, but its peer ${deed}`);
    }
    if (!(closeFramed(answer) && (framing === 'close' || answer.version >= 10))) {
      this.problem(plan.id, 'got a part of an answer as if it were whole');
    }
  }

  private perfect(exchange: Exchange): boolean {
    const { plan, answer } = exchange;
    const outcomes = outcomesOf(exchange, this.cast.script.weather);
    if (!matchesOne(exchange, outcomes)) {
      const wanted = outcomes.map(describe).join(' or ');
      const got =
        answer === undefined
          ? `nothing (${exchange.lost})`
          : `${answer.status} ${answer.state}, by ${headerOf(answer, 'x-answer') ?? 'nobody'}, ${answer.body.length} bytes`;
      this.problem(plan.id, `had no fault on its way, and got ${got} instead of ${wanted}`);
      return true;
    }
    if (answer?.state !== 'complete') return true;
    this.readTimeout(exchange);
    const line = this.lines.get(plan.id)?.[0];
    const bytes = answer.wireBytes + 25 * exchange.interim;
    if (line !== undefined && line.bytesSent !== bytes) {
      this.problem(plan.id, `was sent ${bytes} bytes, but the log says ${line.bytesSent}`);
    }
    this.askedPeer(exchange, answer, line);
    this.keptOpen(exchange, answer);
    return true;
  }

  /** The log names who has answered; and whoever waits for 100 Continue has been told to go on. */
  private askedPeer({ plan, receptions, interim }: Exchange, answer: WireMessage, line?: LogLine): void {
    const label = headerOf(answer, 'x-answer');
    const reception = receptions.find(({ attempt }) => label === `${plan.id}.${attempt}`);
    if (reception === undefined) return;
    const { port } = reception;
    if (line !== undefined && (line.peer !== `127.0.0.1:${port}` || line.peerStatus !== `${answer.status}`))
      this.problem(plan.id, `was answered ${answer.status} by ${port}, but the log says ${line.text}`);
    if (interim !== (plan.expects ? 1 : 0)) this.problem(plan.id, `was told to continue ${interim} times`);
  }

  /** A peer that says nothing is given up when proxy_read_timeout has passed since it had all of the request. */
  private readTimeout({ plan, receptions, answer, answeredAt }: Exchange): void {
    const [only] = receptions;
    if (answer?.status !== 504 || receptions.length !== 1 || only?.answer.deed !== 'silent') return;
    if (this.cast.script.weather !== 'calm' || !only.complete || only.answer.slowReader) return;
    const waited = answeredAt - only.completeAt;
    if (Math.abs(waited - TIMES.proxyRead) > LATE_MS)
      this.problem(plan.id, `waited ${waited.toFixed(0)} ms for a silent peer, not ${TIMES.proxyRead}`);
  }

  /** A connection is closed only for a reason. */
  private keptOpen({ plan, begunAt }: Exchange, answer: WireMessage): void {
    const closes = headerOf(answer, 'connection')?.toLowerCase().includes('close') === true;
    const reasons =
      !plan.keeps ||
      closeFramed(answer) ||
      answer.status === 400 ||
      answer.status >= 500 ||
      answer.status === 413;
    const draining =
      begunAt >= this.cast.drainedAt - STALL_MS || this.cast.drainedAt < Number.POSITIVE_INFINITY;
    if (closes && !reasons && !draining)
      this.problem(plan.id, `was answered ${answer.status} with "Connection: close" for no reason`);
    if (!closes && !plan.keeps)
      this.problem(plan.id, 'wanted its connection closed, and was told keep-alive');
  }

  private refused(exchange: Exchange): void {
    const { plan, answer, lost } = exchange;
    if (answer === undefined) {
      const { inHead, name } = malformedOf(exchange);
      const slow = this.cast.script.weather !== 'calm'; // a huge head may not come in time
      if (lost === '' || (inHead && !slow))
        this.problem(plan.id, `was malformed (${name}) and got no answer`);
      return;
    }
    const { status } = answer;
    const early =
      ['text', 'file', 'gated'].includes(plan.place) || headerOf(answer, 'x-answer') !== undefined;
    if (![400, 405, 413, 414, 501, 505].includes(status) && !early) {
      this.problem(plan.id, `was malformed and got ${status}`);
    }
  }

  private deadline(exchange: Exchange, from: number, limit: number, what: string): void {
    const { plan, lost, lostAt, answer } = exchange;
    if (lost === '' && answer === undefined)
      return this.problem(plan.id, `stopped in its ${what} and is still waited for`);
    const at = lost === '' ? exchange.answeredAt : lostAt;
    const waited = at - from;
    const early = answer !== undefined || plan.place === 'text' || plan.place === 'file';
    // Its time stands still while a peer is slow, and begins when a subrequest has said yes.
    const slack = !PLACES[plan.place].keepsBody || plan.place === 'gated' ? LATE_MS + 3000 : LATE_MS;
    if (waited > limit + slack || (waited < limit - LATE_MS && !early)) {
      this.problem(
        plan.id,
        `stopped in its ${what} and was given up after ${waited.toFixed(0)} ms, not ${limit}`,
      );
    }
  }

  /** Why an exchange may have gone wrong; undefined: it may not. */
  private excuse(exchange: Exchange): string | undefined {
    const { plan, wire, links, lost, notes } = exchange;
    const { drainedAt } = this.cast;
    if (wire === undefined) return 'never sent';
    if (lost === 'after the last answer') return 'sent behind the last answer of a connection';
    const client = this.spoiled(wire.link);
    if (client !== undefined) return `client's ${client}`;
    for (const number of links) {
      const peer = this.spoiled(this.cast.link(number));
      if (peer !== undefined) return `peer's ${peer}`;
    }
    for (const note of notes) return note;
    if (this.nearOrder(exchange, 'end older', 1000)) return 'older exchanges were ended meanwhile';
    if (exchange.sentAt > drainedAt - STALL_MS && (exchange.begunAt < 0 || exchange.begunAt >= drainedAt))
      return 'drained';
    if (exchange.begunAt < 0 && exchange.lostAt >= drainedAt) return 'drained';
    // Closed with requests unread that were sent ahead: the reset may overtake the answer.
    if (lost === 'broken' && exchange.client.ahead > 1 && this.cast.script.weather !== 'calm')
      return 'sent ahead';
    if (this.diskFails(exchange)) return 'the disk failed';
    if (plan.misdeed.startsWith('stops') && (this.has('descriptors') || this.cast.script.weather !== 'calm'))
      return 'no exact times';
    return this.staleExcuse(exchange);
  }

  /** A peer may close a kept connection in the moment in which a request comes: only what is safe is tried again then. */
  private staleExcuse({ plan, links }: Exchange): string | undefined {
    const stale = [...links].filter((number) => this.cast.ledger.idleClosed.has(number)).length;
    if (stale === 0) return undefined;
    const { retries, keepsBody, peers } = PLACES[plan.place];
    const safe = retries === 'all' || (retries === 'safe' && plan.method !== 'POST');
    // A single peer is asked again as often as that happens.
    const tooMany = peers.length > 1 && stale >= peers.length;
    if (!safe || (!keepsBody && plan.bodyBytes > 0) || tooMany) return 'a peer closed a kept connection';
    return undefined;
  }

  private spoiled({ number, faults, stalledMs }: LinkRecord): string | undefined {
    if (faults.length > 0) return `link ${number}: ${faults.join(', ')}`;
    return stalledMs > STALL_MS ? `link ${number}: stalled ${stalledMs.toFixed(0)} ms` : undefined;
  }

  private has(kind: string): boolean {
    return this.cast.script.orders.some((order) => order.do === kind);
  }

  private nearOrder({ sentAt, answeredAt, lostAt }: Exchange, kind: string, ms: number): boolean {
    const end = Math.max(answeredAt, lostAt);
    return this.cast.script.orders.some((order) => {
      const at = this.cast.startedAt + order.atMs;
      return order.do === kind && sentAt - ms <= at && (end < 0 || at <= end + ms);
    });
  }

  private diskFails(exchange: Exchange): boolean {
    if (!this.has('disk')) return false;
    const orders = this.cast.script.orders.filter((order) => order.do === 'disk');
    const from = this.cast.startedAt + Math.min(...orders.map(({ atMs }) => atMs));
    const to = this.cast.startedAt + Math.max(...orders.map(({ atMs }) => atMs));
    const end = Math.max(exchange.answeredAt, exchange.lostAt);
    return exchange.sentAt <= to + LATE_MS && (end < 0 || end >= from - LATE_MS);
  }

  // Sockets.

  socket(socket: SocketRecord): boolean {
    const { plan } = socket;
    const excuse = this.socketExcuse(socket);
    if (this.cast.tracing) this.cast.trace('judge', `socket r${plan.id}: ${excuse ?? 'no excuse'}`);
    if (excuse !== undefined) return false;
    if (plan.ending.includes(' ')) return true; // one end has broken off: all that came was right
    if (socket.status !== 101) {
      this.problem(plan.id, `was no socket: ${socket.status}`);
      return true;
    }
    if (socket.upReceived !== socket.upTotal)
      this.problem(plan.id, `lost ${socket.upTotal - socket.upReceived} bytes to the peer`);
    if (socket.downReceived !== socket.downTotal)
      this.problem(plan.id, `lost ${socket.downTotal - socket.downReceived} bytes to the client`);
    if (socket.clientEndedAt < 0 || socket.peerEndedAt < 0)
      this.problem(plan.id, 'saw no end at one of its sides');
    if (plan.ending === 'silence' && plan.slow === 'nobody' && this.cast.script.weather === 'calm') {
      const waited = Math.min(socket.clientEndedAt, socket.peerEndedAt) - socket.activeAt;
      if (Math.abs(waited - TIMES.socketRead) > LATE_MS)
        this.problem(plan.id, `was silent for ${waited.toFixed(0)} ms before its end`);
    }
    const [line] = this.lines.get(plan.id) ?? [];
    const bytesSent = socket.headBytes + socket.downTotal;
    if (line === undefined || line.status !== 101 || line.bytesSent !== bytesSent)
      this.problem(plan.id, `was sent ${bytesSent} bytes and is logged as ${line?.text}`);
    const codes = plan.webSocket ? '1000,1000' : '0,0';
    if (`${socket.closeCodes}` !== codes)
      this.problem(plan.id, `was closed by both with 1000, seen as ${socket.closeCodes}`);
    // ip_hash: all clients are of one network.
    const [reception] = socket.receptions;
    this.socketPort ??= reception?.port;
    if (reception?.port !== this.socketPort)
      this.problem(plan.id, `went to ${reception?.port}, and others to ${this.socketPort}`);
    return true;
  }

  private socketPort: number | undefined;

  private socketExcuse({ plan, links, clientLink, lost, startedAt }: SocketRecord): string | undefined {
    if (lost !== '' || clientLink === undefined) return 'never sent';
    for (const number of [clientLink.number, ...links]) {
      const spoiled = this.spoiled(this.cast.link(number));
      if (spoiled !== undefined) return spoiled;
    }
    if (this.has('end older')) return 'older ones were ended';
    if (startedAt > this.cast.drainedAt - STALL_MS - 1000) return 'drained';
    if (this.has('descriptors') && this.cast.drainedAt < Number.POSITIVE_INFINITY) return 'drained';
    return plan.id < 0 ? '' : undefined;
  }

  // Idle connections.

  idleEnds(): void {
    if (this.cast.script.weather !== 'calm' || this.has('end older')) return;
    for (const { link, since, at } of this.cast.idleEnds) {
      const { drainedAt } = this.cast;
      if (this.spoiled(link) !== undefined || since >= drainedAt - LATE_MS) continue;
      const expected = Math.min(since + TIMES.keepalive, drainedAt);
      if (Math.abs(at - expected) > LATE_MS) {
        this.cast.ledger.problem(
          `link ${link.number} was closed after ${(at - since).toFixed(0)} ms idle, not ${(expected - since).toFixed(0)}`,
        );
      }
    }
  }

  private problem(id: number, text: string): void {
    this.cast.ledger.problem(`r${id} ${text}`);
  }
}

function closeFramed(answer: WireMessage): boolean {
  const { status } = answer;
  if (status === 204 || status === 304) return false;
  return (
    headerOf(answer, 'content-length') === undefined && headerOf(answer, 'transfer-encoding') === undefined
  );
}

function describe(outcome: Promised): string {
  return outcome.by === undefined
    ? `${outcome.status}`
    : `${outcome.status} by attempt ${outcome.by}${outcome.whole ? '' : ', cut'}`;
}

/** '$request|$status|$bytes_sent|$upstream_addr|$upstream_status|$connection' */
function parseLine(text: string): LogLine {
  const parts = text.split('|');
  const [status = '', bytesSent = '', peers = '', peerStatuses = ''] = parts.slice(-5);
  return {
    text,
    request: parts.slice(0, -5).join('|'),
    status: Number(status),
    bytesSent: Number(bytesSent),
    peer: last(peers),
    peerStatus: last(peerStatuses),
  };
}

/** Of "a, b : c". */
function last(list: string): string {
  return list.split(/, | : /).at(-1) ?? '';
}
