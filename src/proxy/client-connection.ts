// A client's connection while it speaks HTTP: reads heads one after another, feeds bodies, sends answers, keeps alive or lingers.
// One exchange at a time; what the client sends ahead waits. As ngx_http_request.c.
import { NO_BYTES } from '../base/bytes.ts';
import { CLIENT_BODY_TIMED_OUT, CLIENT_GONE, CLIENT_TIMED_OUT } from '../base/failures.ts';
import { HELD_AHEAD_BYTES_MAX } from '../base/limits.ts';
import type { Ms } from '../base/time.ts';
import type { RequestHeadParser } from '../http/head.ts';
import type { HeadError } from '../http/head-error.ts';
import type { Conn, ConnectionHandler, IoError, TimerOwner, TimerSlot } from '../io/engine.ts';
import { Ahead } from './ahead.ts';
import { ClientAnswer } from './client-answer.ts';
import { beginBody, tellOfBodyStore } from './client-body.ts';
import { ClientDeadlines, NEVER } from './client-deadlines.ts';
import { goesOnAlone, leaving, noticesGone, readsBody } from './client-leaving.ts';
import type { Driver } from './driver.ts';
import { ioErrorText } from './error-text.ts';
import type { AnswerSink, Client, Exchange } from './exchange.ts';
import type { IdleEnd } from './log-context.ts';
import { OutQueue, SMALL_QUEUE } from './out-queue.ts';
import type { RequestBody } from './request-body.ts';
import type { Reusable } from './reusable.ts';
import type { ExchangeRun } from './run.ts';

const TIMED_OUT = `${CLIENT_TIMED_OUT.text} (110: Connection timed out)`;

const NO_LINES: readonly string[] = [];

/** Where the connection is. 'emptying': an answer has gone out and the rest of its request's body is read away. */
type State = 'head' | 'busy' | 'emptying' | 'lingering' | 'closed';

export class ClientConnection implements ConnectionHandler, TimerOwner, AnswerSink, Reusable {
  readonly conn: Conn;
  readonly client: Client;
  readonly queue: OutQueue;
  readonly answer: ClientAnswer;
  run: ExchangeRun | undefined;
  /** The roster's. */
  place = -1;
  /** The reusable list's. */
  older: Reusable | undefined;
  newer: Reusable | undefined;
  reusable = false;
  private readonly driver: Driver;
  private readonly deadlines: ClientDeadlines;
  private readonly parser: RequestHeadParser;
  private state: State = 'head';
  /** What came ahead of its time, copied. Reading goes on, so that the client's leaving is noticed, and pauses where it is much. */
  readonly ahead = new Ahead();
  /** A head has just been read, and `ahead` is what followed it in the same read: its own call takes it, after the exchange's start. */
  private beginning = false;
  private paused = false;
  /** The client has half-closed. */
  private halfClosed = false;
  /** Why the socket is no more: the engine has said so. */
  private goneBy: IoError | undefined;
  /** For `reset_timedout_connection`. */
  private timedOut = false;
  /** The head was none, and more of it, or of a body, may be under way: as nginx's `read->ready`, closing would be a reset. */
  private headRefused = false;
  /** The next request had begun to come when the one before it ended: `$pipe`. */
  pipelined = false;
  /** The exchange waits to stream a body: told at the turn's end, when what came with the head has been taken in (it may be all). */
  private streamAsked = false;
  /** Of the location that answered last: how long the next request may take to come. */
  private keepaliveMs: Ms = 0;

  constructor(driver: Driver, conn: Conn, client: Client) {
    this.driver = driver;
    this.conn = conn;
    this.client = client;
    this.queue = new OutQueue(driver.engine, conn, driver.files);
    this.answer = new ClientAnswer(this.queue);
    this.deadlines = new ClientDeadlines(driver.engine.timers, this);
    this.parser = driver.headParser(client);
    this.deadlines.read = driver.engine.now() + driver.defaultServer(client).root.core.clientHeaderTimeoutMs;
    this.deadlines.arm();
    driver.reusable.add(this);
  }

  /** No exchange is under way and no head has begun: closing it takes nothing from anyone. */
  get idle(): boolean {
    return this.state === 'head' && !this.parser.started;
  }

  /** The socket is there and ours. */
  get open(): boolean {
    return this.state !== 'closed' && this.goneBy === undefined;
  }

