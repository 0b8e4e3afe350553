// What the simulated world alone promises; the behaviour that all engines share is in test/engines/.
import { describe, expect, it } from 'vitest';
import { copyBytes, NO_BYTES } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import type { Address, Conn, ConnectionHandler, Engine, IoError, Listener } from '../engine.ts';
import { SEND_FAILED } from '../engine.ts';
import type { Faults } from './faults.ts';
import { AWKWARD, NO_FAULTS, STORM } from './faults.ts';
import type { SimulatedWorld } from './world.ts';
import { simulatedWorld } from './world.ts';

const SERVER: Address = { family: 4, host: '10.0.0.1', port: 80 };

function nothing(): void {}

function handler(parts: Partial<ConnectionHandler> = {}): ConnectionHandler {
  return {
    connected: nothing,
    received: nothing,
    ended: nothing,
    writable: nothing,
    failed: nothing,
    ...parts,
  };
}

/** Sends back what comes, with one pending piece for each connection; half-closes when its client has. */
function echoServer(world: SimulatedWorld, name: string): Engine {
  const engine = world.engine(name);
  const pending = new Map<Conn, { bytes: Uint8Array; ended: boolean }>();
  const flush = (conn: Conn): void => {
    const row = pending.get(conn)!;
    const sent = engine.send(conn, row.bytes, 0, row.bytes.length);
    if (sent === SEND_FAILED) {
      pending.delete(conn);
      return engine.close(conn);
    }
    row.bytes = row.bytes.subarray(sent);
    if (row.bytes.length > 0) return engine.pause(conn);
    if (!row.ended) return engine.resume(conn);
    pending.delete(conn);
    engine.close(conn);
  };
  const owner = handler({
    received: (conn, bytes, start, end) => {
      pending.get(conn)!.bytes = copyBytes(bytes, start, end);
      flush(conn);
    },
    ended: (conn) => {
      pending.get(conn)!.ended = true;
      if (pending.get(conn)!.bytes.length === 0) flush(conn);
    },
    writable: flush,
    failed: (conn) => void pending.delete(conn),
  });
  const accepted = (conn: Conn): ConnectionHandler => {
    pending.set(conn, { bytes: NO_BYTES, ended: false });
    return owner;
  };
  engine.listen(SERVER, {}, { accepted, acceptFailed: nothing }, nothing);
  return engine;
}

const SOME = Uint8Array.from({ length: 20_000 }, (_, i) => (i * 7) & 0xff);

/** A connection to the server, connected. */
function opened(world: SimulatedWorld, engine: Engine): Conn {
  let connected = false;
  const conn = engine.connect(
    SERVER,
    {},
    handler({
      connected: () => {
        connected = true;
      },
    }),
  );
  world.run(() => connected);
  return conn;
}

interface Talk {
  got: number;
  wrong: number;
  outcome: 'running' | 'complete' | 'cut' | IoError;
}

/** Sends `length` bytes, half-closes, and checks the echo byte for byte. */
function talk(engine: Engine, length: number): Talk {
  const state: Talk = { got: 0, wrong: 0, outcome: 'running' };
  let at = 0;
  const push = (conn: Conn): void => {
    const sent = engine.send(conn, SOME, at, length);
    if (sent === SEND_FAILED) {
      state.outcome = engine.lastError(conn)!;
      return engine.close(conn);
    }
    at += sent;
    if (at === length) engine.shutdown(conn);
  };
  engine.connect(
    SERVER,
    {},
    handler({
      connected: push,
      writable: push,
      received: (_conn, bytes, start, end) => {
        for (let i = start; i < end; i++) if (bytes[i] !== SOME[state.got++]) state.wrong++;
      },
      ended: (conn) => {
        state.outcome = state.got === length ? 'complete' : 'cut';
        engine.close(conn);
      },
      failed: (_conn, error) => {
        state.outcome = error;
      },
    }),
  );
  return state;
}

function clatter(seed: number, faults: Faults): { world: SimulatedWorld; talks: Talk[]; engines: Engine[] } {
  const world = simulatedWorld(seed, faults);
  const server = echoServer(world, 'server');
  const client = world.engine('client');
  const random: Random = world.random;
  const talks = Array.from({ length: 8 }, () => talk(client, random.below(SOME.length)));
  world.run('idle', 3_600_000);
  return { world, talks, engines: [server, client] };
}

