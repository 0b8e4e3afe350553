// One connection to a peer: sends a request, reads its answer's head and body, and lies idle in its pool between exchanges.
// It knows HTTP's framing and reports events; what they lead to is the exchange's.
import { NO_BYTES } from '../base/bytes.ts';
import {
  ANSWER_CUT,
  CONNECT_TIMED_OUT,
  type Failure,
  INVALID_ANSWER,
  PEER_CLOSED,
  PEER_RESET,
  READ_TIMED_OUT,
  SEND_TIMED_OUT,
} from '../base/failures.ts';
import { INTERIM_ANSWERS_MAX } from '../base/limits.ts';
import type { Ms } from '../base/time.ts';
import { BodyDecoder } from '../http/body.ts';
import { type ResponseHead, ResponseHeadParser } from '../http/head.ts';
import type {
  Address,
  Conn,
  ConnectionHandler,
  Engine,
  IoError,
  TimerOwner,
  TimerSlot,
} from '../io/engine.ts';
import type { UpstreamSettings } from '../plan/plan.ts';
import { connectFailure, ioErrorText } from './error-text.ts';
import type { Exchange } from './exchange.ts';
import type { BodySink } from './filters.ts';
import type { KeepalivePool } from './keepalive-pool.ts';
import { OutQueue } from './out-queue.ts';
import type { Attempt } from './pass.ts';
import { RequestWriter } from './request-writer.ts';
import type { ExchangeRun } from './run.ts';

const NEVER: Ms = Number.POSITIVE_INFINITY;

const AFTER_CHUNKS = 'data after final chunk';
const BEYOND_LENGTH = 'more data than specified in "Content-Length" header';

export interface PeerConnectOptions {
  readonly peerName: string;
  readonly address: Address;
  readonly localAddress: Address | undefined;
  readonly keepalive: boolean;
  readonly pool: KeepalivePool | undefined;
  /** What may use it again when it is kept: `keepalive … local`. */
  readonly tag: unknown;
  readonly settings: UpstreamSettings | undefined;
}

const CLOSE = /\r\nconnection:(?:[^\r]*,)?[ \t]*close[ \t]*[,\r]/i;

/** The request told the peer that it is the connection's last, so that no other may follow it (RFC 9112, 9.6). */
function saysClose(head: string): boolean {
  return head.includes('\r\nConnection: close\r\n') || CLOSE.test(head);
}

export class PeerConnection implements ConnectionHandler, TimerOwner, BodySink {
  readonly peerName: string;
  readonly tag: unknown;
  readonly conn: Conn;
  readonly queue: OutQueue;
  private readonly writer: RequestWriter;
  private run: ExchangeRun | undefined;
  private readonly engine: Engine;
  private readonly pool: KeepalivePool | undefined;
  private readonly settings: UpstreamSettings | undefined;
  private readonly timer: TimerSlot;
  private readonly madeAt: Ms;
  private requests = 0;
  private state: 'connecting' | 'exchange' | 'relaying' | 'idle' | 'closed' = 'connecting';
  private parser: ResponseHeadParser | undefined;
  private headBytesMax = 0;
  private head: ResponseHead | undefined;
  /** 1xx heads that came instead of it so far. */
  private interimCount = 0;
  private decoder: BodyDecoder | undefined;
  private paused = false;
  /** The peer sent more than its answer: it is not kept. */
  private surplus = false;
  /** The request's last byte has been taken by the system. */
  private sentAll = false;
  private sentBefore = 0;
  private attempt: Attempt | undefined;
  private readUntil: Ms = NEVER;
  private writeUntil: Ms = NEVER;

  constructor(engine: Engine, options: PeerConnectOptions, run: ExchangeRun, until: Ms) {
    this.engine = engine;
    this.peerName = options.peerName;
    this.tag = options.tag;
    this.pool = options.pool;
    this.settings = options.settings;
    this.run = run;
    this.madeAt = engine.now();
    this.timer = engine.timers.add(this);
    const { localAddress, keepalive } = options;
    this.conn = engine.connect(
      options.address,
      localAddress === undefined ? { keepalive } : { localAddress, keepalive },
      this,
    );
    this.queue = new OutQueue(engine, this.conn, undefined);
    this.writer = new RequestWriter(engine, this.queue);
    this.writeUntil = until;
    this.arm();
  }

  // What the run asks for.

