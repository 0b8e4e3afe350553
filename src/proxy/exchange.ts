// One request, from its head to its log line. All branching of an exchange is here and in the files it names (route, finish, passing);
// driver.ts only obeys. Touches no socket, reads no clock.

import type { Peer } from '../balance/peer.ts';
import type { Selection } from '../balance/selection.ts';
import { assert, unreachable } from '../base/assert.ts';
import { NO_BYTES } from '../base/bytes.ts';
import type { Failure, Level } from '../base/failures.ts';
import { SUBREQUESTS_MAX, URI_CHANGES_MAX } from '../base/limits.ts';
import type { Random } from '../base/random.ts';
import type { Ms } from '../base/time.ts';
import type { RequestHead, ResponseHead } from '../http/head.ts';
import type { HeaderList } from '../http/header-list.ts';
import type { NormalTarget } from '../http/uri.ts';
import type { Address, TcpInfo } from '../io/engine.ts';
import type { Handler } from '../modules/module.ts';
import type { LocationPlan, ServerPlan } from '../plan/plan.ts';
import { Answer } from './answer.ts';
import type { BodyFilter, BodySink } from './filters.ts';
import { breakOff, endNow, finish, redirect, redirectToNamed } from './finish.ts';
import type { Generation } from './generation.ts';
import type { Attempt, Pass } from './pass.ts';
import { answered, connected, fail, passOn, relayed, resolved } from './passing.ts';
import type { Codecs, FileHandle, Files, NameAnswer, NameQuestion } from './ports.ts';
import type { RequestBody } from './request-body.ts';
import { route } from './route.ts';
import type { ExchangeRun } from './run.ts';
import { respond, sendHead } from './send-head.ts';
import type { SubrequestOptions } from './subrequest.ts';

/** The client's connection as an exchange sees it. */
export interface Client {
  /** `$connection`: counted per process since its start. */
  readonly number: number;
  /** `$connection_requests`, the current one included. */
  requests: number;
  readonly family: 4 | 6 | 'unix';
  /** "127.0.0.1", "::1", "unix:" */
  readonly address: string;
  readonly port: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly startedAt: Ms;
  readonly secure: boolean;
  /** What the PROXY protocol says of the client, "address:port", where the listener speaks it. */
  readonly proxyProtocol?: string | undefined;
  /** The engine's connection. */
  readonly conn: number;
}

export type Phase = 'route' | 'wait' | 'connect' | 'send' | 'await' | 'relay' | 'tunnel' | 'answer' | 'log';

/** Every legal move of the answer's half; asserted by `move`, drawn into ARCHITECTURE.md. The request body's half is request-body.ts. */
export const MOVES: Readonly<Record<Phase, readonly Phase[]>> = {
  route: ['route', 'wait', 'connect', 'answer', 'log'],
  wait: ['route', 'wait', 'connect', 'answer', 'log'],
  connect: ['send', 'connect', 'wait', 'route', 'answer', 'log'],
  send: ['await', 'relay', 'connect', 'wait', 'route', 'answer', 'log'],
  await: ['await', 'relay', 'tunnel', 'connect', 'wait', 'route', 'answer', 'log'],
  relay: ['log'],
  tunnel: ['log'],
  answer: ['answer', 'log'],
  log: [],
};

/** A part of an open file. */
export interface FilePart {
  readonly from: number;
  readonly to: number;
}

/** A module, as far as an exchange knows it. */
interface Numbered {
  readonly number: number;
}

/** What the driver is to do next. */
export type Command =
  /** Begin to read the request body: whole before 'body', or as it comes. */
  | { readonly do: 'body'; readonly how: 'buffer' | 'stream' }
  | { readonly do: 'sleep'; readonly until: Ms }
  | { readonly do: 'resolve'; readonly question: NameQuestion }
  /** Take a kept connection to the peer or make one; 'connected' or 'failed' follows. */
  | { readonly do: 'connect'; readonly peer: Peer; readonly until: Ms }
  /** Send the head and the body, then read the answer's head: 'sent', 'answered' or 'failed' follow. */
  | { readonly do: 'send'; readonly head: string }
  /** Let go of the peer's connection: keep it for others when it is clean, else close it. */
  | { readonly do: 'release'; readonly keep: boolean }
  /** Pass the answer's body on to `x.out`; 'relayed' or 'failed' follows. */
  | { readonly do: 'relay' }
  | { readonly do: 'tunnel' }
  /** Push bytes `from` to `to` of an open file and then `further` to `x.out`, at the client's pace, then close it; 'ended' follows. */
  | {
      readonly do: 'file';
      readonly file: FileHandle;
      readonly from: number;
      readonly to: number;
      readonly further: readonly FilePart[];
    }
  | { readonly do: 'subrequest'; readonly options: SubrequestOptions }
  /** The exchange has ended: write its log line, let it go, wake its parent. */
  | { readonly do: 'log' };

