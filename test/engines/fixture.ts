// One suite, three engines: `engineCases` runs its cases on each. Real engines are awaited turn by turn and never slept for; the
// simulated one is run until the condition holds. After each case nothing may be open and no end may have seen what no engine may do.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type {
  Address,
  Conn,
  ConnectOptions,
  Engine,
  IoError,
  Listener,
  ListenerHandler,
  ListenOptions,
  Ms,
} from '../../src/io/engine.ts';
import { epollEngine } from '../../src/io/epoll/epoll-engine.ts';
import { selfTest } from '../../src/io/epoll/self-test.ts';
import { isIoError } from '../../src/io/io-error.ts';
import { portableEngine } from '../../src/io/portable/portable-engine.ts';
import { AWKWARD } from '../../src/io/simulated/faults.ts';
import type { SimulatedWorld } from '../../src/io/simulated/world.ts';
import { simulatedWorld } from '../../src/io/simulated/world.ts';
import type { Hooks } from './end.ts';
import { End } from './end.ts';

export type Family = 'IPv4' | 'IPv6' | 'unix';
export const FAMILIES: readonly Family[] = ['IPv4', 'IPv6', 'unix'];

/** A case that cannot run on an engine says why; the reason stands in the output beside the skipped case. */
export type Reasons = Partial<Record<Engine['kind'] | 'awkward', string>>;

/** For cases on real engines that make sockets by system calls of their own. */
export const NEEDS_FFI: Reasons =
  selfTest() === undefined ? {} : { portable: `the case needs raw sockets, and ${selfTest()}` };

/** For cases that look into /proc or use the whole of 127.0.0.0/8. */
export const NEEDS_LINUX: Reasons = process.platform === 'linux' ? {} : { portable: 'the case needs Linux' };

interface Subject {
  readonly name: string;
  readonly kind: Engine['kind'];
  /** Why it cannot run here at all. */
  readonly refusal: string | undefined;
  readonly world: (() => SimulatedWorld) | undefined;
  make(): Engine;
}

const SUBJECTS: readonly Subject[] = [
  { name: 'epoll', kind: 'epoll', refusal: selfTest(), world: undefined, make: realEpollEngine },
  { name: 'portable', kind: 'portable', refusal: undefined, world: undefined, make: portableEngine },
  {
    name: 'simulated',
    kind: 'simulated',
    refusal: undefined,
    world: () => simulatedWorld(1),
    make: never,
  },
  {
    // The same cases with reads, writes and delays in the most awkward pieces that are still faultless.
    name: 'simulated (awkward)',
    kind: 'simulated',
    refusal: undefined,
    world: () =>
      simulatedWorld(2, { ...AWKWARD, bufferBytes: [4096, 70_000], lateTurn: 0, stall: 0, clockJump: 0 }),
    make: never,
  },
];

const DEADLINE_MS = 8000;

/** Runs `define`'s cases on each engine. `define` declares them with `fixture.it`. */
export function engineCases(name: string, define: (fixture: EngineFixture) => void): void {
  for (const subject of SUBJECTS) {
    describe(`${name}, on the ${subject.name} engine`, () => {
      if (subject.refusal !== undefined) {
        it('runs no case', (context) => context.skip(subject.refusal));
        return;
      }
      const fixture = new EngineFixture(subject);
      beforeEach(() => fixture.open());
      afterEach(() => fixture.close());
      define(fixture);
    });
  }
}

/** A listener and who came to it. */
export interface Bound {
  readonly listener: Listener;
  /** Where to connect to. */
  readonly address: Address;
  readonly accepted: End[];
  readonly failures: IoError[];
}

export interface BoundOptions extends ListenOptions {
  /** Where to listen; port 0 of 127.0.0.1, of ::1, or a fresh path. */
  readonly on?: Family | Address;
  /** Given to each accepted end. */
  readonly hooks?: Hooks;
  /** Called within `accepted`. */
  readonly onAccepted?: (end: End, listener: Listener) => void;
}

