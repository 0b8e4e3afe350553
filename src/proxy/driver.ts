// The driver of one worker: accepts clients, finds their server, starts their exchanges and owns what outlives them (the generation,
// kept connections to peers, tunnels). It does what exchanges say and decides nothing that a configuration could.
import type { Peer } from '../balance/peer.ts';
import { CONNECTIONS_SHORT, type Level } from '../base/failures.ts';
import { CONNECTIONS_REUSED_MAX } from '../base/limits.ts';
import type { Random } from '../base/random.ts';
import type { Ms } from '../base/time.ts';
import { isMsie6, isSafari } from '../http/error-page.ts';
import { type RequestHead, RequestHeadParser } from '../http/head.ts';
import type {
  Conn,
  ConnectionHandler,
  Engine,
  IoError,
  Listener,
  ListenerHandler,
  TcpInfo,
} from '../io/engine.ts';
import type { CoreSettings } from '../plan/core-settings.ts';
import type { ListenerPlan, ServerPlan, ServersOfAddress } from '../plan/plan.ts';
import { type AcceptedClient, serversAt } from './accepted-client.ts';
import { ClientConnection } from './client-connection.ts';
import { ioErrorText } from './error-text.ts';
import { type Client, Exchange, type ProcessFacts, type Program } from './exchange.ts';
import type { Generation } from './generation.ts';
import { headOptions } from './head-options.ts';
import { KeepalivePools } from './keepalive-pool.ts';
import { contextOf, type IdleEnd, idleEndText } from './log-context.ts';
import { PeerConnection } from './peer-connection.ts';
import type { Codecs, Files, NameQuestion, Names } from './ports.ts';
import { RequestBody } from './request-body.ts';
import { ReusableList } from './reusable.ts';
import { Roster } from './roster.ts';
import { ExchangeRun } from './run.ts';
import { type SubrequestOptions, subrequestSink } from './subrequest.ts';
import { type TunnelEnd, TunnelTable } from './tunnel.ts';

/** Owns a client that was turned away: it is closed already. */
const NOBODY: ConnectionHandler = {
  connected() {},
  received() {},
  ended() {},
  writable() {},
  failed() {},
};

/** Pieces of a file are read into this and sent from it. */
const FILE_BUFFER_BYTES = 65_536;

export interface DriverOptions {
  readonly engine: Engine;
  readonly files: Files;
  readonly names: Names;
  readonly codecs: Codecs;
  readonly random: Random;
  readonly facts: ProcessFacts;
  readonly generation: Generation;
  /** The last exchange of a generation that is no longer the current one has ended. */
  readonly retired?: (generation: Generation) => void;
  /** A client, a request or a tunnel has come or gone. */
  readonly stirred?: () => void;
}

/**
 * What a drain does with connections on which nothing is under way. `quit`, as nginx: those that lie idle after a request are closed.
 * `empty`: they may have one more until keepalive_timeout, since nobody is to notice. `close`: all are closed, those too on which a
 * client has only just come.
 */
export type DrainKind = 'quit' | 'empty' | 'close';

export class Driver implements Program {
  readonly engine: Engine;
  readonly files: Files;
  readonly codecs: Codecs;
  readonly random: Random;
  readonly facts: ProcessFacts;
  readonly fileBuffer = new Uint8Array(FILE_BUFFER_BYTES);
  readonly tunnels: TunnelTable;
  /** No new requests are wanted: connections close as they become idle. */
  draining = false;
  private readonly names: Names;
  private readonly retired: (generation: Generation) => void;
  /** A client, a request or a tunnel has come or gone. */
  readonly stirred: () => void;
  private generation: Generation;
  private listeners: ReadonlyMap<string, ListenerPlan>;
  private readonly clients = new Roster<ClientConnection>();
  /** Those of them that give way where connections are short. */
  readonly reusable = new ReusableList();
  private readonly pools: KeepalivePools;
  private connections = 0;
  /** The second in which the log was last told that idle connections give way: once in each, as in nginx. */
  private reuseToldAt = -1;
  private readonly whenIdle: (() => void)[] = [];

  constructor(options: DriverOptions) {
    this.engine = options.engine;
    this.files = options.files;
    this.names = options.names;
    this.codecs = options.codecs;
    this.random = options.random;
    this.facts = options.facts;
    this.generation = options.generation;
    this.listeners = byKey(options.generation);
    this.pools = new KeepalivePools(options.generation);
    this.retired = options.retired ?? (() => undefined);
    this.stirred = options.stirred ?? (() => undefined);
    this.tunnels = new TunnelTable(this.engine, this);
  }

