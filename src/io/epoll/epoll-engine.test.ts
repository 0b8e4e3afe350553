import { closeSync, openSync, readdirSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ACCEPT_PAUSE_MS } from '../../base/limits.ts';
import type { Address, Conn, ConnectionHandler, IoError, ListenerHandler } from '../engine.ts';
import { SEND_FAILED } from '../engine.ts';
import { arena, receiveBuffer } from './arena.ts';
import { descriptorLimit, socketPair } from './descriptors.ts';
import type { EpollEngine } from './epoll-engine.ts';
import { getOption, SOL_TCP, setDescriptorLimit, TCP_NODELAY } from './syscalls.ts';
import { connectedPair, cpuWithin, LOOPBACK, listening, made, madeEngine, Recorder } from './test-kit.ts';

let engine: EpollEngine;
const nobody: ListenerHandler = { accepted: () => new Recorder(), acceptFailed: () => undefined };

beforeEach(() => {
  engine = madeEngine();
});

afterEach(() => {
  vi.useRealTimers();
  engine.destroy();
});

function sendText(conn: Conn, text: string): number {
  return engine.send(conn, Buffer.from(text, 'latin1'), 0, text.length);
}

describe('an idle epoll engine', () => {
  it('uses no CPU with connections open and deadlines armed', async () => {
    const { listener } = await connectedPair(engine);
    const side = new Recorder();
    for (let i = 0; i < 100; i++) {
      engine.connect({ ...LOOPBACK, port: listener.port } as Address, {}, side);
      engine.timers.arm(engine.timers.add({ expired: () => undefined }), engine.now() + 60_000);
    }
    await side.until(() => side.log.length >= 100);
    expect(await cpuWithin(400)).toBeLessThan(100);
  });

  it('uses none for a paused socket whose peer has reset it, and tells its owner after resume', async () => {
    const { client, clientSide, server } = await connectedPair(engine);
    engine.pause(client);
    engine.reset(server);
    expect(await cpuWithin(300)).toBeLessThan(100);
    expect(clientSide.has('failed')).toBe(false);
    engine.resume(client);
    await clientSide.until(() => clientSide.has('failed'));
    expect(clientSide.error?.code).toBe('ECONNRESET');
    expect(clientSide.error?.call).toBe('recv');
  });

  it('uses none for a paused socket with bytes waiting, which come after resume', async () => {
    const { client, clientSide, server } = await connectedPair(engine);
    engine.pause(client);
    sendText(server, 'waiting');
    expect(await cpuWithin(200)).toBeLessThan(80);
    expect(clientSide.text).toBe('');
    engine.resume(client);
    await clientSide.until(() => clientSide.text === 'waiting');
  });

  it('uses none for a connection that both sides have ended and nobody has closed', async () => {
    const { client, clientSide, server, serverSide } = await connectedPair(engine);
    engine.shutdown(client);
    engine.shutdown(server);
    await clientSide.until(() => clientSide.has('ended'));
    await serverSide.until(() => serverSide.has('ended'));
    expect(await cpuWithin(200)).toBeLessThan(80);
    expect(engine.openCount).toBe(2);
  });

  it('hears of a reset after the end, paused in between or not', async () => {
    for (const paused of [false, true]) {
      const { client, clientSide, server } = await connectedPair(engine);
      engine.shutdown(server);
      await clientSide.until(() => clientSide.has('ended'));
      if (paused) engine.pause(client);
      engine.reset(server);
      if (paused) {
        await cpuWithin(30);
        expect(clientSide.has('failed')).toBe(false);
        engine.resume(client);
      }
      await clientSide.until(() => clientSide.has('failed'));
      expect(clientSide.error?.code).toBe('EPIPE'); // what Linux says of a reset in CLOSE_WAIT
    }
  });
});

describe('out of descriptors', () => {
  it('a listener rests without CPU and then accepts', async () => {
    const limit = made(descriptorLimit());
    const side = new Recorder();
    const failures: IoError[] = [];
    let accepted = 0;
    const listener = listening(
      engine,
      () => {
        accepted++;
        return side;
      },
      (_listener, error) => failures.push(error),
    );
    engine.connect({ ...LOOPBACK, port: listener.port } as Address, {}, side);
    const began = performance.now();
    setDescriptorLimit(3, limit.hard);
    try {
      await side.until(() => failures.length > 0 && side.has('connected'));
      expect(await cpuWithin(200)).toBeLessThan(80);
      expect(failures.map((error) => error.code)).toEqual(['EMFILE']);
      expect(accepted).toBe(0);
    } finally {
      setDescriptorLimit(limit.soft, limit.hard);
    }
    await side.until(() => accepted === 1);
    expect(performance.now() - began).toBeGreaterThanOrEqual(ACCEPT_PAUSE_MS);
  });

  it('a connect fails in a later turn and not within the call', async () => {
    const limit = made(descriptorLimit());
    const side = new Recorder();
    setDescriptorLimit(3, limit.hard);
    const conn = engine.connect({ ...LOOPBACK, port: 1 } as Address, {}, side);
    setDescriptorLimit(limit.soft, limit.hard);
    expect(side.log).toEqual([]);
    expect(sendText(conn, 'x')).toBe(SEND_FAILED);
    await side.until(() => side.has('failed'));
    expect(side.error).toMatchObject({ call: 'socket', code: 'EMFILE' });
    expect(engine.openCount).toBe(0);
  });
});