export class EngineFixture {
  readonly kind: Engine['kind'];
  readonly name: string;
  /** The engine under test. */
  engine!: Engine;
  /** The engine of the other ends: the same one where it is real, another one of the same world where it is simulated. */
  peer!: Engine;
  world: SimulatedWorld | undefined;
  private readonly subject: Subject;
  private ends: End[] = [];
  private listeners: Listener[] = [];
  private folder: string | undefined;
  private paths = 0;

  constructor(subject: Subject) {
    this.subject = subject;
    this.kind = subject.kind;
    this.name = subject.name;
  }

  /** Declares a case. `reasons` names the engines on which it cannot run, and why. */
  it(name: string, work: () => Promise<void> | void, reasons: Reasons = {}): void {
    const reason = reasons[this.kind] ?? (this.awkward ? reasons.awkward : undefined);
    if (reason === undefined) it(name, work);
    else it(name, (context) => context.skip(`not on this engine: ${reason}`));
  }

  /** Whether pieces and delays are awkward here, and times therefore not exact. */
  get awkward(): boolean {
    return this.name.includes('awkward');
  }

  // Time.

  /** Waits until `condition` holds; `what` says in the failure's text what never came. */
  async until(condition: () => boolean, what = 'the condition'): Promise<void> {
    if (this.world !== undefined) {
      if (!this.world.run(condition))
        throw new Error(`${what} never came (virtual time ${this.world.now()})`);
      return;
    }
    const deadline = performance.now() + DEADLINE_MS;
    for (let turns = 0; !condition(); turns++) {
      if (performance.now() > deadline) throw new Error(`${what} never came within ${DEADLINE_MS} ms`);
      await (turns < 100 ? turn() : oneMillisecond());
    }
  }

  /** Waits until `end` has been told, in whichever way, that the other side is gone. */
  async goodbye(end: End): Promise<void> {
    await this.until(() => end.has('ended') || end.has('failed') || !end.isOpen, 'the news of the end');
  }

  /** Lets everything that is under way arrive, for a case that says that nothing comes. */
  async settle(): Promise<void> {
    if (this.world !== undefined) {
      this.world.run('quiet');
      return;
    }
    // What was under way before arrives before what begins now has come and gone.
    for (let i = 0; i < 2; i++) {
      const [client, server] = await this.pair();
      client.write(new Uint8Array(1));
      await this.until(() => server.got === 1, 'a byte behind all others');
      client.close();
      await this.until(() => server.has('ended'), 'an end behind all others');
      server.close();
      for (let turns = 0; turns < 5; turns++) await turn();
    }
  }

  /** Lets this much of the engine's time go by. */
  async elapse(ms: Ms): Promise<void> {
    if (this.world !== undefined) {
      this.world.run(this.world.now() + ms);
      return;
    }
    await new Promise<void>((resolve) => {
      const { timers } = this.engine;
      const slot = timers.add({
        expired: () => {
          timers.remove(slot);
          resolve();
        },
      });
      timers.arm(slot, this.engine.now() + ms);
    });
  }

  // Connections.

  /** A fresh address to listen at. */
  fresh(family: Family): Address {
    if (family === 'IPv4') return { family: 4, host: '127.0.0.1', port: 0 };
    if (family === 'IPv6') return { family: 6, host: '::1', port: 0 };
    this.folder ??= mkdtempSync(join(tmpdir(), 'engines-'));
    return { family: 'unix', path: join(this.folder, `${this.paths++}.sock`) };
  }

  /** Listens; fails the case where that is refused. */
  async listen(options: BoundOptions = {}): Promise<Bound> {
    const { on = 'IPv4' } = options;
    const address = typeof on === 'string' ? this.fresh(on) : on;
    const accepted: End[] = [];
    const failures: IoError[] = [];
    const result = await this.listenOrFail(address, options, this.acceptor(options, accepted, failures));
    if (isIoError(result)) throw new Error(`${result.call}() failed (${result.errno}: ${result.text})`);
    return { listener: result, address: dialable(address, result.port), accepted, failures };
  }