export type Event =
  | { readonly type: 'head' }
  | { readonly type: 'resumed' }
  | { readonly type: 'body' }
  | { readonly type: 'resolved'; readonly question: NameQuestion; readonly answer: NameAnswer }
  | { readonly type: 'connected'; readonly reused: boolean }
  | { readonly type: 'sent' }
  | { readonly type: 'answered'; readonly head: ResponseHead }
  /** The peer's answer has come to its end; its connection may be kept for others. */
  | { readonly type: 'relayed'; readonly keep: boolean }
  /** The answer has gone out whole. */
  | { readonly type: 'ended' }
  | { readonly type: 'failed'; readonly failure: Failure; readonly detail?: string };

/** Where an answer goes: the client's connection, or what a subrequest is for. */
export interface AnswerSink extends BodySink {
  /** Takes the answer's head, filters done; `x.answer` says all. */
  head(x: Exchange): void;
  /** No more room: whoever pushes waits until the driver says so. */
  readonly full: boolean;
}

/** What the exchange may use of the program around it. */
export interface Program {
  readonly files: Files;
  readonly codecs: Codecs;
  readonly random: Random;
  /** `$pid`, `$hostname`, `$nginx_version`: facts of the process. */
  readonly facts: ProcessFacts;
  /** Wakes an exchange that said 'wait', in a turn of its own. */
  resume(x: Exchange): void;
  log(x: Exchange, level: Level, text: string): void;
  wantsLog(x: Exchange, level: Level): boolean;
  /** What the system knows of the client's connection; undefined where it does not say, or the connection is no more. */
  tcpInfo(x: Exchange): TcpInfo | undefined;
}

export interface ProcessFacts {
  readonly pid: number;
  readonly hostname: string;
  /** "holdfast/0.1.0" */
  readonly product: string;
  /** Minutes east of UTC now. */
  zoneMinutes(wall: Ms): number;
  readonly counters: ConnectionCounters;
}

/** `$connections_active` and its kin. */
export interface ConnectionCounters {
  accepted: number;
  active: number;
  requests: number;
}

/** The client's address as this exchange takes it; realip changes it. */
export interface Remote {
  readonly address: string;
  readonly port: number;
}

export interface ExchangeStart {
  readonly generation: Generation;
  readonly client: Client;
  readonly program: Program;
  readonly sink: AnswerSink;
  readonly server: ServerPlan;
  readonly head: RequestHead;
  readonly body: RequestBody;
  readonly now: Ms;
  readonly wall: Ms;
  readonly parent?: Exchange;
}

export class Exchange {
  phase: Phase = 'route';
  /** The driver's own; nothing here looks inside. */
  run: ExchangeRun | undefined;
  /** What the driver has yet to do, in order. */
  readonly commands: Command[] = [];
  readonly main: Exchange;
  readonly parent: Exchange | undefined;
  readonly generation: Generation;
  readonly client: Client;
  readonly program: Program;
  readonly sink: AnswerSink;

  server: ServerPlan;
  /** Where the exchange is now; before a location is found, and in server-level rewrites, `server.root`. */
  location: LocationPlan;

  // The request.
  readonly head: RequestHead;
  method: string;
  /** Decoded and normalized; changed by rewrites and redirects. */
  uri = '';
  args = '';
  /** The target as the client wrote it: `$request_uri`. */
  readonly unparsedUri: string;
  readonly headers: HeaderList;
  /** Of the request line or the Host header, lower case, without its port; '' where the client named none. */
  host: string;
  internal = false;
  /** What normalizing found in the target: whether it may be sent on as it was written. */
  target: NormalTarget | undefined;
  readonly body: RequestBody;
  remote: Remote;
  readonly startedAt: Ms;
  readonly startedWall: Ms;
  /** The time of the step under way: monotonic, and since 1970. */
  now: Ms;
  wall: Ms;

  // Where route.ts is.
  stage = 0;
  handlerAt = 0;
  /** `unparsedUri` is still what is asked for: neither rewritten nor redirected, its arguments not set. nginx's valid_unparsed_uri. */
  unparsedUriValid: boolean;
  /** `location` is where `uri` was looked up: no `rewrite … break` has changed it since. nginx's valid_location. */
  locationValid = true;
  /** Of the `if` block that was left for another: answers where that one has nothing that does, as nginx keeps its content handler. */
  contentBefore: Handler | undefined;
  /** A rewrite has changed `uri`: the location is looked for again after the phase. */
  uriChanged = false;
  /** try_files has found its file under the alias of a regex location: the URI stands behind it. */
  uriUnderAlias = false;
  /** At 0 the next change would be one too many. */
  uriChangesLeft: number = URI_CHANGES_MAX + 1;
  /** Access phase under `satisfy any`: the 401 or 403 that stands unless another handler allows. */
  accessStatus = 0;
  /** A 401 that waits for the end of auth_delay. */
  delayedStatus = 0;