describe('under full load', () => {
  /** Pairs that play ping-pong for ever, in this process. */
  async function load(pairs: number): Promise<{ rounds: () => number }> {
    let rounds = 0;
    const player: ConnectionHandler = Object.assign(new Recorder(), {
      received: (conn: Conn, bytes: Uint8Array, start: number, end: number): void => {
        rounds++;
        engine.send(conn, bytes, start, end);
      },
    });
    const listener = listening(engine, () => player);
    const side = new Recorder();
    const conns: Conn[] = [];
    for (let i = 0; i < pairs; i++) {
      conns.push(engine.connect({ ...LOOPBACK, port: listener.port } as Address, {}, side));
    }
    await side.until(() => side.log.length >= pairs);
    for (const conn of conns) {
      engine.attach(conn, player);
      engine.send(conn, arena, 0, 16_384);
    }
    return { rounds: () => rounds };
  }

  /**
   * How late it is, in the time that this process itself worked: it never rests under this load, so what a crowded machine takes from
   * it counts for the clock and not for the CPU.
   */
  function lateness(): () => number {
    const due = performance.now() + 10;
    const cpu = process.cpuUsage();
    return () => {
      const used = process.cpuUsage(cpu);
      return Math.min(performance.now() - due, (used.user + used.system) / 1000 - 10);
    };
  }

  // Tried again on a machine that is busy with something else: the garbage collector's threads are late there, too.
  it('a 10 ms timer of Node and one of the wheel come within 50 ms', { retry: 3 }, async () => {
    const { rounds } = await load(64);
    const late: number[] = [];
    const began = rounds();
    for (let i = 0; i < 20; i++) {
      const ofNode = lateness();
      await new Promise<void>((resolve) => setTimeout(resolve, 10));
      late.push(ofNode());
      const ofWheel = lateness();
      await new Promise<void>((resolve) => {
        const slot = engine.timers.add({
          expired: () => {
            late.push(ofWheel());
            engine.timers.remove(slot);
            resolve();
          },
        });
        engine.timers.arm(slot, engine.now() + 10);
      });
    }
    expect(rounds() - began).toBeGreaterThan(500);
    expect(Math.max(...late)).toBeLessThan(50);
  });

  it('a garbage collection after the other leaves the loop alive', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const { rounds } = await load(8);
    for (let i = 0; i < 20; i++) {
      const before = rounds();
      collect();
      const rubbish = Array.from({ length: 50 }, () => Buffer.allocUnsafeSlow(100_000).fill(255));
      expect(rubbish).toHaveLength(50);
      collect();
      await vi.waitFor(() => expect(rounds()).toBeGreaterThan(before), { interval: 1, timeout: 5000 });
    }
  });
});

describe('a batch of events', () => {
  it('skips those of a connection that was closed earlier in it', async () => {
    const sides: Recorder[] = [];
    const conns: Conn[] = [];
    const listener = listening(engine, (conn) => {
      conns.push(conn);
      const side = new Recorder();
      side.onReceived = (received) => {
        for (const other of conns.splice(0)) if (other !== received) engine.close(other);
      };
      sides.push(side);
      return side;
    });
    const client = new Recorder();
    const clients = [1, 2, 3, 4].map(() =>
      engine.connect({ ...LOOPBACK, port: listener.port } as Address, {}, client),
    );
    await client.until(() => sides.length === 4);
    for (const conn of clients) sendText(conn, 'all at once');
    await client.until(
      () =>
        client.log.filter((line) => line.startsWith('ended')).length +
          client.log.filter((line) => line.startsWith('failed')).length ===
        3,
    );
    expect(sides.filter((side) => side.text !== '')).toHaveLength(1);
    expect(sides.flatMap((side) => side.log)).toHaveLength(1);
  });

  it('does not use a number again before the turn has ended', async () => {
    const { client, clientSide, server } = await connectedPair(engine);
    let next: Conn = -1;
    clientSide.onReceived = (conn) => {
      engine.close(conn);
      next = engine.connect({ ...LOOPBACK, port: 1 } as Address, {}, new Recorder());
    };
    sendText(server, 'x');
    await clientSide.until(() => next >= 0);
    expect(next).not.toBe(client);
  });
});