describe('a seed', () => {
  it.each([1, 2, 3])('%i replays the same run, event for event', (seed) => {
    const first = clatter(seed, STORM);
    const second = clatter(seed, STORM);
    expect(second.world.digest()).toBe(first.world.digest());
    expect(second.talks).toEqual(first.talks);
    expect(second.world.now()).toBe(first.world.now());
    expect(clatter(seed + 100, STORM).world.digest()).not.toBe(first.world.digest());
  });

  it('of awkward pieces and delays loses nothing', () => {
    for (let seed = 0; seed < 30; seed++) {
      const { talks, engines, world } = clatter(seed, AWKWARD);
      for (const each of talks) expect(each, `seed ${seed}`).toMatchObject({ wrong: 0, outcome: 'complete' });
      for (const engine of engines) expect(engine.openCount).toBe(0);
      for (const link of world.links) {
        expect(link.faults).toEqual([]);
        expect(link.up.received).toBe(link.up.sent);
        expect(link.down.received).toBe(link.down.sent);
      }
    }
  });

  it('of storms gives every connection an end, and never a wrong byte', () => {
    const outcomes = new Set<string>();
    for (let seed = 0; seed < 60; seed++) {
      const { talks, engines, world } = clatter(seed, STORM);
      for (const each of talks) {
        expect(each.wrong).toBe(0);
        expect(each.outcome, `seed ${seed}`).not.toBe('running');
        outcomes.add(typeof each.outcome === 'string' ? each.outcome : each.outcome.code);
      }
      for (const engine of engines) expect(engine.openCount).toBe(0);
      for (const link of world.links) {
        expect(link.up.received).toBeLessThanOrEqual(link.up.sent);
        expect(link.down.received).toBeLessThanOrEqual(link.down.sent);
      }
    }
    expect(outcomes).toContain('ECONNREFUSED');
    expect(outcomes).toContain('ECONNRESET');
    expect(outcomes).toContain('ETIMEDOUT');
    expect(outcomes).toContain('complete');
  });
});

describe('time', () => {
  it('goes on to the next deadline when nothing else is to do, and to no further', () => {
    const world = simulatedWorld(1);
    const engine = world.engine('one');
    const fired: number[] = [];
    const slot = engine.timers.add({ expired: (_slot, now) => fired.push(now) });
    const at = engine.now() + 50_000;
    engine.timers.arm(slot, at);
    expect(world.run('quiet')).toBe(true);
    expect(fired).toEqual([]);
    expect(world.run('idle')).toBe(true);
    expect(fired.length).toBe(1);
    expect(fired[0]! - at).toBeGreaterThanOrEqual(0);
    expect(fired[0]! - at).toBeLessThan(10);
  });

  it('of the wall may jump; the monotonic never goes back', () => {
    const world = simulatedWorld(3, { ...AWKWARD, clockJump: 0.5 });
    echoServer(world, 'server');
    const client = world.engine('client');
    talk(client, 20_000);
    let before = client.now();
    let jumped = false;
    let offset = client.wallNow() - client.now();
    while (world.step()) {
      expect(client.now()).toBeGreaterThanOrEqual(before);
      before = client.now();
      if (client.wallNow() - before !== offset) jumped = true;
      offset = client.wallNow() - before;
    }
    expect(jumped).toBe(true);
  });

  it('a connect that nothing answers fails after 127 s with ETIMEDOUT, as Linux gives up', () => {
    const world = simulatedWorld(1, { ...NO_FAULTS, blackHole: 1 });
    const state = talk(world.engine('client'), 10);
    const start = world.now();
    world.run('idle');
    expect(state.outcome).toMatchObject({ call: 'connect', code: 'ETIMEDOUT', errno: 110 });
    expect(world.now() - start).toBeGreaterThanOrEqual(127_000);
    expect(world.links[0]!.faults).toEqual(['black hole']);
  });
});