  /** Taken from the pool for another exchange. */
  adopt(run: ExchangeRun): void {
    this.run = run;
    this.readUntil = NEVER;
    this.state = 'exchange';
  }

  /** Sends the request and begins to wait for the answer. */
  send(head: string, headBytesMax: number): void {
    const run = this.run;
    if (run === undefined) return;
    this.state = 'exchange';
    this.requests++;
    if (this.parser === undefined || this.headBytesMax !== headBytesMax) {
      this.parser = new ResponseHeadParser({ headBytesMax });
      this.headBytesMax = headBytesMax;
    } else this.parser.reset();
    this.head = undefined;
    this.interimCount = 0;
    this.decoder = undefined;
    this.sentAll = false;
    this.surplus = false;
    this.sentBefore = this.queue.written;
    this.attempt = run.x.attempts.at(-1);
    this.readUntil = NEVER;
    const own = run.x.pass?.body;
    this.writer.begin(head, run.x.passChunked);
    if (own !== undefined) this.writer.whole(own);
    else this.pumpBody(run);
    this.flushRequest();
    if (!this.queue.full) run.requestDrained(); // the client waited with more of the body than could be stored
  }

  /** Passes the answer's body on; what of it came with the head follows from `received`. */
  relay(): void {
    const { head, run } = this;
    if (head === undefined || run === undefined) return;
    this.state = 'relaying';
    this.decoder = new BodyDecoder(this.framingOf(run, head), head.contentLength);
    if (this.decoder.ended) this.finishRelay(run);
  }

  /** The exchange is done with it. */
  release(keep: boolean): void {
    const keepable = keep && this.keepable();
    this.countSent();
    this.leaveBody();
    this.run = undefined;
    if (!keepable) return this.close();
    const { settings, pool } = this;
    if (settings === undefined || pool === undefined) return this.close();
    this.state = 'idle';
    this.resume();
    this.writeUntil = NEVER;
    this.readUntil = this.engine.now() + settings.keepaliveTimeoutMs;
    this.arm();
    pool.keep(this, settings.keepaliveMax);
  }

  /** Another owner takes the socket over (a tunnel); this object is void. */
  surrender(): void {
    this.state = 'closed';
    this.run = undefined;
    this.engine.timers.remove(this.timer);
  }

  close(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.pool?.remove(this);
    this.queue.close();
    this.engine.timers.remove(this.timer);
    this.engine.close(this.conn);
  }

  /** The client has taken what it had: reading goes on. */
  resume(): void {
    if (!this.paused || this.state === 'closed') return;
    this.paused = false;
    this.engine.resume(this.conn);
    if (this.run !== undefined) this.waitForPeer(this.run);
    this.arm();
  }

  /** No room for more of the request: who reads from the client waits. */
  get full(): boolean {
    return this.queue.full;
  }

  get bytesSent(): number {
    return this.queue.sent - this.sentBefore;
  }

  // What the engine says.

  connected(): void {
    const { run } = this;
    this.writeUntil = NEVER;
    run?.event({ type: 'connected', reused: false });
    this.settle();
    run?.settle();
  }

  received(_conn: Conn, bytes: Uint8Array, start: number, end: number): void {
    const run = this.run;
    if (this.state === 'idle' || run === undefined) return this.close(); // nothing was asked: a peer that speaks unasked is not kept
    if (this.attempt !== undefined) this.attempt.bytesReceived += end - start;
    if (this.state === 'relaying') {
      this.waitForPeer(run);
      this.relayBytes(run, bytes, start, end);
    } else this.readHead(run, bytes, start, end);
    this.settle();
    run.settle();
  }

  ended(): void {
    const run = this.run;
    if (this.state === 'idle' || run === undefined) return this.close();
    if (this.state !== 'relaying' || this.decoder === undefined) this.fail(run, PEER_CLOSED);
    else if (this.decoder.closed() === 'cut') this.fail(run, ANSWER_CUT);
    else this.finishRelay(run);
    run.settle();
  }

  writable(): void {
    this.queue.flush();
    const run = this.run;
    if (run === undefined || this.state === 'closed') return;
    if (!this.writer.ended) this.pumpBody(run);
    this.checkSent();
    if (!this.queue.full) run.requestDrained();
    this.settle();
    run.settle();
  }