  /** No exchange is under way; a head may have begun. */
  get betweenRequests(): boolean {
    return this.state === 'head';
  }

  // What the engine says.

  connected(): void {}

  received(_conn: Conn, bytes: Uint8Array, start: number, end: number): void {
    this.take(bytes, start, end);
    this.settle(false);
  }

  ended(): void {
    this.halfClosed = true;
    this.noticeEnd();
  }

  /** Asked again of a request that was here before the client's end: with `ahead`, that may be later. */
  private noticeEnd(): void {
    const { run } = this;
    if (this.state === 'head') return this.ahead.length > 0 ? undefined : this.headEnded('closed');
    if (this.state !== 'busy' || run === undefined) return this.close();
    const { x } = run;
    if (readsBody(x)) x.keepalive = false;
    if (readsBody(x) || noticesGone(x)) run.event(leaving(x));
    this.settle();
  }

  writable(): void {
    this.queue.flush();
    this.settle();
    if (this.state === 'busy' && !this.queue.full) this.run?.answerDrained();
    this.settle();
  }

  failed(_conn: Conn, error: IoError): void {
    const { run } = this;
    this.goneBy = error;
    if (this.state === 'head') return this.headEnded(error);
    if (this.state === 'busy' && run !== undefined && goesOnAlone(run.x)) return this.queue.breakDown();
    this.forget();
    if (run === undefined) return;
    run.x.keepalive = false;
    run.event(leaving(run.x, error));
    run.breakOff();
  }

  expired(_slot: TimerSlot, now: Ms): void {
    const { deadlines } = this;
    if (now >= deadlines.pace) {
      deadlines.pace = NEVER;
      return this.writable();
    }
    if (deadlines.early(now)) return deadlines.arm();
    const { run } = this;
    if (this.state === 'busy' && run !== undefined) {
      run.x.keepalive = false;
      this.timedOut = true;
      const stuck = now >= deadlines.write;
      run.event(
        stuck
          ? { type: 'failed', failure: CLIENT_TIMED_OUT, detail: TIMED_OUT }
          : { type: 'failed', failure: CLIENT_BODY_TIMED_OUT },
      );
      if (stuck) run.breakOff();
      return this.settle();
    }
    if (this.state === 'head') return this.headEnded('timed out');
    this.close();
  }

  // Reading.

  private take(bytes: Uint8Array, start: number, end: number): void {
    switch (this.state) {
      case 'head':
        return this.ahead.length > 0 ? this.hold(bytes, start, end) : this.readHead(bytes, start, end);
      case 'busy':
      case 'emptying':
        return this.feed(bytes, start, end);
      case 'lingering':
        return this.deadlines.linger(this.driver.engine.now());
      case 'closed':
        return;
    }
  }

  private readHead(bytes: Uint8Array, start: number, end: number): void {
    const { driver, parser } = this;
    driver.reusable.remove(this);
    if (!parser.started && this.client.requests > 0) {
      this.deadlines.read =
        driver.engine.now() + driver.defaultServer(this.client).root.core.clientHeaderTimeoutMs;
    }
    const verdict = parser.push(bytes, start, end);
    if (verdict === 'more') return this.halfClosed && parser.started ? this.headEnded('closed') : undefined;
    if (verdict !== 'head') return this.refuseHead(verdict);
    const rest = start + parser.consumed;
    const { head } = parser;
    const ignored = parser.ignored.length === 0 ? NO_LINES : parser.ignored.splice(0);
    parser.reset();
    this.state = 'busy';
    this.deadlines.read = NEVER;
    this.client.requests++;
    this.answer.begin();
    this.ahead.set(bytes, rest, end);
    this.beginning = true;
    driver.begin(this, head, ignored);
    this.beginning = false;
    this.pipelined = false;
    const next = this.ahead.start;
    const left = this.ahead.length;
    this.ahead.clear();
    if (left > 0) this.feed(bytes, next, end);
    if (this.halfClosed) this.noticeEndLater();
  }

  private noticeEndLater(): void {
    this.driver.engine.defer(() => {
      if (this.state === 'busy') this.noticeEnd();
    });
  }

