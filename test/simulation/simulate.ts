// One run: a seed's script played against a balancer in a simulated world, watched at every step and judged at the end.

import { simulatedWorld } from '../../src/io/simulated/world.ts';
import { Balancer } from '../support/balancer.ts';
import { DISK_FULL } from '../support/memory-disk.ts';
import type { Stage } from '../support/stage.ts';
import { Cast } from './cast.ts';
import { ALL_PORTS, brokenIsRefused, FILES, NAMES, planOfVariant } from './config.ts';
import { fileContent, HttpClient } from './http-client.ts';
import { HttpPeer } from './http-peer.ts';
import { judge } from './judge.ts';
import { isSocket, Ledger } from './ledger.ts';
import { type Order, type Script, scriptOf } from './script.ts';
import { SocketClient } from './socket-side.ts';
import { Watch } from './watch.ts';

export interface Outcome {
  readonly seed: number;
  readonly problems: readonly string[];
  /** Lines for a person, where they were asked for. */
  readonly trace: readonly string[];
  readonly exchanges: number;
  readonly sockets: number;
  /** Of exchanges and sockets: judged with no excuse. */
  readonly perfect: number;
  readonly steps: number;
}

/** Longer than all deadlines of a run one after another. */
const REST_MS = 4_000_000;
/** A run that takes more does not come to rest. */
const STEPS_MAX = 2_000_000;

export async function simulate(seed: number, tracing = false): Promise<Outcome> {
  const script = scriptOf(seed);
  const ledger = new Ledger(tracing);
  const { rough, smooth } = script;
  const world = simulatedWorld(
    seed,
    { ...smooth, acceptFails: rough.acceptFails },
    {
      faultsFor: (client, target) => {
        if (client === 'rough') return rough;
        if (client === 'smooth' || target.family === 'unix') return smooth;
        return script.roughPorts.has(target.port) ? rough : smooth;
      },
    },
  );
  const cast = new Cast(world, script, ledger);
  const engine = world.engine('balancer');
  const stage: Stage = {
    engine,
    outside: cast.smooth,
    world,
    port: (wish) => wish,
    until: async (condition) => void world.run(condition),
    settle: async () => void world.run('quiet'),
    elapse: async (ms) => void world.run(world.now() + ms),
    close: async () => undefined,
  };
  const balancer = new Balancer(planOfVariant(script.variant), {
    stage,
    files: FILES,
    names: NAMES,
    nameDelayMs: script.nameDelayMs,
    seed,
  });
  balancer.disk.pieceBytesMax = script.filePieceBytes;
  const watch = new Watch(cast, balancer);
  await balancer.listen();
  const play = new Play(cast, balancer, watch);
  play.begin();
  play.run();
  return play.outcome();
}

class Play {
  private readonly cast: Cast;
  private readonly balancer: Balancer;
  private readonly watch: Watch;
  private readonly script: Script;
  private readonly ledger: Ledger;
  private swappedAt = 0;
  private steps = 0;
  private perfect = 0;

  constructor(cast: Cast, balancer: Balancer, watch: Watch) {
    this.cast = cast;
    this.balancer = balancer;
    this.watch = watch;
    this.script = cast.script;
    this.ledger = cast.ledger;
  }

  begin(): void {
    const { cast, script } = this;
    if (cast.tracing) {
      const { seed, variant, weather, roughPorts } = script;
      cast.trace(
        'script',
        `seed ${seed}, variant ${variant}, ${weather}; rough ports: ${[...roughPorts].join(' ')}`,
      );
    }
    for (const port of ALL_PORTS) new HttpPeer(cast, port);
    for (const client of script.clients) {
      for (const { place, id } of client.requests) {
        if (place === 'file' || place === 'accel')
          this.balancer.disk.put(`/srv/files/r${id}`, fileContent(id));
      }
      new HttpClient(cast, client);
    }
    for (const socket of script.sockets) new SocketClient(cast, socket);
    for (const order of script.orders) cast.after(order.atMs, () => this.obey(order));
  }

  run(): void {
    const { world } = this.cast;
    const end = world.now() + REST_MS;
    try {
      while (world.step()) {
        this.watch.look();
        if (this.ledger.problems.length > 0) break;
        if (++this.steps > STEPS_MAX || world.now() > end) {
          this.ledger.problem('the world does not come to rest');
          break;
        }
      }
      if (this.ledger.problems.length === 0) this.end();
    } catch (error) {
      this.ledger.problem(
        `an exception: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
    }
  }

  /** Nothing is left to happen: every deadline has passed. */
  private end(): void {
    const { balancer, cast, ledger } = this;
    if (balancer.stage.engine.openCount > 0)
      ledger.problem(`${balancer.stage.engine.openCount} connections stay open`);
    if (cast.drainedAt === Number.POSITIVE_INFINITY) balancer.drain();
    cast.world.run('quiet');
    if (!balancer.isDrained) ledger.problem('the drain does not end');
    for (const leak of balancer.leaks()) ledger.problem(`left behind: ${leak}`);
    this.perfect = judge(cast, balancer, this.watch.begun);
    for (const wire of cast.wires) wire.close();
  }

  outcome(): Outcome {
    const { script, ledger, steps, perfect } = this;
    ledger.trace?.push(
      '',
      'error log:',
      ...this.balancer.errorLog,
      '',
      'access log:',
      ...this.balancer.accessLog,
    );
    return {
      seed: script.seed,
      problems: ledger.problems,
      trace: ledger.trace ?? [],
      exchanges: ledger.exchanges.size,
      sockets: ledger.sockets.size,
      perfect,
      steps,
    };
  }

  // The operator.

  private obey(order: Order): void {
    const { balancer, cast } = this;
    if (cast.tracing) cast.trace('operator', JSON.stringify(order));
    switch (order.do) {
      case 'reload':
        this.swappedAt = cast.now();
        return balancer.swap(planOfVariant(order.variant));
      case 'broken reload':
        if (!brokenIsRefused()) this.ledger.problem('a broken text was taken for a configuration');
        return;
      case 'clock':
        return cast.world.jumpWallClock(order.byMs);
      case 'disk':
        balancer.disk.refuses = order.fails ? (call) => (call === 'stat' ? undefined : DISK_FULL) : undefined;
        return;
      case 'descriptors':
        return cast.world.exhaust(balancer.stage.engine, order.out);
      case 'end older':
        this.note('end older');
        balancer.driver.endOlderThan(balancer.generation.number, this.swappedAt);
        if (balancer.driver.tunnels.countOlderThan(balancer.generation.number) > 0)
          this.ledger.problem('older tunnels live on');
        return;
      case 'drain':
        if (cast.drainedAt < Number.POSITIVE_INFINITY) return;
        cast.drainedAt = cast.now();
        return balancer.drain();
    }
  }

  /** Everything that is under way may suffer. */
  private note(what: string): void {
    for (const exchange of this.ledger.exchanges.values()) {
      if (exchange.sentAt >= 0 && exchange.answeredAt < 0) exchange.notes.add(what);
    }
    for (const socket of this.ledger.sockets.values()) if (isSocket(socket)) socket.notes.add(what);
  }
}