describe('sending', () => {
  it('any part of any memory arrives as it was', async () => {
    const { client, server, serverSide } = await connectedPair(engine);
    const received: number[] = [];
    serverSide.onReceived = (_conn, bytes, start, end) => {
      expect(bytes).toBe(receiveBuffer);
      received.push(...bytes.subarray(start, end));
    };
    const part = fc.record({
      kind: fc.constantFrom('own', 'pooled', 'array', 'scratch'),
      length: fc.nat(3000),
      start: fc.nat(3000),
      seed: fc.nat(255),
    });
    await fc.assert(
      fc.asyncProperty(part, async ({ kind, length, start, seed }) => {
        received.length = 0;
        const total = length + start + 7;
        const bytes =
          kind === 'scratch'
            ? engine.scratch
            : kind === 'pooled'
              ? Buffer.from(new Uint8Array(total))
              : kind === 'own'
                ? Buffer.allocUnsafeSlow(total)
                : new Uint8Array(new ArrayBuffer(total + 8), 8, total);
        for (let i = 0; i < total; i++) bytes[i] = (i * 31 + seed) & 255;
        const expected = Array.from(bytes.subarray(start, start + length));
        expect(engine.send(client, bytes, start, start + length)).toBe(length);
        await serverSide.until(() => received.length >= length);
        expect(received).toEqual(expected);
      }),
      { numRuns: 40 },
    );
    expect(server).toBeGreaterThanOrEqual(0);
  });

  it('to a peer that does not read takes a part, and says when there is room', async () => {
    const { client, clientSide, server, serverSide } = await connectedPair(engine);
    engine.pause(server);
    const bytes = Buffer.alloc(1 << 20, 'x');
    let sent = 0;
    let taken = bytes.length;
    while (taken === bytes.length) {
      taken = engine.send(client, bytes, 0, bytes.length);
      sent += taken;
    }
    expect(engine.send(client, bytes, 0, bytes.length)).toBe(0);
    expect(clientSide.has('writable')).toBe(false);
    engine.resume(server);
    await clientSide.until(() => clientSide.has('writable'));
    await serverSide.until(() => serverSide.bytes === sent);
    expect(await cpuWithin(100)).toBeLessThan(50);
    expect(clientSide.log.filter((line) => line.startsWith('writable'))).toHaveLength(1);
  });

  it('on a broken connection fails with the reason, and throws nothing', async () => {
    const { client, server } = await connectedPair(engine);
    engine.pause(client);
    engine.reset(server);
    await cpuWithin(10);
    expect(sendText(client, 'x')).toBe(SEND_FAILED);
    expect(engine.lastError(client)).toMatchObject({ call: 'send', code: 'ECONNRESET' });
    engine.close(client);
    expect(engine.openCount).toBe(0);
  });
});

describe('what the loop does beside sockets', () => {
  it('goes on while a test has faked every timer', async () => {
    vi.useFakeTimers({
      now: 0,
      toFake: [
        'setTimeout',
        'setInterval',
        'setImmediate',
        'clearImmediate',
        'Date',
        'performance',
        'hrtime',
      ],
    });
    const side = new Recorder();
    const before = engine.now();
    expect(engine.wallNow()).toBeGreaterThan(1e12);
    await new Promise<void>((resolve) => {
      const slot = engine.timers.add({ expired: () => resolve() });
      engine.timers.arm(slot, engine.now() + 20);
    });
    expect(engine.now() - before).toBeGreaterThanOrEqual(20);
    const echo = new Recorder();
    echo.onReceived = (conn, bytes, start, end) => engine.send(conn, bytes, start, end);
    const listener = listening(engine, () => echo);
    const answered = new Promise<void>((resolve) => {
      side.onReceived = () => resolve();
    });
    const conn = engine.connect({ ...LOOPBACK, port: listener.port } as Address, {}, side);
    await new Promise<void>((resolve) => {
      side.connected = () => resolve();
    });
    sendText(conn, 'still here');
    await answered;
    expect(side.text).toBe('still here');
  });

  it('deferred work and ends of turns run soon, in order, also when nothing is ready', async () => {
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      setTimeout(() => {
        engine.atTurnEnd(() => {
          order.push('end');
          resolve();
        });
        engine.defer(() => {
          order.push('first');
          engine.defer(() => order.push('third'));
        });
        engine.defer(() => order.push('second'));
        order.push('asked');
      }, 1);
    });
    await vi.waitFor(() => expect(order).toContain('third'), { interval: 1 });
    expect(order.slice(0, 4)).toEqual(['asked', 'first', 'second', 'end']);
  });

  it('leaves no descriptor behind when it ends, and a second engine lives on', async () => {
    const other = madeEngine();
    const open = (): string[] => readdirSync('/proc/self/fd');
    const before = open().length;
    for (let i = 0; i < 5; i++) await connectedPair(engine);
    made(engine.watch(made(socketPair())[0], { ready: () => undefined }));
    expect(open().length).toBeGreaterThan(before + 5);
    engine.destroy();
    expect(engine.openCount).toBe(0);
    expect(open().length).toBe(before + 2); // a watched descriptor is its owner's
    const { client, server, serverSide } = await connectedPair(other);
    other.send(client, Buffer.from('alive'), 0, 5);
    await serverSide.until(() => serverSide.text === 'alive');
    expect(server).toBeGreaterThanOrEqual(0);
    other.destroy();
  });

  it('goes on after a handler has thrown', async () => {
    const caught: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => caught.push(error));
    try {
      const { client, clientSide, server } = await connectedPair(engine);
      clientSide.onReceived = () => {
        clientSide.onReceived = undefined;
        throw new Error('a bug');
      };
      sendText(server, 'one');
      await clientSide.until(() => caught.length === 1);
      sendText(server, 'two');
      await clientSide.until(() => clientSide.text === 'onetwo');
      expect(client).toBeGreaterThanOrEqual(0);
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const each of listeners) process.on('uncaughtException', each);
    }
  });
});