  /** Exchanges that begin from now on are under `next`; those under way keep theirs. */
  swap(next: Generation): void {
    const before = this.generation;
    const listenersBefore = this.listeners;
    this.generation = next;
    this.listeners = byKey(next);
    for (const connection of this.clients.all()) {
      if (!connection.betweenRequests || this.listensFor(connection.client)) continue;
      // Its address is no more: what lies idle after a request goes, a first or half-read one has the servers that it came to.
      const client = connection.client as AcceptedClient;
      if (connection.idle && client.requests > 0) connection.close();
      else this.hold(client, before, serversAt(listenersBefore, client));
    }
    this.pools.swap(next);
    if (before.exchanges === 0) this.retired(before);
  }

  /** Whether the address that the client came to is still listened on. */
  listensFor(client: Client): boolean {
    return serversAt(this.listeners, client as AcceptedClient) !== undefined;
  }

  /** The generation is counted for the client as it is for an exchange. */
  private hold(client: AcceptedClient, generation: Generation, servers: ServersOfAddress | undefined): void {
    if (client.held !== undefined || servers === undefined) return;
    client.held = { generation, servers };
    generation.exchanges++;
  }

  private unhold(client: AcceptedClient): void {
    const { held } = client;
    client.held = undefined;
    if (held !== undefined) this.letGo(held.generation);
  }

  /** One of the generation's exchanges holds it no more. */
  letGo(generation: Generation): void {
    generation.exchanges--;
    if (generation.exchanges === 0 && generation !== this.generation) this.retired(generation);
  }

  /** What a listening socket of the plan's listener with this key hands its clients to. */
  listenerHandler(key: string): ListenerHandler {
    return {
      accepted: (conn) => this.accepted(conn, key),
      acceptFailed: (_listener: Listener, error: IoError) =>
        this.generation.errorLog.write('alert', ioErrorText(error)),
    };
  }

  /** Lets everything end; each answer from now on is its connection's last. `done` runs when no client is left. */
  drain(how: DrainKind, done: () => void): void {
    this.draining = true;
    const requestsMin = { quit: 1, empty: Number.POSITIVE_INFINITY, close: 0 }[how];
    for (const client of this.clients.all()) {
      if (client.idle && client.client.requests >= requestsMin) client.close();
    }
    this.pools.retire();
    this.whenIdle.push(done);
    this.checkIdle();
  }

  /** Ends what began before `generation`, which was swapped in at `since`: worker_shutdown_timeout has passed. */
  endOlderThan(generation: number, since: Ms): void {
    this.tunnels.endOlderThan(generation);
    for (const connection of this.clients.all()) {
      const { run, client } = connection;
      if (run === undefined ? client.startedAt < since : run.x.generation.number < generation)
        connection.abort();
    }
  }

  /** Clients and tunnels that a drain still waits for. */
  get openCount(): number {
    return this.clients.size + this.tunnels.count;
  }

  get clientCount(): number {
    return this.clients.size;
  }

  // Clients.

  private accepted(conn: Conn, key: string): ConnectionHandler {
    if (!this.hasRoom(this.engine.openCount)) {
      this.engine.close(conn);
      return NOBODY;
    }
    const remote = this.engine.remoteAddress(conn);
    const local = this.engine.localAddress(conn);
    const client: AcceptedClient = {
      number: ++this.connections,
      requests: 0,
      family: remote.family,
      address: remote.family === 'unix' ? 'unix:' : remote.host,
      port: remote.family === 'unix' ? 0 : remote.port,
      localAddress: local.family === 'unix' ? `unix:${local.path}` : local.host,
      localPort: local.family === 'unix' ? 0 : local.port,
      startedAt: this.engine.now(),
      listenerKey: key,
      secure: false,
      conn,
      held: undefined,
    };
    if (!this.listensFor(client)) {
      this.engine.close(conn); // it waited in the queue of an address that a reload has removed
      return NOBODY;
    }
    this.stirred();
    this.facts.counters.accepted++;
    this.facts.counters.active++;
    const connection = new ClientConnection(this, conn, client);
    this.engine.setNoDelay(conn, this.defaultServer(client).root.core.tcpNodelay);
    this.clients.add(connection);
    return connection;
  }

  /**
   * Whether `count` connections may be open: `worker_connections`. Those of clients on which nothing is under way give way first. As
   * ngx_get_connection() and ngx_drain_connections().
   */
  private hasRoom(count: number): boolean {
    const max = this.generation.plan.process.workerConnectionsMax;
    if (max === undefined || count <= max) return true;
    const { reusable } = this;
    const left = reusable.close(Math.max(1, Math.min(CONNECTIONS_REUSED_MAX, reusable.size >> 3)));
    const { errorLog } = this.generation;
    if (count - left > max) {
      errorLog.write('alert', `${max} worker_connections are not enough`);
      return false;
    }
    const second = Math.floor(this.engine.now() / 1000);
    if (second !== this.reuseToldAt) {
      this.reuseToldAt = second;
      errorLog.write('warn', `${max} worker_connections are not enough, reusing connections`);
    }
    return true;
  }