  /** A handler for listeners of which the accepted ends are kept. */
  acceptor(options: BoundOptions, accepted: End[], failures: IoError[] = []): ListenerHandler {
    return {
      accepted: (conn: Conn, listener: Listener) => {
        const end = this.end(this.engine, options.hooks ?? {});
        end.conn = conn;
        accepted.push(end);
        options.onAccepted?.(end, listener);
        return end;
      },
      acceptFailed: (_listener, error) => failures.push(error),
    };
  }

  /** What `listening` is given. */
  async listenOrFail(
    address: Address,
    options: ListenOptions,
    handler: ListenerHandler = this.acceptor({}, []),
    engine: Engine = this.engine,
  ): Promise<Listener | IoError> {
    let result: Listener | IoError | undefined;
    engine.listen(address, options, handler, (each) => {
      result = each;
    });
    await this.until(() => result !== undefined, 'the answer to listen');
    if (!isIoError(result!)) this.listeners.push(result!);
    return result!;
  }

  /** An end that is not connected yet, for `connect`, `adopt` or `attach`. */
  end(engine: Engine = this.peer, hooks: Hooks = {}): End {
    const end = new End(engine, hooks);
    this.ends.push(end);
    return end;
  }

  /** Begins a connect from the peers' engine. */
  dial(address: Address, hooks: Hooks = {}, options: ConnectOptions = {}): End {
    const end = this.end(this.peer, hooks);
    end.conn = this.peer.connect(address, options, end);
    return end;
  }

  /** A connection, both ends open: the client's on `peer`, the server's on `engine`. */
  async pair(options: BoundOptions = {}): Promise<[client: End, server: End]> {
    const bound = await this.listen(options);
    const client = this.dial(bound.address);
    await this.until(() => client.has('connected') && bound.accepted.length === 1, 'a connection');
    bound.listener.close();
    return [client, bound.accepted[0]!];
  }

  /** Adds a listener that a case made by itself to what is closed at its end. */
  closesListener(listener: Listener): void {
    this.listeners.push(listener);
  }

  /** Destroys both engines with whatever is open; `open` makes new ones. */
  destroy(): void {
    for (const end of this.ends) end.isOpen = false;
    this.listeners = [];
    this.engine.destroy();
    this.peer.destroy();
  }

  // Before and after each case.

  open(): void {
    this.world = this.subject.world?.();
    this.engine = this.world?.engine('engine') ?? this.subject.make();
    this.peer = this.world?.engine('peer') ?? this.engine;
  }

  async close(): Promise<void> {
    for (const end of this.ends) if (end.isOpen && end.conn >= 0) end.close();
    for (const listener of this.listeners) listener.close();
    const open = this.engine.openCount + (this.peer === this.engine ? 0 : this.peer.openCount);
    this.world?.run('quiet');
    this.engine.destroy();
    if (this.peer !== this.engine) this.peer.destroy();
    if (this.world === undefined) await turn();
    const violations = this.ends.flatMap((end) => end.violations);
    this.ends = [];
    this.listeners = [];
    if (this.folder !== undefined) rmSync(this.folder, { recursive: true, force: true });
    this.folder = undefined;
    expect(violations).toEqual([]);
    expect(open, 'connections that stay open').toBe(0);
  }
}

function realEpollEngine(): Engine {
  const engine = epollEngine();
  if (isIoError(engine)) throw new Error(`${engine.call}() failed (${engine.errno}: ${engine.text})`);
  return engine;
}

function dialable(address: Address, port: number): Address {
  return address.family === 'unix' ? address : { ...address, port };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function oneMillisecond(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

function never(): never {
  throw new Error('a simulated engine comes from its world');
}