describe('handing over', () => {
  it('a released connection goes on under another owner, and a live socket is adopted', async () => {
    const { client, clientSide, server, serverSide } = await connectedPair(engine);
    const fd = engine.release(server);
    expect(fd).toBeGreaterThan(2);
    expect(engine.openCount).toBe(1);
    sendText(client, 'while nobody watched');
    const adopted = new Recorder();
    const again = made(engine.adopt(fd, adopted));
    await adopted.until(() => adopted.text === 'while nobody watched');
    expect(serverSide.log).toEqual([]);
    sendText(again, 'answer');
    await clientSide.until(() => clientSide.text === 'answer');
    expect(engine.remoteAddress(again)).toEqual(engine.localAddress(client));
  });

  it('what is no socket is refused with the reason', () => {
    expect(engine.adopt(987, new Recorder())).toMatchObject({ code: 'EBADF' });
    const file = openSync('/dev/null', 'r');
    expect(engine.adopt(file, new Recorder())).toMatchObject({ code: 'ENOTSOCK' });
    expect(engine.adoptListener(file, LOOPBACK, nobody)).toMatchObject({ code: 'ENOTSOCK' });
    closeSync(file);
    expect(engine.openCount).toBe(0);
  });

  it('a client has TCP_NODELAY as it was said within `accepted`, and as it is said later', async () => {
    const clients: Conn[] = [];
    const noDelay = (conn: Conn): number => getOption(engine.table.fds[conn]!, SOL_TCP, TCP_NODELAY);
    const listener = listening(engine, (conn) => {
      engine.setNoDelay(conn, clients.length === 0);
      clients.push(conn);
      return new Recorder();
    });
    const side = new Recorder();
    for (const count of [1, 2]) {
      engine.connect({ ...LOOPBACK, port: listener.port } as Address, {}, side);
      await side.until(() => clients.length === count);
    }
    const [first = -1, second = -1] = clients;
    expect([noDelay(first), noDelay(second)]).toEqual([1, 0]);
    engine.setNoDelay(first, false);
    engine.setNoDelay(second, true);
    expect([noDelay(first), noDelay(second)]).toEqual([0, 1]);
  });

  it('clients come all, however many wait and one by one', async () => {
    let count = 0;
    const listener = listening(engine, () => {
      count++;
      return new Recorder();
    });
    const side = new Recorder();
    const connectAll = (more: number): void => {
      for (let i = 0; i < more; i++)
        engine.connect({ ...LOOPBACK, port: listener.port } as Address, {}, side);
    };
    for (const [more, all] of [
      [300, 300],
      [1, 301],
      [40, 341],
    ] as const) {
      connectAll(more);
      await vi.waitFor(() => expect(count).toBe(all));
    }
  });

  it('a listener that was handed over stays open, and this engine accepts no more on it', async () => {
    const mine = new Recorder();
    const theirs = new Recorder();
    const first = listening(engine, () => mine);
    const other = madeEngine();
    first.close(true);
    const second = made(
      other.adoptListener(first.fd, first.address, {
        accepted: () => theirs,
        acceptFailed: () => undefined,
      }),
    );
    expect(second.port).toBe(first.port);
    const side = new Recorder();
    const conn = engine.connect({ ...LOOPBACK, port: first.port } as Address, {}, side);
    await side.until(() => side.has('connected'));
    sendText(conn, 'to the second');
    await theirs.until(() => theirs.text === 'to the second');
    expect(mine.log).toEqual([]);
    other.destroy();
  });
});