  /** Bytes after a head: its body's, or the next request's, which waits. */
  private feed(bytes: Uint8Array, start: number, end: number): void {
    const body = this.run?.x.body;
    if (this.state === 'head') return this.take(bytes, start, end);
    if (
      body === undefined ||
      body.phase === 'waiting' ||
      body.phase === 'complete' ||
      body.phase === 'failed'
    ) {
      return this.hold(bytes, start, end);
    }
    const verdict = body.push(bytes, start, end);
    if (verdict === 'too large') return this.refuseSize(body);
    if (typeof verdict === 'object') return this.refuseBody(verdict);
    const rest = start + body.consumed;
    this.bodyProgress();
    if (rest < end)
      this.state === 'busy' || this.state === 'emptying'
        ? this.hold(bytes, rest, end)
        : this.take(bytes, rest, end);
  }

  private bodyProgress(): void {
    const { run } = this;
    if (run === undefined) return;
    const { x } = run;
    const { core } = x.location;
    const { body } = x;
    if (!tellOfBodyStore(x)) {
      body.refuse();
      return run.fail(500);
    }
    if (body.complete) {
      this.deadlines.read = NEVER;
      if (this.state === 'emptying') return this.next();
      this.streamAsked = false;
      return run.event({ type: 'body' });
    }
    // What is read away while an answer is under way has no time of its own, as in ngx_http_discarded_request_body_handler().
    if (this.state === 'emptying') this.deadlines.linger(this.driver.engine.now());
    else this.deadlines.read = body.discarded ? NEVER : this.driver.engine.now() + core.bodyTimeoutMs;
    run.peer?.flushRequest();
    if (!run.requestFull) return;
    // It is the peer who is slow: the client's time stands still, as in ngx_http_do_read_client_request_body().
    this.deadlines.read = NEVER;
    this.pause();
  }

  private hold(bytes: Uint8Array, start: number, end: number): void {
    this.ahead.hold(bytes, start, end);
    if (this.ahead.length >= HELD_AHEAD_BYTES_MAX) this.pause();
  }

  private releaseHeld(): void {
    if (this.beginning) return;
    const { bytes, start, end } = this.ahead;
    this.ahead.clear();
    if (start < end) this.take(bytes, start, end);
    if (this.ahead.length < HELD_AHEAD_BYTES_MAX && this.run?.requestFull !== true) this.resume();
  }

  private pause(): void {
    if (this.paused || this.state === 'closed') return;
    this.paused = true;
    this.driver.engine.pause(this.conn);
  }

  private resume(): void {
    if (!this.paused || this.state === 'closed') return;
    this.paused = false;
    this.driver.engine.resume(this.conn);
  }

  // What the run asks for.

  /** The exchange wants its request's body. */
  readBody(how: 'buffer' | 'stream'): void {
    const { run } = this;
    if (run === undefined) return;
    const { x } = run;
    const { core } = x.location;
    if (x.body.complete) return run.event({ type: 'body' });
    beginBody(x, how, this.driver.files);
    this.sendContinue(x);
    this.deadlines.read = this.driver.engine.now() + core.bodyTimeoutMs;
    this.streamAsked = how === 'stream';
    this.releaseHeld();
    if (this.halfClosed) this.noticeEndLater();
  }

  /** As ngx_http_test_expect(): before a body is read or read away, and be it an empty one. */
  private sendContinue({ body }: Exchange): void {
    if (!body.expectsContinue) return;
    body.expectsContinue = false;
    this.queue.writeText('HTTP/1.1 100 Continue\r\n\r\n');
  }

  /** The peer can take more of the body. */
  resumeBody(): void {
    const { run } = this;
    if (this.state !== 'busy' || !this.paused || run?.x.body.phase !== 'streaming' || run.requestFull) return;
    this.deadlines.read = this.driver.engine.now() + run.x.location.core.bodyTimeoutMs;
    this.releaseHeld();
  }

  // The answer.

  get full(): boolean {
    return this.queue.full;
  }

  head(x: Exchange): void {
    this.sendContinue(x);
    this.decideKeepalive(x);
    this.answer.head(x);
  }

  /** As ngx_http_handler() and ngx_http_set_keepalive() decide it. */
  private decideKeepalive(x: Exchange): void {
    const { core } = x.location;
    if (!x.keepalive) return;
    const agent = x.headers.get('user-agent') ?? '';
    x.keepalive =
      core.keepaliveTimeoutMs > 0 &&
      this.client.requests < core.keepaliveRequestsMax &&
      x.now - this.client.startedAt < core.keepaliveTimeMs &&
      this.mayGoOn &&
      !(this.halfClosed && this.ahead.length === 0) &&
      x.body.phase !== 'failed' &&
      !this.driver.refusesKeepalive(core, agent, x.method);
  }

