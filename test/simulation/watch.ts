// Looks inside the driver after each step of the world: everything that is open belongs to somebody, has a deadline, is counted once and
// holds no more than its limit. Also tells the ledger which links an exchange used. Changes nothing. What is private is asked for in
// brackets: the compiler then knows the names, and says so when one of them changes.
import type { PeerTable } from '../../src/balance/peer-table.ts';
import { RECEIVE_BYTES, TUNNEL_PENDING_BYTES_MAX } from '../../src/base/limits.ts';
import type { RequestHead } from '../../src/http/head.ts';
import type { Conn, TimerSlot } from '../../src/io/engine.ts';
import type { TimerWheel } from '../../src/io/timer-wheel.ts';
import type { ClientConnection } from '../../src/proxy/client-connection.ts';
import type { Driver } from '../../src/proxy/driver.ts';
import type { OutQueue } from '../../src/proxy/out-queue.ts';
import type { PeerConnection } from '../../src/proxy/peer-connection.ts';
import type { ExchangeRun } from '../../src/proxy/run.ts';
import { SEGMENT_ROWS } from '../../src/proxy/tunnel-rows.ts';
import type { Balancer } from '../support/balancer.ts';
import type { Cast } from './cast.ts';
import { PLACES, TIMES } from './config.ts';
import { isSocket } from './ledger.ts';

export class Watch {
  /** Exchanges that the driver has begun, the refused and the cut heads among them; each must be logged. */
  begun = 0;
  private readonly cast: Cast;
  private readonly balancer: Balancer;
  private readonly driver: Driver;
  /** These wait for a name server, whose own deadline is not the balancer's. */
  private readonly resolving = new Set<ExchangeRun>();
  private readonly linkOf = new Map<Conn, number>();

  constructor(cast: Cast, balancer: Balancer) {
    this.cast = cast;
    this.balancer = balancer;
    this.driver = balancer.driver;
    this.followConnects();
    this.followExchanges();
    this.followTunnels();
  }

  private followTunnels(): void {
    const { driver } = this.balancer;
    const ended = driver.tunnelEnded.bind(driver);
    driver.tunnelEnded = (end) => {
      const record = this.cast.ledger.find(end.context);
      if (record !== undefined && isSocket(record))
        record.closeCodes = [end.clientCloseCode, end.upstreamCloseCode];
      ended(end);
    };
  }

  private followConnects(): void {
    const { engine } = this.balancer.stage;
    const connect = engine.connect.bind(engine);
    engine.connect = (address, options, handler) => {
      const number = this.cast.world.links.length;
      const conn = connect(address, options, handler);
      const local = engine.localAddress(conn);
      if (local.family !== 'unix') this.cast.linksByPort.set(local.port, number);
      this.linkOf.set(conn, number);
      return conn;
    };
  }

  private followExchanges(): void {
    const { driver } = this.balancer;
    const { ledger } = this.cast;
    const begin = driver.begin.bind(driver);
    const beginRefused = driver.beginRefused.bind(driver);
    const beginCut = driver.beginCut.bind(driver);
    const connect = driver.connect.bind(driver);
    driver.begin = (connection: ClientConnection, head: RequestHead, ignored) => {
      this.begun++;
      const record = ledger.find(head.target);
      if (record === undefined)
        ledger.problem(`the balancer read a request that nobody sent: ${head.requestLine}`);
      else {
        record.begun++;
        if ('begunAt' in record) record.begunAt = this.cast.now();
      }
      if (this.cast.tracing) this.cast.trace('balancer', `begins ${head.requestLine}`);
      begin(connection, head, ignored);
    };
    const ends = (head: RequestHead, how: string): void => {
      this.begun++;
      const record = ledger.findWhole(head.requestLine);
      if (record !== undefined) record.begun++;
      if (this.cast.tracing) this.cast.trace('balancer', `${how} ${JSON.stringify(head.requestLine)}`);
    };
    driver.beginRefused = (connection, head, status, reason) => {
      ends(head, `refuses with ${status}`);
      beginRefused(connection, head, status, reason);
    };
    driver.beginCut = (connection, head, status, reason) => {
      ends(head, `gives up with ${status}`);
      beginCut(connection, head, status, reason);
    };
    const resolve = driver.resolve.bind(driver);
    driver.resolve = (run: ExchangeRun, question) => {
      this.resolving.add(run);
      resolve(run, question);
    };
    driver.connect = (run: ExchangeRun, peer, until) => {
      this.resolving.delete(run);
      connect(run, peer, until);
      const conn = run.peer?.conn;
      const number = conn === undefined ? undefined : this.linkOf.get(conn);
      if (number === undefined) return;
      ledger.find(run.x.head.target)?.links.add(number);
      if (this.cast.tracing)
        this.cast.trace('balancer', `${run.x.head.target} goes to ${peer.name}, link ${number}`);
    };
  }