  failed(_conn: Conn, error: IoError): void {
    const run = this.run;
    const connecting = this.state === 'connecting';
    this.forget();
    if (run === undefined) return;
    run.peerGone();
    if (connecting) run.event({ type: 'failed', ...connectFailure(this.peerName, error) });
    else run.event({ type: 'failed', failure: PEER_RESET, detail: ioErrorText(asRead(run.x, error)) });
    run.settle();
  }

  expired(_slot: TimerSlot, now: Ms): void {
    const run = this.run;
    if (run === undefined) return this.close();
    if (now < this.readUntil && now < this.writeUntil) return this.arm();
    let failure: Failure = READ_TIMED_OUT;
    if (this.state === 'connecting') failure = CONNECT_TIMED_OUT;
    else if (now >= this.writeUntil) failure = SEND_TIMED_OUT;
    this.fail(run, failure);
    run.settle();
  }

  // The request.

  /** What is stored of the body, then what comes. */
  private pumpBody(run: ExchangeRun): void {
    const { body } = run.x;
    const verdict = this.writer.stored(body);
    if (verdict === 'failed') this.fail(run, PEER_RESET, 'the stored request body could not be read');
    else if (verdict === 'done' && !body.complete && body.phase === 'streaming') body.stream = this;
  }

  /** The client's body, as it comes. */
  push(bytes: Uint8Array, start: number, end: number, last: boolean): void {
    if (this.run === undefined || this.state === 'closed') return;
    this.writer.push(bytes, start, end, last);
    if (last) this.flushRequest();
  }

  /** What comes of the body from now on is not for this peer: it is stored for the next one. */
  private leaveBody(): void {
    const body = this.run?.x.body;
    if (body?.stream === this) body.stream = undefined;
  }

  /** The client's read is over: what of the body was held back goes out. */
  flushRequest(): void {
    if (this.state !== 'exchange') return;
    this.writer.flush();
    this.checkSent();
    this.settle();
  }

  private checkSent(): void {
    const run = this.run;
    if (this.sentAll || run === undefined || !this.writer.ended) return;
    if (this.queue.broken || this.queue.pendingBytes > 0) return;
    this.sentAll = true;
    if (this.head === undefined) this.waitForPeer(run);
    run.event({ type: 'sent' });
  }

  /** Its silence may last so long from now on. */
  private waitForPeer({ x }: ExchangeRun): void {
    if (x.pass !== undefined) this.readUntil = this.engine.now() + x.pass.settings.readTimeoutMs;
  }

  private countSent(): void {
    if (this.attempt !== undefined && this.run !== undefined) this.attempt.bytesSent = this.bytesSent;
  }

  // The answer.

  private readHead(run: ExchangeRun, bytes: Uint8Array, start: number, end: number): void {
    const { parser } = this;
    if (parser === undefined) return this.close();
    let at = start;
    for (;;) {
      const verdict = parser.push(bytes, at, end);
      if (verdict === 'more') return;
      if (verdict !== 'head')
        return this.fail(run, verdict, parser.detail === '' ? undefined : parser.detail);
      at += parser.consumed;
      const { head } = parser;
      if (head.status >= 200 || head.status === 101) {
        this.head = head;
        break;
      }
      if (++this.interimCount > INTERIM_ANSWERS_MAX)
        return this.fail(run, INVALID_ANSWER, 'upstream sent too many interim responses');
      parser.reset(); // 100 and 103: the final head follows
      if (at === end) return;
    }
    this.surplus = at < end; // what follows an answer without a body
    this.waitForPeer(run);
    run.event({ type: 'answered', head: this.head });
    if (this.run !== run) return run.afterTunnel(this.conn, bytes, at, end);
    if (!this.sentAll) run.x.body.discard(); // as preserve_output: off
    if (this.state === 'relaying' && at < end) this.relayBytes(run, bytes, at, end);
  }