  /** Another request may follow: asked anew at the answer's end, since a reload may have removed the address meanwhile. */
  private get mayGoOn(): boolean {
    return !this.driver.draining && this.driver.listensFor(this.client);
  }

  push(bytes: Uint8Array, start: number, end: number, last: boolean): void {
    const x = this.run?.x;
    if (x === undefined || this.state === 'closed') return;
    this.answer.push(x, bytes, start, end, last);
  }

  /** After each turn of work: what is held back goes out, ends are noticed, timers set. What the client sends does not renew send_timeout. */
  settle(renews = true): void {
    const { run } = this;
    if (this.state === 'closed') return;
    if (this.streamAsked && run !== undefined) {
      this.streamAsked = false;
      run.event({ type: 'body' });
    }
    this.answer.flushHead();
    if (run !== undefined) {
      this.answer.countSent(run.x);
      const stored = this.answer.tellOfStore(run.x);
      if (this.queue.broken && !goesOnAlone(run.x)) return this.broken(run, stored);
      if (run.x.answerEnded && this.queue.pendingBytes === 0 && run.x.phase !== 'log')
        return run.event({ type: 'ended' });
    } else if (this.queue.broken) return this.close();
    const timeout = run?.x.location.core.sendTimeoutMs;
    const { pacedUntil } = this.queue;
    this.deadlines.pace = pacedUntil ?? NEVER;
    const waits = this.queue.pendingBytes > 0 && pacedUntil === undefined;
    if (!waits || timeout === undefined) this.deadlines.write = NEVER;
    else if (renews || this.deadlines.write === NEVER)
      this.deadlines.write = this.driver.engine.now() + timeout;
    this.deadlines.arm();
  }

  /** Nothing goes out any more: the client has gone, or what waited for it could not be stored. */
  private broken(run: ExchangeRun, clientGone: boolean): void {
    run.x.keepalive = false;
    if (clientGone) {
      const error = this.goneBy ?? this.driver.engine.lastError(this.conn);
      const detail = error === undefined ? {} : { detail: ioErrorText(error) };
      run.event({ type: 'failed', failure: CLIENT_GONE, ...detail });
    }
    run.breakOff();
    this.close();
  }

  // The end of an exchange.

  /** The exchange has ended and its line is written. */
  exchangeEnded(x: Exchange): void {
    if (this.state === 'closed') return;
    const { core } = x.location;
    if (x.silent) return this.closeSilently(x);
    const { body } = x;
    if (body.phase === 'streaming') x.keepalive = false; // as r->reading_body in ngx_http_finalize_connection()
    const goesOn = x.keepalive && this.mayGoOn && body.phase !== 'failed';
    if (!goesOn && (body.phase !== 'discarding' || this.halfClosed)) return this.lingerOrClose(x);
    this.keepaliveMs = core.keepaliveTimeoutMs;
    if (!body.complete) {
      this.state = 'emptying';
      this.deadlines.beginLingering(this.driver.engine.now(), core);
      body.discard();
      return this.releaseHeld();
    }
    this.next();
  }

  /** Ready for the next request, if there may be one: the rest of a body may have been read away meanwhile. */
  private next(): void {
    const x = this.run?.x;
    this.run = undefined;
    if (x !== undefined && !(x.keepalive && this.mayGoOn)) return this.lingerOrClose(x);
    this.state = 'head';
    this.pipelined = this.ahead.length > 0;
    this.queue.begin(SMALL_QUEUE, undefined);
    this.deadlines.pace = NEVER;
    this.deadlines.read = this.driver.engine.now() + this.keepaliveMs;
    this.deadlines.write = NEVER;
    this.deadlines.arm();
    if (this.halfClosed && this.ahead.length === 0) return this.headEnded('closed');
    if (this.ahead.length === 0) this.driver.reusable.add(this);
    this.driver.engine.defer(() => {
      this.releaseHeld();
      if (this.halfClosed && this.state === 'head') return this.headEnded('closed'); // no more of it will come
      this.settle();
    });
  }