  clientClosed(connection: ClientConnection): void {
    this.clients.remove(connection);
    this.unhold(connection.client as AcceptedClient);
    this.facts.counters.active--;
    this.checkIdle();
  }

  /** Until a host is known: the server that the address gives to strangers. */
  defaultServer(client: Client): ServerPlan {
    const servers = this.serversOf(client);
    if (servers === undefined) throw new Error('bug: a client without any server');
    return servers.default;
  }

  headParser(client: Client): RequestHeadParser {
    return new RequestHeadParser(headOptions(this.defaultServer(client).root.core), (host) =>
      headOptions((this.serversOf(client)?.names.find(host)?.server ?? this.defaultServer(client)).root.core),
    );
  }

  refusesKeepalive(core: CoreSettings, agent: string, method: string): boolean {
    if (core.keepaliveDisableMsie6 && method === 'POST' && isMsie6(agent)) return true;
    return core.keepaliveDisableSafari && isSafari(agent);
  }

  private serversOf(client: Client): ServersOfAddress | undefined {
    const accepted = client as AcceptedClient;
    return accepted.held?.servers ?? serversAt(this.listeners, accepted);
  }

  private generationOf(client: Client): Generation {
    return (client as AcceptedClient).held?.generation ?? this.generation;
  }

  // Exchanges.

  /** A request's head is whole; `ignored` are lines that ignore_invalid_headers left out of it. */
  begin(connection: ClientConnection, head: RequestHead, ignored: readonly string[]): void {
    const run = this.newRun(connection, head);
    const { x } = run;
    for (const line of ignored) {
      x.log('info', `client sent invalid header line: "${line}" while reading client request headers`);
    }
    run.event({ type: 'head' });
  }

  /** A head that is none: answered by the server's error pages. `reason` is for the log. */
  beginRefused(connection: ClientConnection, head: RequestHead, status: number, reason: string): void {
    this.newRefused(connection, head, reason).fail(status);
  }

  /** A head that comes to no end: nobody is answered, but there is a line in both logs. As ngx_http_read_request_header(). */
  beginCut(connection: ClientConnection, head: RequestHead, status: number, reason: string): void {
    this.newRefused(connection, head, reason).hangUp(status);
  }

  private newRefused(connection: ClientConnection, head: RequestHead, reason: string): ExchangeRun {
    const run = this.newRun(connection, head);
    const { x } = run;
    x.log('info', reason);
    x.keepalive = false;
    x.body.refuse();
    return run;
  }

  private newRun(connection: ClientConnection, head: RequestHead): ExchangeRun {
    const { client } = connection;
    // Until all lines have come, no Host means none yet: as in nginx the default server is asked, not the one named "".
    const named = head.host !== '' || head.whole;
    const found = named ? this.serversOf(client)?.names.find(head.host) : undefined;
    const generation = this.generationOf(client);
    const x = new Exchange({
      generation,
      client,
      program: this,
      sink: connection,
      server: found?.server ?? this.defaultServer(client),
      head,
      body: new RequestBody(head, connection.ahead),
      now: this.engine.now(),
      wall: this.engine.wallNow(),
    });
    if (found?.captures !== undefined) {
      x.captures = found.captures;
      for (const [group, slot] of found.slots) x.variables[slot] = found.captures[group] ?? '';
    }
    if (head.normal !== undefined) x.take(head.normal);
    x.pipelined = connection.pipelined;
    const run = new ExchangeRun(x, this, connection);
    generation.exchanges++;
    this.unhold(client as AcceptedClient);
    x.run = run;
    connection.run = run;
    return run;
  }

  beginSubrequest(parent: ExchangeRun, options: SubrequestOptions): void {
    const { x } = parent;
    const child = new Exchange({
      generation: x.generation,
      client: x.client,
      program: this,
      sink: subrequestSink(),
      server: x.server,
      head: x.head,
      body: x.body,
      now: this.engine.now(),
      wall: this.engine.wallNow(),
      parent: x,
    });
    child.method = 'GET';
    child.uri = options.uri;
    child.args = options.args;
    child.internal = true;
    child.stage = SERVER_REWRITE;
    child.subrequest = options;
    const run = new ExchangeRun(child, this, undefined);
    x.generation.exchanges++;
    child.run = run;
    parent.children.push(run);
    run.event({ type: 'head' });
    run.settle();
  }

