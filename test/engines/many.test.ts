// Behaviour of every engine: many connections, nothing leaked, nothing spent on what is idle, and a process without descriptors.
import { closeSync, openSync, readdirSync } from 'node:fs';
import { expect } from 'vitest';
import { bytesOf } from '../../src/base/bytes.ts';
import { descriptorLimit } from '../../src/io/epoll/descriptors.ts';
import { setDescriptorLimit } from '../../src/io/epoll/syscalls.ts';
import { isIoError } from '../../src/io/io-error.ts';
import type { End } from './end.ts';
import type { EngineFixture } from './fixture.ts';
import { engineCases, NEEDS_FFI, NEEDS_LINUX } from './fixture.ts';

/** How much of the engine's time was work: 0 to 1. Nothing but waiting is expected of an idle one. */
async function busyShare(fixture: EngineFixture): Promise<number> {
  await fixture.settle();
  if (fixture.world !== undefined) {
    const before = fixture.world.digest();
    await fixture.elapse(300);
    return fixture.world.digest() === before ? 0 : 1;
  }
  const loop = performance.eventLoopUtilization();
  const cpu = process.cpuUsage();
  const start = performance.now();
  await fixture.elapse(120);
  const { user, system } = process.cpuUsage(cpu);
  const spent = (user + system) / 1000 / (performance.now() - start);
  return Math.max(performance.eventLoopUtilization(loop).utilization, Math.min(spent, 1));
}

function echo(end: End): void {
  end.hooks = { received: (each, bytes, start, stop) => each.write(bytes.subarray(start, stop)) };
}

async function crowd(fixture: EngineFixture, count: number): Promise<[clients: End[], servers: End[]]> {
  const bound = await fixture.listen({ onAccepted: echo });
  const clients = Array.from({ length: count }, () => fixture.dial(bound.address));
  await fixture.until(
    () => bound.accepted.length === count && clients.every((each) => each.has('connected')),
    `${count} connections`,
  );
  return [clients, bound.accepted];
}

engineCases('many connections', (fixture) => {
  fixture.it('500 at once each get their own echo', async () => {
    const [clients] = await crowd(fixture, 500);
    clients.forEach((client, index) => {
      client.write(bytesOf(`message ${index}`));
    });
    await fixture.until(
      () => clients.every((client, index) => client.text() === `message ${index}`),
      'all echoes',
    );
  });

  fixture.it('500 that close at once leave nothing open', async () => {
    const [clients, servers] = await crowd(fixture, 500);
    for (const server of servers) server.hooks = { ended: (end) => end.close() };
    for (const client of clients) client.close();
    await fixture.until(() => servers.every((each) => !each.isOpen), 'all ends');
    expect(fixture.engine.openCount).toBe(0);
  });

  fixture.it('300 one after the other use few numbers and leave nothing open', async () => {
    const bound = await fixture.listen({ hooks: { ended: (end) => end.close() } });
    const numbers = new Set<number>();
    for (let round = 0; round < 300; round++) {
      const client = fixture.dial(bound.address, { connected: (end) => end.close() });
      numbers.add(client.conn);
      await fixture.until(
        () => client.has('connected') && bound.accepted[round]?.isOpen === false,
        'a visit',
      );
    }
    expect(fixture.engine.openCount + fixture.peer.openCount).toBe(0);
    expect(numbers.size).toBeLessThan(30);
  });

  fixture.it(
    'that come and go leave no descriptor behind',
    async () => {
      const before = readdirSync('/proc/self/fd').length;
      for (let round = 0; round < 5; round++) {
        const [clients, servers] = await crowd(fixture, 40);
        clients.forEach((client, index) => {
          if (index % 3 === 0) client.reset();
          else if (index % 3 === 1) client.close();
          else client.shutdown();
        });
        await fixture.until(
          () => servers.every((each) => each.has('ended') || each.has('failed')),
          'all ends',
        );
        for (const end of [...clients, ...servers]) if (end.isOpen) end.close();
      }
      for (let turns = 0; turns < 20; turns++) await fixture.settle();
      // Five listeners are still open; a handful of Node's own may come and go.
      expect(readdirSync('/proc/self/fd').length - before).toBeLessThanOrEqual(15);
    },
    { simulated: 'there are no descriptors of the system in it', ...NEEDS_LINUX },
  );

  fixture.it('openCount says how many there are', async () => {
    const [clients, servers] = await crowd(fixture, 10);
    const both = (): number =>
      fixture.engine.openCount + (fixture.peer === fixture.engine ? 0 : fixture.peer.openCount);
    expect(both()).toBe(20);
    for (const each of clients.slice(0, 4)) each.close();
    expect(both()).toBe(16);
    for (const each of servers) each.close();
    await fixture.settle();
    for (const each of clients) if (each.isOpen) each.close();
    expect(both()).toBe(0);
  });
});