  private lingerOrClose(x: Exchange): void {
    const { core } = x.location;
    const more = this.ahead.length > 0 || !x.body.complete || this.headRefused;
    const lingers = core.lingeringClose === 'always' || (core.lingeringClose === 'on' && more);
    if (!lingers || this.halfClosed) return this.closeAfterLog();
    this.run = undefined;
    this.state = 'lingering';
    this.ahead.clear();
    const { engine } = this.driver;
    engine.atTurnEnd(() => {
      if (this.state === 'lingering') engine.shutdown(this.conn);
    });
    this.deadlines.beginLingering(engine.now(), core);
    this.driver.reusable.add(this);
    this.resume();
  }

  /** At the turn's end, when its log lines have been written: whoever sees the connection's end finds the exchange's line. */
  private closeAfterLog(): void {
    this.forget();
    const { engine } = this.driver;
    engine.atTurnEnd(() => {
      if (this.goneBy === undefined) engine.close(this.conn);
    });
  }

  /** `return 444` counts as a timeout, as in ngx_http_finalize_request(). */
  private closeSilently({ answer, location }: Exchange): void {
    const resets = (this.timedOut || answer.status === 444) && location.core.resetTimedoutConnection;
    if (!resets || this.goneBy !== undefined) return this.close();
    this.forget();
    this.driver.engine.reset(this.conn);
  }

  /** Another owner has the socket (a tunnel). Returns what the client sent ahead, and whether it has half-closed: the engine told us. */
  surrender(): { readonly ahead: Uint8Array; readonly halfClosed: boolean } {
    const { bytes, start, end } = this.ahead;
    const ahead = start === end ? NO_BYTES : bytes.subarray(start, end);
    this.resume();
    this.forget();
    return { ahead, halfClosed: this.halfClosed };
  }

  close(): void {
    if (this.state === 'closed') return;
    this.forget();
    if (this.goneBy === undefined) this.driver.engine.close(this.conn);
  }

  /** Closes it with whatever is under way. */
  abort(): void {
    const { run } = this;
    if (this.state === 'closed') return;
    this.close();
    if (run === undefined) return;
    run.x.keepalive = false;
    run.event({ type: 'failed', failure: CLIENT_GONE });
    run.breakOff();
  }

  /** The socket is gone or another's. */
  private forget(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.queue.close();
    this.deadlines.remove();
    this.driver.reusable.remove(this);
    this.driver.clientClosed(this);
  }

  // What cannot be answered by a location.

  private refuseHead(error: HeadError): void {
    const reason = `${error.reason}${this.parser.detail} while ${this.reading}`;
    this.countRefused();
    this.headRefused = true;
    this.driver.beginRefused(this, this.parser.unfinishedHead(error), error.status, reason);
  }

  /** No more of a head comes: there was none, or it is cut. The socket may be gone. */
  private headEnded(how: IdleEnd): void {
    const { driver, parser, client } = this;
    if (!parser.started) {
      driver.logIdleEnd(client, how);
      return this.close();
    }
    const reason = how === 'closed' ? CLIENT_GONE.text : how === 'timed out' ? TIMED_OUT : ioErrorText(how);
    this.timedOut = how === 'timed out';
    this.countRefused();
    driver.beginCut(
      this,
      parser.unfinishedHead(),
      this.timedOut ? 408 : 400,
      `${reason} while ${this.reading}`,
    );
  }

  /** What the log says that is being done: as nginx names it, the line's own words until it is whole. */
  private get reading(): string {
    if (this.parser.lineRead) return 'reading client request headers';
    return `reading client ${this.pipelined ? 'pipelined ' : ''}request line`;
  }

  private countRefused(): void {
    this.state = 'busy';
    this.deadlines.read = NEVER;
    this.client.requests++;
    this.answer.begin();
  }

  private refuseSize({ bytes, chunkBytes }: RequestBody): void {
    const reason = `client intended to send too large chunked body: ${bytes}+${chunkBytes} bytes`;
    this.refuseBody({ status: 413, reason });
  }

  private refuseBody({ status, reason }: { readonly status: number; readonly reason: string }): void {
    const { run } = this;
    if (run === undefined || this.state === 'emptying') return this.close();
    run.x.log('error', reason);
    run.x.keepalive = false;
    if (run.x.answer.headSent) run.breakOff();
    else run.fail(status);
  }
}