  private relayBytes(run: ExchangeRun, bytes: Uint8Array, start: number, end: number): void {
    const { decoder } = this;
    if (decoder === undefined) return;
    const { x } = run;
    if (this.attempt !== undefined) this.attempt.responseBytes += end - start;
    let at = start;
    let contentStart = 0;
    let contentEnd = 0;
    let step = decoder.next(bytes, at, end);
    for (; step === 'data'; step = decoder.next(bytes, at, end)) {
      at += decoder.consumed;
      const { dataStart, dataEnd } = decoder;
      if (contentStart === contentEnd) contentStart = contentEnd = dataStart;
      // The chunks of one read are moved together and go on as one.
      else bytes.copyWithin(contentEnd, dataStart, dataEnd);
      contentEnd += dataEnd - dataStart;
    }
    at += decoder.consumed;
    if (step === 'end') {
      this.surplus = at < end;
      if (this.surplus)
        x.log(
          'warn',
          `upstream sent ${this.head?.chunked ? AFTER_CHUNKS : BEYOND_LENGTH} while reading upstream`,
        );
      return this.finishRelay(run, bytes, contentStart, contentEnd);
    }
    if (contentEnd > contentStart) x.out.push(bytes, contentStart, contentEnd, false);
    if (step === 'invalid') return this.fail(run, INVALID_ANSWER, 'upstream sent invalid chunked response');
    if (x.unbuffered) for (const filter of x.filters) filter.flush?.();
    if (x.sink.full) this.pause();
  }

  /** The answer is whole; `bytes` from `start` to `end` are the last of it. */
  private finishRelay(run: ExchangeRun, bytes: Uint8Array = NO_BYTES, start = 0, end = 0): void {
    const { trailers } = this.decoder ?? {};
    if (trailers !== undefined && trailers.length > 0) run.x.upstreamTrailers = trailers;
    run.event({ type: 'relayed', keep: true });
    run.x.out.push(bytes, start, end, true);
    run.settle();
  }

  /** How the answer's body ends: by the method that the peer was asked with. */
  private framingOf({ x }: ExchangeRun, head: ResponseHead): ReturnType<ResponseHead['framing']> {
    const asked = x.passHead ?? '';
    const code = asked.charCodeAt(0);
    return head.framing((code === 72 || code === 104) && /^HEAD /i.test(asked) ? 'HEAD' : 'GET');
  }

  /** The answer has been read whole, so that what comes next is another. */
  private keepable(): boolean {
    const { head, settings, run } = this;
    if (run === undefined || head === undefined || settings === undefined || head.status === 101)
      return false;
    const bodiless = this.framingOf(run, head) === 'none' || (!head.chunked && head.contentLength === 0);
    if (this.decoder === undefined ? !bodiless : !this.decoder.ended) return false;
    if (!head.keepAlive || !this.sentAll || this.surplus) return false;
    if (saysClose(run.x.passHead ?? '')) return false;
    if (this.requests >= settings.keepaliveRequestsMax) return false;
    return this.engine.now() - this.madeAt < settings.keepaliveTimeMs;
  }

  private pause(): void {
    if (this.paused || this.state === 'closed') return;
    this.paused = true;
    this.readUntil = NEVER;
    this.engine.pause(this.conn);
  }

  private fail(run: ExchangeRun, failure: Failure, detail?: string): void {
    this.countSent();
    run.event(detail === undefined ? { type: 'failed', failure } : { type: 'failed', failure, detail });
  }

  private broken(run: ExchangeRun): void {
    const error = this.engine.lastError(this.conn);
    this.fail(run, PEER_RESET, error === undefined ? undefined : ioErrorText(error));
  }

  /** After each call from outside: the send timer, the wheel. */
  private settle(): void {
    if (this.state === 'closed') return;
    this.countSent();
    const run = this.run;
    // Once it answers, nothing depends on what it takes of the request: nginx has no write handler then.
    const sends = this.state !== 'relaying';
    if (run !== undefined && this.queue.broken && sends) return this.broken(run);
    const timeout = run?.x.pass?.settings.sendTimeoutMs;
    this.writeUntil =
      this.queue.pendingBytes > 0 && timeout !== undefined && sends ? this.engine.now() + timeout : NEVER;
    this.arm();
  }

  private arm(): void {
    const until = Math.min(this.readUntil, this.writeUntil);
    if (until === NEVER) this.engine.timers.disarm(this.timer);
    else this.engine.timers.arm(this.timer, until);
  }

  /** The engine has closed the socket already. */
  private forget(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.leaveBody();
    this.run = undefined;
    this.pool?.remove(this);
    this.queue.close();
    this.engine.timers.remove(this.timer);
  }
}

/** A buffered answer's body is read as ngx_event_pipe_read_upstream() does, with readv(). */
function asRead(x: Exchange, error: IoError): IoError {
  return x.phase === 'relay' && !x.unbuffered && error.call === 'recv' ? { ...error, call: 'readv' } : error;
}