  /** All of an exchange's commands are done: its log handlers run, its connection goes on, its parent is woken. */
  exchangeEnded(run: ExchangeRun): void {
    const { x } = run;
    x.now = this.engine.now();
    x.wall = this.engine.wallNow();
    run.client?.answer.countSent(x);
    if (x.parent === undefined || x.location.core.logSubrequest) {
      for (const handler of x.location.handlers.log) handler(x, x.now);
    }
    this.letGo(x.generation);
    if (x.parent === undefined) {
      this.stirred();
      x.body.store?.close();
      this.facts.counters.requests++;
      return run.client?.exchangeEnded(x);
    }
    x.subrequest?.done(x);
    const parent = x.parent.run;
    if (parent === undefined) return;
    parent.children.splice(parent.children.indexOf(run), 1);
    this.resume(x.parent);
  }

  // Program: what exchanges may use.

  resume(x: Exchange): void {
    this.engine.defer(() => {
      x.run?.event({ type: 'resumed' });
      x.run?.settle();
    });
  }

  log(x: Exchange, level: Level, text: string): void {
    x.generation
      .errorLogOf(x.location.core.errorLogs)
      .write(level, `*${x.client.number} ${text}${contextOf(x)}`);
  }

  /** A client has gone, or was given up, while no request of it had begun. */
  logIdleEnd(client: Client, how: IdleEnd): void {
    const errorLog = this.generationOf(client).errorLogOf(this.defaultServer(client).root.core.errorLogs);
    const text = errorLog.wants('info')
      ? idleEndText(client, (client as AcceptedClient).listenerKey, how)
      : undefined;
    if (text !== undefined) errorLog.write('info', `*${client.number} ${text}`);
  }

  tcpInfo({ main }: Exchange): TcpInfo | undefined {
    const client = main.run?.client;
    return client?.open === true ? this.engine.tcpInfo(client.conn) : undefined;
  }

  wantsLog(x: Exchange, level: Level): boolean {
    return x.generation.errorLogOf(x.location.core.errorLogs).wants(level);
  }

  // What commands ask for.

  resolve(run: ExchangeRun, question: NameQuestion): void {
    this.names.resolve(question, (answer) => {
      run.event({ type: 'resolved', question, answer });
      run.settle();
    });
  }

  /** A kept connection to the peer, or a new one. */
  connect(run: ExchangeRun, peer: Peer, until: Ms): void {
    const { x } = run;
    const target = x.pass?.target;
    const upstream = target !== undefined && 'upstream' in target ? target.upstream : undefined;
    const settings = upstream?.settings;
    const pool =
      upstream !== undefined && settings !== undefined && settings.keepaliveMax > 0 && !this.draining
        ? this.pools.of(upstream)
        : undefined;
    const tag = settings?.keepaliveLocal === true ? x.pass?.settings : undefined;
    const kept = pool?.take(peer.name, tag);
    if (kept !== undefined) {
      run.peer = kept;
      kept.adopt(run);
      return run.event({ type: 'connected', reused: true });
    }
    if (!this.hasRoom(this.engine.openCount + 1))
      return run.event({ type: 'failed', failure: CONNECTIONS_SHORT });
    run.peer = new PeerConnection(
      this.engine,
      {
        peerName: peer.name,
        address: peer.address,
        localAddress: x.bindAddress,
        keepalive: x.pass?.settings.socketKeepalive ?? false,
        pool,
        tag,
        settings,
      },
      run,
      until,
    );
  }

  // TunnelOwner.

  zoneMinutes(wall: Ms): number {
    return this.facts.zoneMinutes(wall);
  }

  /** The words and levels are those of ngx_connection_error(). */
  tunnelEnded({ reason, side, error, errorLog, context }: TunnelEnd): void {
    this.stirred();
    this.facts.counters.active--;
    this.facts.counters.requests++;
    const mark = context.indexOf(',');
    const write = (level: Level, text: string): void =>
      errorLog.write(
        level,
        `${mark === -1 ? '' : `*${context.slice(0, mark)} `}${text} while proxying upgraded connection${context.slice(Math.max(mark, 0))}`,
      );
    if (reason === 'timed out') write('info', `${side} timed out (110: Connection timed out)`);
    else if (error !== undefined) write(side === 'upstream' ? 'error' : 'info', ioErrorText(error));
    this.checkIdle();
  }

  private checkIdle(): void {
    if (!this.draining || this.openCount > 0) return;
    for (const done of this.whenIdle.splice(0)) this.engine.defer(done);
  }
}

const SERVER_REWRITE = 1;

function byKey({ plan }: Generation): ReadonlyMap<string, ListenerPlan> {
  return new Map(plan.listeners.map((listener) => [listener.key, listener]));
}