  /** After each step. */
  look(): void {
    const { driver } = this;
    const { engine } = this.balancer.stage;
    const timers = engine.timers as TimerWheel;
    let conns = 0;
    let slots = 0;
    let taken = 0;
    for (const client of driver['clients']) {
      conns++;
      slots++;
      let waits = timers.deadline(client['deadlines']['slot']) < Number.POSITIVE_INFINITY;
      if (client.run !== undefined && client.run.x.phase !== 'log') {
        const used = this.lookAtRun(client.run, timers);
        conns += used.conns;
        slots += used.slots;
        taken += used.taken;
        waits ||= used.waits;
      }
      if (!waits) this.problem(client, 'has no deadline');
      this.lookAtDeadline(
        client['deadlines']['slot'],
        CLIENT_WAITS_MS[client['state']],
        `a client (${client['state']})`,
      );
      const ahead = client.ahead.end - client.ahead.start;
      if (ahead > 2 * RECEIVE_BYTES) this.problem(client, `holds ${ahead} bytes ahead`);
      this.lookAtQueue(client, client.queue, 'for the client');
    }
    for (const pool of driver['pools']['pools'].values()) {
      let keptMax = 0;
      for (const peer of pool['idle']) {
        conns++;
        slots++;
        if (peer['state'] !== 'idle') this.cast.ledger.problem(`a kept connection is ${peer['state']}`);
        if (timers.deadline(peer['timer']) === Number.POSITIVE_INFINITY)
          this.cast.ledger.problem('a kept connection has no deadline');
        this.lookAtDeadline(peer['timer'], peer['settings']?.keepaliveTimeoutMs ?? 0, 'a kept connection');
        keptMax = Math.max(keptMax, peer['settings']?.keepaliveMax ?? 0); // a reload may have changed it
        const link = this.linkOf.get(peer.conn) ?? -1;
        if (this.cast.ledger.speaking.has(link))
          this.cast.ledger.problem(`link ${link} is kept while its peer still answers`);
      }
      if (pool.size > keptMax) this.cast.ledger.problem(`${pool.size} connections are kept`);
    }
    const { count } = driver.tunnels;
    conns += 2 * count;
    slots += count;
    for (const peer of driver.tunnels['peers']) if (peer !== undefined) taken++;
    for (const row of driver.tunnels.rows()) {
      const slot = driver.tunnels['rowsOf'](2 * row).timers[row % SEGMENT_ROWS] ?? -1;
      if (timers.deadline(slot) === Number.POSITIVE_INFINITY)
        this.cast.ledger.problem('a tunnel has no deadline');
      this.lookAtDeadline(slot, TIMES.socketRead, 'a tunnel');
    }
    for (const bytes of driver.tunnels['pending'].values()) {
      if (bytes.length > TUNNEL_PENDING_BYTES_MAX)
        this.cast.ledger.problem(`a tunnel holds ${bytes.length} bytes`);
    }
    this.compare('open connections', engine.openCount, conns);
    this.compare('timer slots', timers.size, slots);
    this.compare('connections counted of peers', this.counted(), taken);
    for (const { peers } of this.balancer.generation.upstreams) {
      for (const { name, maxConns, table, row } of peers) {
        if (maxConns > 0 && (table.conns[row] ?? 0) > maxConns)
          this.cast.ledger.problem(`${name} has ${table.conns[row]} connections`);
      }
    }
    this.compare('active clients counted', this.balancer.facts.counters.active, driver.clientCount + count);
  }

