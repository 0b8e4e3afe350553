// Where a balancer under test plays: an engine for it, an engine for its clients and peers, and a way to wait that pumps a simulated world
// or lets Node's loop turn. A test that awaits conditions runs unchanged on each.
import type { Address, Engine, IoError, Listener, ListenerHandler, Ms } from '../../src/io/engine.ts';
import { ioErrorText, isIoError } from '../../src/io/io-error.ts';
import { portableEngine } from '../../src/io/portable/portable-engine.ts';
import { type Faults, NO_FAULTS } from '../../src/io/simulated/faults.ts';
import { type SimulatedWorld, simulatedWorld } from '../../src/io/simulated/world.ts';

const DEADLINE_MS = 8000;

export interface Stage {
  /** The balancer's engine. */
  readonly engine: Engine;
  /** The engine of clients and peers. */
  readonly outside: Engine;
  /** Where it is simulated. */
  readonly world: SimulatedWorld | undefined;
  /** The port to use for `wish`: itself in a simulated world, a free one of this machine otherwise; the same each time. */
  port(wish: number): number;
  /** Waits until `condition` holds; `what` says in the failure's text what never came. */
  until(condition: () => boolean, what?: string): Promise<void>;
  /** Lets what is under way arrive, for a test that says that nothing comes. */
  settle(): Promise<void>;
  /** Lets this much of the engine's time go by. */
  elapse(ms: Ms): Promise<void>;
  close(): Promise<void>;
}

/** Virtual time: deadlines of an hour cost nothing, and the same seed gives the same run. */
export function simulatedStage(seed = 1, faults: Faults = NO_FAULTS): Stage {
  const world = simulatedWorld(seed, faults);
  const engine = world.engine('balancer', { host4: '127.0.0.1' });
  const outside = world.engine('outside');
  return {
    engine,
    outside,
    world,
    port: (wish) => wish,
    async until(condition, what = 'the condition') {
      for (let tries = 0; tries < 3; tries++) {
        if (world.run(condition)) return;
        await turn(); // promises of the test's own go on
      }
      throw new Error(`${what} never came (virtual time ${world.now()})`);
    },
    async settle() {
      world.run('quiet');
    },
    async elapse(ms) {
      world.run(world.now() + ms);
    },
    async close() {
      engine.destroy();
      outside.destroy();
    },
  };
}

/** Node's own sockets on this machine. */
export async function portableStage(): Promise<Stage> {
  return realStage(portableEngine());
}

/** Raw Linux calls, where they are to be had; ask `selfTest()` before. */
export async function epollStage(): Promise<Stage> {
  const { epollEngine } = await import('../../src/io/epoll/epoll-engine.ts'); // native code, for whoever asks for it
  const engine = epollEngine();
  if (isIoError(engine)) throw new Error(ioErrorText(engine));
  return realStage(engine);
}

async function realStage(engine: Engine): Promise<Stage> {
  const ports = new Map<number, number>();
  const free = await freePorts(engine);
  return {
    engine,
    outside: engine,
    world: undefined,
    port(wish) {
      const port = ports.get(wish) ?? free.pop();
      if (port === undefined) throw new Error(`a stage has no more than ${FREE_PORTS} ports`);
      ports.set(wish, port);
      return port;
    },
    until,
    async settle() {
      for (let turns = 0; turns < 20; turns++) await turn();
      await pause(5);
    },
    elapse: pause,
    async close() {
      engine.destroy();
      await turn();
    },
  };
}

const FREE_PORTS = 8;

/** Ports that were free a moment ago. */
async function freePorts(engine: Engine): Promise<number[]> {
  const listeners: Listener[] = [];
  for (let i = 0; i < FREE_PORTS; i++) {
    listeners.push(await listening(engine, { family: 4, host: '127.0.0.1', port: 0 }, NOBODY, until));
  }
  const ports = listeners.map(({ port }) => port);
  for (const listener of listeners) listener.close();
  await turn();
  return ports;
}

/** Listens, and waits with `wait` for the engine's word; throws where it refuses. */
export async function listening(
  engine: Engine,
  address: Address,
  handler: ListenerHandler,
  wait: Stage['until'],
): Promise<Listener> {
  let result: Listener | IoError | undefined;
  engine.listen(address, {}, handler, (each) => {
    result = each;
  });
  await wait(() => result !== undefined, 'the answer to listen');
  if (result === undefined || isIoError(result)) throw new Error(`listen: ${result && ioErrorText(result)}`);
  return result;
}

const NOBODY: ListenerHandler = {
  accepted() {
    throw new Error('nobody is expected here');
  },
  acceptFailed: () => undefined,
};

async function until(condition: () => boolean, what = 'the condition'): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  for (let turns = 0; !condition(); turns++) {
    if (performance.now() > deadline) throw new Error(`${what} never came within ${DEADLINE_MS} ms`);
    await (turns < 100 ? turn() : pause(1));
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function pause(ms: Ms): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
