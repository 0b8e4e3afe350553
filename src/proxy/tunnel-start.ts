// The moment in which an exchange becomes a tunnel: its connections change hands, what its log line needs at the end is frozen, and
// its object is let go. Called by the run at the command 'tunnel'; nothing here outlives that call but a KeptExchange.
import { CONNECT_FAILED } from '../base/failures.ts';
import { parseExtensions, reservedBits } from '../websocket/extension.ts';
import { openingHandshake } from '../websocket/handshake.ts';
import type { Driver } from './driver.ts';
import type { Exchange } from './exchange.ts';
import { type Frozen, type FrozenShape, frozenTogether, type LateFacts } from './late.ts';
import { contextOf } from './log-context.ts';
import type { ExchangeRun } from './run.ts';

/** The 101 has been prepared: both sockets become a tunnel's, the exchange is let go. */
export function startTunnel(driver: Driver, run: ExchangeRun): void {
  const { x, client, peer } = run;
  const { pass } = x;
  if (client === undefined || peer === undefined || pass === undefined)
    return run.event({ type: 'failed', failure: CONNECT_FAILED });
  client.answer.flushHead();
  const attempt = x.attempts.at(-1);
  const { core } = x.location;
  const errorLog = x.generation.errorLogOf(core.errorLogs);
  const frozen = freeze(x, () => driver.letGo(x.generation));
  if (core.tcpNodelay) driver.engine.setNoDelay(peer.conn, true);
  const webSocket = openingHandshake(x.head.method, x.head.version, x.headers) !== undefined;
  driver.tunnels.open({
    client: client.conn,
    peer: peer.conn,
    settings: {
      readTimeoutMs: pass.settings.readTimeoutMs,
      sendTimeoutMs: pass.settings.sendTimeoutMs,
      clientSendTimeoutMs: core.sendTimeoutMs,
      resetTimedoutConnection: core.resetTimedoutConnection,
      errorLog,
    },
    chosen: x.selection?.detach(),
    frozen,
    context: errorLog.wants('error') ? `${x.client.number}${contextOf(x)}` : '',
    webSocket,
    reservedBits: webSocket ? reservedBitsOf(x) : 0,
    startedAt: x.startedAt,
    connectedAt: x.client.startedAt,
    attemptStartedAt: attempt?.startedAt ?? x.now,
    headBytes: x.headBytes,
    requestBytes: x.head.headBytes,
    upstreamBytesSent: peer.bytesSent,
    upstreamBytesReceived: x.upstreamHead?.headBytes ?? 0,
    generation: x.generation.number,
    pendingForClient: client.queue.takePending(),
  });
  driver.facts.counters.active++; // the tunnel's client; clientClosed counts out the one that it was
  const { ahead, halfClosed } = client.surrender(); // after the tunnel counts: a drain must not see an idle worker in between
  peer.surrender();
  run.surrender();
  driver.stirred();
  x.body.store?.close();
  if (!(frozen?.shape instanceof KeptExchange)) driver.letGo(x.generation);
  if (ahead.length > 0) driver.tunnels.received(client.conn, ahead, 0, ahead.length);
  if (halfClosed && driver.tunnels.has(client.conn)) driver.tunnels.ended(client.conn);
}

/** What of the exchange its log line needs at the end. */
function freeze(x: Exchange, over: () => void): Frozen | undefined {
  const frozen: Frozen[] = [];
  for (const freezer of x.location.freezers) {
    const made = freezer(x);
    if (made === 'keep') return { text: '', shape: new KeptExchange(x, over) };
    if (made !== undefined) frozen.push(made);
  }
  return frozenTogether(frozen);
}

/** The exchange of a tunnel whose log format needs it whole. */
class KeptExchange implements FrozenShape {
  private readonly x: Exchange;
  private readonly over: () => void;

  constructor(x: Exchange, over: () => void) {
    this.x = x;
    this.over = over;
  }

  end(_text: string, late: LateFacts): void {
    const { x } = this;
    x.now = late.now;
    x.wall = late.wall;
    x.bytesSent = late.bytesSent;
    const attempt = x.attempts.at(-1);
    if (attempt !== undefined) {
      attempt.responseMs = late.now - late.attemptStartedAt;
      attempt.bytesReceived = late.upstreamBytesReceived;
      attempt.bytesSent = late.upstreamBytesSent;
      attempt.responseBytes = late.upstreamBodyBytes;
    }
    for (const handler of x.location.handlers.log) handler(x, x.now);
    this.over();
  }
}

/** What the extensions that were agreed on may set in frames. */
function reservedBitsOf(x: Exchange): number {
  const extensions = x.upstreamHead?.headers.joined('sec-websocket-extensions');
  return extensions === undefined ? 0 : reservedBits(parseExtensions(extensions) ?? []);
}