engineCases('an idle engine', (fixture) => {
  const states: readonly [name: string, make: () => Promise<void>][] = [
    ['with nothing', async () => undefined],
    ['with a hundred open connections', async () => void (await crowd(fixture, 50))],
    [
      'with ten thousand deadlines far away',
      async () => {
        const { timers } = fixture.engine;
        for (let i = 0; i < 10_000; i++)
          timers.arm(timers.add({ expired: () => undefined }), fixture.engine.now() + 1e6);
      },
    ],
    [
      'with a listener that is paused while a client waits',
      async () => {
        const bound = await fixture.listen();
        bound.listener.pause();
        const client = fixture.dial(bound.address);
        await fixture.until(() => client.has('connected'));
      },
    ],
    [
      'with a paused connection that has bytes unread',
      async () => {
        const [client, server] = await fixture.pair();
        server.pause();
        client.write(new Uint8Array(1000));
      },
    ],
    [
      'with a paused connection whose peer has half-closed',
      async () => {
        const [client, server] = await fixture.pair();
        server.pause();
        client.shutdown();
      },
    ],
    [
      'with a paused connection whose peer has reset it',
      async () => {
        const [client, server] = await fixture.pair();
        server.pause();
        client.reset();
      },
    ],
    [
      'with a paused connection whose peer has sent bytes and reset it',
      async () => {
        const [client, server] = await fixture.pair();
        server.pause();
        client.write(new Uint8Array(1000));
        await fixture.settle();
        client.reset();
      },
    ],
    [
      'with a connection whose peer has half-closed',
      async () => {
        const [client, server] = await fixture.pair();
        client.shutdown();
        await fixture.until(() => server.has('ended'));
      },
    ],
    [
      'with a connection of which both sides have half-closed',
      async () => {
        const [client, server] = await fixture.pair();
        client.shutdown();
        server.shutdown();
        await fixture.until(() => server.has('ended') && client.has('ended'));
      },
    ],
    [
      'with a sender that waits for room',
      async () => {
        const [client, server] = await fixture.pair();
        server.pause();
        client.write(new Uint8Array(32 << 20));
        await fixture.settle();
      },
    ],
    [
      'with a sender that waits for room while its peer has half-closed',
      async () => {
        const [client, server] = await fixture.pair();
        server.pause();
        client.write(new Uint8Array(32 << 20));
        server.shutdown();
        await fixture.until(() => client.has('ended'));
      },
    ],
  ];
  for (const [name, make] of states) {
    fixture.it(`${name} does nothing`, async () => {
      await make();
      let best = 1;
      for (let round = 0; round < 4 && best > 0.25; round++) best = Math.min(best, await busyShare(fixture));
      expect(best).toBeLessThan(0.25);
    });
  }
});

engineCases('a process without descriptors', (fixture) => {
  /** Takes every descriptor that is left while `work` runs. */
  async function exhausted(work: () => Promise<void>): Promise<void> {
    const { world } = fixture;
    if (world !== undefined) {
      world.exhaust(fixture.engine, true);
      await work();
      world.exhaust(fixture.engine, false);
      return;
    }
    const limit = descriptorLimit();
    if (isIoError(limit)) throw new Error(limit.text);
    const most = Math.max(...readdirSync('/proc/self/fd').map(Number)) + 8;
    setDescriptorLimit(most, limit.hard);
    const taken: number[] = [];
    try {
      for (;;) taken.push(openSync('/dev/null', 'r'));
    } catch {
      // EMFILE: none is left.
    }
    try {
      await work();
    } finally {
      for (const fd of taken) closeSync(fd);
      setDescriptorLimit(limit.soft, limit.hard);
    }
  }

  const PORTABLE = {
    portable: 'libuv itself accepts such clients and closes them, with a descriptor that it keeps for that',
  };

  fixture.it(
    'is told acceptFailed with EMFILE, rests, and takes the client in when there are some again',
    async () => {
      const bound = await fixture.listen();
      bound.listener.pause();
      const client = fixture.dial(bound.address, { connected: (end) => end.write(bytesOf('patient')) });
      await fixture.until(() => client.has('connected'));
      await fixture.settle();
      await exhausted(async () => {
        bound.listener.resume();
        await fixture.until(() => bound.failures.length > 0, 'acceptFailed');
        expect(bound.failures[0]).toMatchObject({ code: 'EMFILE', text: 'Too many open files' });
        expect(bound.accepted.length).toBe(0);
      });
      await fixture.until(() => bound.accepted[0]?.text() === 'patient', 'the client');
      expect(bound.failures.length).toBeLessThanOrEqual(2);
    },
    PORTABLE,
  );

  fixture.it(
    'does not spin while its listener rests',
    async () => {
      const bound = await fixture.listen();
      bound.listener.pause();
      const client = fixture.dial(bound.address);
      await fixture.until(() => client.has('connected'));
      await exhausted(async () => {
        bound.listener.resume();
        await fixture.until(() => bound.failures.length > 0, 'acceptFailed');
        const loop = performance.eventLoopUtilization();
        await fixture.elapse(300);
        if (fixture.world === undefined) {
          expect(performance.eventLoopUtilization(loop).utilization).toBeLessThan(0.5);
        }
        expect(bound.failures.length).toBe(1);
      });
      await fixture.until(() => bound.accepted.length === 1, 'the client');
    },
    PORTABLE,
  );

  fixture.it(
    'fails a connect as a value',
    async () => {
      const bound = await fixture.listen();
      await exhausted(async () => {
        const client = fixture.dial(bound.address);
        expect(client.events).toEqual([]);
        await fixture.until(() => client.has('failed'), 'the failure');
        expect(client.error).toMatchObject({ code: 'EMFILE' });
      });
      const client = fixture.dial(bound.address);
      await fixture.until(() => client.has('connected'));
    },
    { simulated: 'only accepting runs out of descriptors there', ...NEEDS_FFI },
  );

  fixture.it(
    'fails a listen as a value',
    async () => {
      await exhausted(async () => {
        const result = await fixture.listenOrFail(fixture.fresh('IPv4'), {});
        expect(result).toMatchObject({ code: 'EMFILE' });
      });
      await fixture.listen();
    },
    { simulated: 'only accepting runs out of descriptors there', ...NEEDS_FFI },
  );
});