describe('misuse', () => {
  function open(): { world: SimulatedWorld; engine: Engine; conn: Conn } {
    const world = simulatedWorld(1);
    echoServer(world, 'server');
    const engine = world.engine('client');
    return { world, engine, conn: opened(world, engine) };
  }

  it.each<[string, (engine: Engine, conn: Conn) => void]>([
    ['send', (engine, conn) => void engine.send(conn, SOME, 0, 1)],
    ['pause', (engine, conn) => engine.pause(conn)],
    ['close', (engine, conn) => engine.close(conn)],
    ['attach', (engine, conn) => engine.attach(conn, handler())],
    ['remoteAddress', (engine, conn) => void engine.remoteAddress(conn)],
  ])('%s of a connection that is void throws', (_name, use) => {
    const { engine, conn, world } = open();
    engine.close(conn);
    expect(() => use(engine, conn)).toThrow('is void');
    world.run('quiet');
    expect(() => use(engine, conn)).toThrow('is void');
  });

  it('a send after shutdown throws', () => {
    const { engine, conn } = open();
    engine.shutdown(conn);
    expect(() => engine.send(conn, SOME, 0, 1)).toThrow('after shutdown');
  });

  it('a view that was kept shows poison instead of the bytes', () => {
    const { world, engine, conn } = open();
    let kept: Uint8Array | undefined;
    const keeper = handler({
      received: (_conn, bytes, start, end) => {
        kept = bytes.subarray(start, end);
      },
    });
    engine.attach(conn, keeper);
    engine.send(conn, SOME, 0, 100);
    world.run(() => kept !== undefined);
    expect(kept!.every((byte) => byte === 0xdd)).toBe(true);
  });
});

describe('a listening socket', () => {
  it('out of descriptors fails with EMFILE, rests half a second and then accepts', () => {
    const world = simulatedWorld(5, { ...NO_FAULTS, acceptFails: 0.5 });
    const server = world.engine('server');
    const failures: number[] = [];
    let accepted = 0;
    server.listen(
      SERVER,
      {},
      {
        accepted: () => {
          accepted++;
          return handler();
        },
        acceptFailed: (_listener, error) => {
          expect(error).toMatchObject({ call: 'accept', code: 'EMFILE' });
          failures.push(world.now());
        },
      },
      nothing,
    );
    const client = world.engine('client');
    for (let i = 0; i < 20; i++) client.connect(SERVER, {}, handler());
    world.run('idle');
    expect(accepted).toBe(20);
    expect(failures.length).toBeGreaterThan(3);
    for (let i = 1; i < failures.length; i++)
      expect(failures[i]! - failures[i - 1]!).toBeGreaterThanOrEqual(500);
  });

  it('lives on, with whoever waits in its queue, when it is left open and adopted', () => {
    const world = simulatedWorld(1);
    const [before, after, client] = [world.engine('before'), world.engine('after'), world.engine('client')];
    const owners: string[] = [];
    const accepting = (engine: Engine, name: string) => ({
      accepted: (conn: Conn) => {
        owners.push(name);
        engine.defer(() => engine.close(conn));
        return handler();
      },
      acceptFailed: nothing,
    });
    let listener: Listener | undefined;
    before.listen(SERVER, {}, accepting(before, 'before'), (result) => {
      listener = result as Listener;
    });
    world.run('quiet');
    listener!.pause();
    let ended = false;
    const leaver = handler({
      ended: (conn) => {
        ended = true;
        client.close(conn);
      },
    });
    client.connect(SERVER, {}, leaver);
    world.run('quiet');
    listener!.close(true);
    world.run('quiet');
    expect(owners).toEqual([]);
    const adopted = after.adoptListener(listener!.fd, SERVER, accepting(after, 'after')) as Listener;
    world.run('quiet');
    expect(owners).toEqual(['after']);
    expect(ended).toBe(true);
    adopted.close();
    let error: IoError | undefined;
    const refused = handler({
      failed: (_conn, each) => {
        error = each;
      },
    });
    client.connect(SERVER, {}, refused);
    world.run('idle');
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
  });
});

it('a live connection moves to another engine with the bytes that were not read yet', () => {
  const world = simulatedWorld(1);
  echoServer(world, 'server');
  const [first, second] = [world.engine('first'), world.engine('second')];
  const conn = opened(world, first);
  first.pause(conn);
  first.send(conn, SOME, 0, 1000);
  world.run('quiet');
  const fd = first.release(conn);
  expect(fd).toBeGreaterThanOrEqual(0);
  expect(first.openCount).toBe(0);
  expect(() => first.send(conn, SOME, 0, 1)).toThrow('is void');
  let got = 0;
  const owner = handler({
    received: (_conn, _bytes, start, end) => {
      got += end - start;
    },
  });
  const moved = second.adopt(fd, owner) as Conn;
  world.run('quiet');
  expect(got).toBe(1000);
  second.send(moved, SOME, 0, 500);
  world.run('quiet');
  expect(got).toBe(1500);
  expect(second.adopt(fd, owner)).toMatchObject({ code: 'EBADF' });
});