  private lookAtRun(run: ExchangeRun, timers: TimerWheel): Used {
    const used: Used = { conns: 0, slots: 0, taken: 0, waits: false };
    const { peer, x } = run;
    if (run['timer'] !== -1) {
      used.slots++;
      used.waits ||= timers.deadline(run['timer']) < Number.POSITIVE_INFINITY;
    }
    used.waits ||= this.resolving.has(run);
    const taken = x.selection?.peer;
    if (taken !== undefined) {
      used.taken++;
      this.tables.add(taken.table); // of an upstream for one request (a name in a variable)
    }
    if (peer !== undefined && peer['state'] !== 'closed') {
      used.conns++;
      used.slots++;
      used.waits ||= timers.deadline(peer['timer']) < Number.POSITIVE_INFINITY;
      const connecting = peer['state'] === 'connecting';
      const asked = x.head.target.startsWith(PLACES.socket.path) ? TIMES.socketRead : TIMES.proxyRead;
      this.lookAtDeadline(peer['timer'], connecting ? TIMES.connect : asked, `a peer (${peer['state']})`);
      this.lookAtPressure(run, peer);
      this.lookAtQueue(undefined, peer.queue, 'for a peer');
    }
    for (const child of run.children) {
      const more = this.lookAtRun(child, timers);
      used.conns += more.conns;
      used.slots += more.slots;
      used.taken += more.taken;
      used.waits ||= more.waits;
    }
    return used;
  }

  /** Nothing is waited for longer than the configuration says. */
  private lookAtDeadline(slot: TimerSlot, mostMs: number, whose: string): void {
    const { engine } = this.balancer.stage;
    const deadline = (engine.timers as TimerWheel).deadline(slot);
    if (deadline < Number.POSITIVE_INFINITY && deadline > engine.now() + mostMs + 1)
      this.cast.ledger.problem(`${whose} waits ${(deadline - engine.now()).toFixed(0)} ms, not ${mostMs}`);
  }

  /** Who has no room is not read for: back pressure. */
  private lookAtPressure(run: ExchangeRun, peer: PeerConnection): void {
    const { client, x } = run;
    if (client === undefined || client['state'] === 'closed') return;
    if (peer['state'] === 'relaying' && client.full && !peer['paused'])
      this.problem(client, 'has no room, and its peer is read');
    if (x.body.stream === peer && run.requestFull && !client['paused'])
      this.problem(client, 'is read, and its peer has no room');
  }

  private lookAtQueue(client: ClientConnection | undefined, queue: OutQueue, whose: string): void {
    const most = queue.limits.memoryBytesMax + 2 * RECEIVE_BYTES;
    if (queue['memoryBytes'] <= most) return;
    this.problem(client, `has ${queue['memoryBytes']} bytes waiting ${whose}, and may have ${most}`);
  }

  /** Over all tables of peers that were ever in use. */
  private counted(): number {
    for (const { table } of this.balancer.generation.upstreams) this.tables.add(table);
    let count = 0;
    const memories = new Set<ArrayBufferLike>(); // tables of one zone look into the same
    for (const { conns } of this.tables) {
      if (memories.has(conns.buffer)) continue;
      memories.add(conns.buffer);
      for (const each of conns) count += each;
    }
    return count;
  }

  private readonly tables = new Set<PeerTable>();

  private compare(what: string, found: number, expected: number): void {
    if (found !== expected) this.cast.ledger.problem(`${what}: ${found}, but ${expected} have an owner`);
  }

  private problem(client: ClientConnection | undefined, text: string): void {
    const target = client?.run?.x.head.target ?? '';
    this.cast.ledger.problem(
      `a client's connection (${client?.['state']}, ${client?.run?.x.phase} ${target}) ${text}`,
    );
  }
}

/** How long a client may be waited for, by its connection's state. */
const CLIENT_WAITS_MS: Readonly<Record<ClientConnection['state'], number>> = {
  head: Math.max(TIMES.header, TIMES.keepalive),
  busy: Math.max(TIMES.body, TIMES.send),
  emptying: TIMES.lingeringTimeout,
  lingering: TIMES.lingeringTimeout,
  closed: 0,
};

interface Used {
  conns: number;
  slots: number;
  taken: number;
  waits: boolean;
}