  // The answer.
  answer = new Answer();
  /** Where the answer's bytes are pushed: its filters, then `sink`. Set by sendHead. */
  out: BodySink;
  filters: readonly BodyFilter[] = [];
  keepalive: boolean;
  /** It had begun to come before the request before it had ended: `$pipe`. Set by the driver. */
  pipelined = false;
  /** The status that error_page decided for the answer to come (0: its own), and that an error page is under way. */
  errorStatus = 0;
  errorPage = false;
  /** Close without an answer (`return 444`). */
  silent = false;
  /** `$limit_rate`: bytes a second that the client is sent at most; 0: no limit, -1: as the location says. */
  limitRate = -1;
  /** Of the answer, head and body, taken by the client's connection; `$bytes_sent`. */
  bytesSent = 0;
  headBytes = 0;

  // Passing on.
  pass: Pass | undefined;
  /** The last that there was, for the log: an internal redirect leaves `pass` behind, as nginx does not its `r->upstream`. */
  lastPass: Pass | undefined;
  selection: Selection | undefined;
  peer: Peer | undefined;
  reused = false;
  requestSent = false;
  passStartedAt: Ms = 0;
  readonly attempts: Attempt[] = [];
  wantsUpgrade = false;
  /** proxy_bind's. */
  bindAddress: Address | undefined;
  /** Nothing goes on before the request body has been read (or begins to be streamed). */
  awaitsBody = false;
  /** Nor before this name has been resolved. */
  question: NameQuestion | undefined;
  upstreamHead: ResponseHead | undefined;
  /** The request's head as sent to peers; rendered once. */
  passHead: string | undefined;
  /** The body goes to peers in chunks: its length was not known when the head was made. */
  passChunked = false;
  /** What followed the answer's last chunk: `$upstream_trailer_`. */
  upstreamTrailers: HeaderList | undefined;
  /** Of the upstream whose peers are asked: a block's name or a host. */
  upstreamName = '';
  /** The next attempt comes after an X-Accel-Redirect. */
  attemptsRedirected = false;
  /** The answer's bytes are sent on as they come (`proxy_buffering off`, X-Accel-Buffering). */
  unbuffered = false;
  /** The last byte of the answer's body has been pushed. */
  answerEnded = false;

  // What modules keep.
  /** Slots of variables that the configuration sets; a subrequest shares its parent's. */
  readonly variables: (string | undefined)[];
  /** Of the last regular expression that matched: `$1` to `$9`. */
  captures: readonly (string | undefined)[] | undefined;
  /** A module's number, then what it keeps: few modules keep anything. */
  private readonly contexts: unknown[] = [];
  private kept: unknown[] | undefined;

  // Subrequests.
  subrequestsLeft: number = SUBREQUESTS_MAX;
  subrequest: SubrequestOptions | undefined;

  constructor(start: ExchangeStart) {
    this.generation = start.generation;
    this.client = start.client;
    this.program = start.program;
    this.sink = start.sink;
    this.parent = start.parent;
    this.main = start.parent?.main ?? this;
    this.variables = start.parent?.variables ?? [];
    this.server = start.server;
    this.location = start.server.root;
    this.head = start.head;
    this.method = start.head.method;
    this.unparsedUri = start.head.target;
    this.unparsedUriValid = start.parent === undefined && !start.head.emptyPath;
    this.headers = start.head.headers;
    this.host = start.head.host;
    this.keepalive = start.head.keepAlive;
    this.body = start.body;
    this.remote = start.parent?.remote ?? start.client;
    this.startedAt = start.now;
    this.startedWall = start.wall;
    this.now = start.now;
    this.wall = start.wall;
    this.out = start.sink;
  }

  /** The request's target, normalized. */
  take(target: NormalTarget): void {
    this.uri = target.uri;
    this.args = target.args;
    this.target = target;
  }

  /** What `module` keeps for this exchange; each (sub)request has its own. */
  context<T>(module: Numbered): T | undefined {
    const { contexts } = this;
    for (let i = 0; i < contexts.length; i += 2)
      if (contexts[i] === module.number) return contexts[i + 1] as T;
    return undefined;
  }

  setContext(module: Numbered, value: unknown): void {
    const { contexts } = this;
    let i = 0;
    while (i < contexts.length && contexts[i] !== module.number) i += 2;
    contexts[i] = module.number;
    contexts[i + 1] = value;
  }

  /** What `module` keeps for the whole request, its redirects and subrequests included. */
  lasting<T>(module: Numbered): T | undefined {
    return this.main.kept?.[module.number] as T | undefined;
  }

  setLasting(module: Numbered, value: unknown): void {
    this.main.kept ??= [];
    this.main.kept[module.number] = value;
  }

  /** A redirect forgets what modules kept, as nginx zeroes its contexts. */
  clearContexts(): void {
    this.contexts.length = 0;
  }

  move(phase: Phase): void {
    if (!MOVES[this.phase].includes(phase)) assert(false, `exchange: no move from ${this.phase} to ${phase}`);
    this.phase = phase;
  }

  queue(command: Command): void {
    this.commands.push(command);
  }

  log(level: Level, text: string): void {
    this.program.log(this, level, text);
  }

  /** Answers with `status`, through error_page; from a handler `return status` says the same. */
  finish(status: number): void {
    finish(this, status);
  }

  /** Answers with a short body: `return 200 text`, a stub page. `body` is a byte string. */
  respond(status: number, body: string | Uint8Array, contentType?: string): void {
    respond(this, status, body, contentType);
  }

  /**
   * Runs the head filters, writes the head and opens `this.out` for the body. `this.answer` must be ready. False: a filter has
   * answered otherwise (412, 416), and the body that was prepared is not wanted.
   */
  sendHead(): boolean {
    return sendHead(this);
  }

  /** Sends bytes `from` to `to` of an open file, then `further` parts, as the body that follows `sendHead`, and closes the file. */
  sendFile(file: FileHandle, from: number, to: number, further: readonly FilePart[] = []): void {
    this.queue({ do: 'file', file, from, to, further });
  }

  /** Starts again at server-level rewrites with another URI (error_page, index, try_files, X-Accel-Redirect). */
  redirect(uri: string, args: string): void {
    redirect(this, uri, args);
  }

  redirectToNamed(name: string): void {
    redirectToNamed(this, name);
  }

  /** Has the request answered by a peer. */
  passTo(pass: Pass): void {
    passOn(this, pass);
  }

  /** Is resumed at `until`; the handler returns 'wait'. */
  sleepUntil(until: Ms): void {
    this.queue({ do: 'sleep', until });
  }

  /** The request body is of no use: it is read away. A subrequest leaves its parent's alone. 0, or a status for what is wrong with it. */
  discardBody(): number {
    const error = this.parent === undefined ? this.body.discard() : undefined;
    if (error === undefined) return 0;
    this.log('error', error.reason);
    this.keepalive = false;
    return error.status;
  }

  /**
   * Starts a request inside this one; the handler returns 'wait' and is asked again when it has ended. False where the limit of
   * SUBREQUESTS_MAX is reached: the handler returns 500.
   */
  startSubrequest(options: SubrequestOptions): boolean {
    if (this.main.subrequestsLeft-- <= 0) {
      this.log('error', `subrequests cycle while processing "${options.uri}"`);
      return false;
    }
    this.queue({ do: 'subrequest', options });
    return true;
  }

  /** The answer's body is over. */
  endAnswer(): void {
    this.out.push(NO_BYTES, 0, 0, true);
  }

  /** Ends without a proper end of the answer: the client's connection is closed, a subrequest is cut. */
  breakOff(): void {
    breakOff(this);
  }
}

/** Else what resumes it was asked for before it went another way (an error_page while a delay ran). */
function waitsForHandler(x: Exchange): boolean {
  return x.phase === 'wait' && !x.awaitsBody && x.question === undefined;
}

/** What happened → what the driver must do next, queued in `x.commands`. */
export function step(x: Exchange, event: Event, now: Ms, wall: Ms): void {
  x.now = now;
  x.wall = wall;
  if (x.phase === 'log') return; // it has ended; this event was under way
  switch (event.type) {
    case 'head':
      return route(x);
    case 'resumed':
      return waitsForHandler(x) ? route(x) : undefined;
    case 'body':
      if (!x.awaitsBody || x.pass === undefined) return; // its end, while the answer is under way
      x.awaitsBody = false;
      return passOn(x, x.pass);
    case 'resolved':
      return event.question === x.question ? resolved(x, event.answer) : undefined;
    case 'connected':
      return connected(x, event.reused);
    case 'sent':
      return x.phase === 'send' ? x.move('await') : undefined;
    case 'answered':
      return answered(x, event.head);
    case 'ended':
      return endNow(x);
    case 'relayed':
      return relayed(x, event.keep);
    case 'failed':
      return fail(x, event.failure, event.detail);
    default:
      return unreachable(event);
  }
}
