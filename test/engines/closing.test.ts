// Behaviour of every engine: half-close and close, by either side, within any callback.
import { expect } from 'vitest';
import { bytesOf } from '../../src/base/bytes.ts';
import type { End, Hooks } from './end.ts';
import { engineCases, FAMILIES } from './fixture.ts';
import { check, pour } from './stream.ts';

const MEGABYTE = 1 << 20;

engineCases('half-closing', (fixture) => {
  for (const family of FAMILIES) {
    fixture.it(
      `over ${family}, the client's half-close is told once and leaves the answer its way`,
      async () => {
        const [client, server] = await fixture.pair({ on: family });
        client.write(bytesOf('question'));
        client.shutdown();
        await fixture.until(() => server.has('ended'));
        expect(server.text()).toBe('question');
        server.write(bytesOf('answer'));
        await fixture.until(() => client.text() === 'answer');
        expect(client.has('ended')).toBe(false);
        server.close();
        await fixture.until(() => client.has('ended'));
        expect(server.events).toEqual(['received', 'ended']);
        expect(client.events).toEqual(['connected', 'received', 'ended']);
      },
    );

    fixture.it(
      `over ${family}, the server's half-close is told once and leaves the question its way`,
      async () => {
        const [client, server] = await fixture.pair({ on: family });
        server.write(bytesOf('banner'));
        server.shutdown();
        await fixture.until(() => client.has('ended'));
        expect(client.text()).toBe('banner');
        client.write(bytesOf('still here'));
        await fixture.until(() => server.text() === 'still here');
        client.close();
        await fixture.until(() => server.has('ended'));
        expect(client.events).toEqual(['connected', 'received', 'ended']);
      },
    );

    fixture.it(
      `over ${family}, both sides may half-close, each is told, and both stay open until closed`,
      async () => {
        const [client, server] = await fixture.pair({ on: family });
        client.shutdown();
        server.shutdown();
        await fixture.until(() => client.has('ended') && server.has('ended'));
        await fixture.settle();
        expect(client.isOpen && server.isOpen).toBe(true);
        expect(client.events).toEqual(['connected', 'ended']);
        expect(server.events).toEqual(['ended']);
        client.close();
        server.close();
      },
    );

    fixture.it(`over ${family}, a megabyte before a half-close arrives whole before ended`, async () => {
      let result = { wrong: 0 };
      const bound = await fixture.listen({
        on: family,
        onAccepted: (end) => {
          result = check(end);
        },
      });
      const client = fixture.dial(bound.address, { connected: (end) => pour(end, MEGABYTE, true) });
      await fixture.until(() => bound.accepted[0]?.has('ended') === true, 'the end');
      expect([bound.accepted[0]!.got, result.wrong]).toEqual([MEGABYTE, -1]);
      expect(client.isOpen).toBe(true);
    });

    fixture.it(
      `over ${family}, a close is told to the peer as an end behind all bytes that were taken`,
      async () => {
        const bound = await fixture.listen({ on: family, hooks: { received: (end) => end.pause() } });
        const client = fixture.dial(bound.address);
        await fixture.until(() => client.has('connected') && bound.accepted.length === 1);
        const server = bound.accepted[0]!;
        const result = check(server);
        server.pause();
        // More than the other side will take: what was taken at the last moment must arrive too.
        const block = new Uint8Array(65_536);
        let taken = 0;
        for (let rounds = 0; rounds < 10_000; rounds++) {
          const count = client.send(block);
          taken += count;
          if (count === 0) break;
        }
        expect(taken).toBeGreaterThan(0);
        client.close();
        server.hooks = {};
        server.resume();
        await fixture.until(() => server.has('ended'), 'the end');
        expect(server.got).toBe(taken);
        expect(result).toBeDefined();
      },
    );
  }

  fixture.it('a half-close before any byte is an end without bytes', async () => {
    const bound = await fixture.listen();
    fixture.dial(bound.address, { connected: (end) => end.shutdown() });
    await fixture.until(() => bound.accepted[0]?.has('ended') === true);
    expect(bound.accepted[0]!.events).toEqual(['ended']);
  });

  fixture.it('a half-close within accepted reaches the client', async () => {
    const bound = await fixture.listen({ onAccepted: (end) => end.shutdown() });
    const client = fixture.dial(bound.address);
    await fixture.until(() => client.has('ended'));
    expect(client.events).toEqual(['connected', 'ended']);
  });

  fixture.it('a half-close within received lets the rest of what comes be read', async () => {
    const [client, server] = await fixture.pair();
    let first = true;
    server.hooks = {
      received: (end) => {
        if (first) end.shutdown();
        first = false;
      },
    };
    const result = check(server);
    pour(client, MEGABYTE);
    await fixture.until(() => server.got === MEGABYTE && client.has('ended'), 'a megabyte');
    expect(result.wrong).toBe(-1);
  });

  fixture.it('a half-close within ended answers a half-close', async () => {
    const [client, server] = await fixture.pair();
    server.hooks = { ended: (end) => end.shutdown() };
    client.shutdown();
    await fixture.until(() => client.has('ended'));
  });

  fixture.it('an answer of a megabyte after the half-close of its client arrives whole', async () => {
    const [client, server] = await fixture.pair();
    const result = check(client);
    server.hooks = { ended: (end) => pour(end, MEGABYTE, true) };
    client.shutdown();
    await fixture.until(() => client.has('ended'), 'the answer');
    expect([client.got, result.wrong]).toEqual([MEGABYTE, -1]);
  });

  fixture.it('pausing an end that has ended, and resuming it, tells nothing more', async () => {
    const [client, server] = await fixture.pair();
    client.shutdown();
    await fixture.until(() => server.has('ended'));
    server.pause();
    server.resume();
    await fixture.settle();
    expect(server.events).toEqual(['ended']);
  });
});

engineCases('closing within a callback', (fixture) => {
  const closers: readonly [name: string, close: (end: End) => void][] = [
    ['closes', (end) => end.close()],
    ['resets', (end) => end.reset()],
  ];
  for (const [verb, close] of closers) {
    fixture.it(`an owner that ${verb} in connected is told nothing more`, async () => {
      const bound = await fixture.listen({ onAccepted: (end) => end.write(bytesOf('hello')) });
      const client = fixture.dial(bound.address, { connected: close });
      await fixture.until(() => client.has('connected'));
      await fixture.settle();
      expect(client.events).toEqual(['connected']);
    });

    fixture.it(
      `an owner that ${verb} in accepted is told nothing more, and its client learns of it`,
      async () => {
        const bound = await fixture.listen({ onAccepted: close });
        const client = fixture.dial(bound.address, { connected: (end) => end.write(bytesOf('hello')) });
        await fixture.goodbye(client);
        await fixture.settle();
        expect(bound.accepted[0]!.events).toEqual([]);
      },
    );

    fixture.it(`an owner that ${verb} in received is told nothing more, whatever has come`, async () => {
      const [client, server] = await fixture.pair();
      server.hooks = { received: close };
      pour(client, MEGABYTE, true);
      await fixture.goodbye(client);
      await fixture.settle();
      expect(server.events).toEqual(['received']);
    });

    fixture.it(`an owner that ${verb} in ended is told nothing more`, async () => {
      const [client, server] = await fixture.pair();
      server.hooks = { ended: close };
      client.shutdown();
      await fixture.goodbye(client);
      expect(server.events).toEqual(['ended']);
      expect(server.isOpen).toBe(false);
    });

    fixture.it(`an owner that ${verb} in writable is told nothing more`, async () => {
      const [client, server] = await fixture.pair();
      server.pause();
      const block = new Uint8Array(65_536);
      for (let count = 1; count > 0; ) count = client.send(block);
      client.hooks = { writable: close };
      server.keeps = false;
      server.resume();
      await fixture.until(() => !client.isOpen, 'writable');
      await fixture.goodbye(server);
      await fixture.settle();
      expect(client.events).toEqual(['connected', 'writable']);
    });

    fixture.it(`an owner that ${verb} in failed does no harm`, async () => {
      const bound = await fixture.listen();
      bound.listener.close();
      const client = fixture.dial(bound.address, { failed: close });
      await fixture.until(() => client.has('failed'));
      await fixture.settle();
      expect(client.events).toEqual(['failed']);
      expect(fixture.peer.openCount).toBe(0);
    });

    fixture.it(`an owner that ${verb} in a deferred work is told nothing more`, async () => {
      const [client, server] = await fixture.pair();
      server.hooks = { received: (end) => end.engine.defer(() => end.isOpen && close(end)) };
      pour(client, 300_000, true);
      await fixture.goodbye(client);
      await fixture.settle();
      expect(server.events.at(-1)).toBe('received');
    });

    fixture.it(`an owner that ${verb} at a deadline is told nothing more`, async () => {
      const [client, server] = await fixture.pair();
      const slot = fixture.engine.timers.add({ expired: () => close(server) });
      fixture.engine.timers.arm(slot, fixture.engine.now() + 5);
      await fixture.until(() => !server.isOpen, 'the deadline');
      fixture.engine.timers.remove(slot);
      client.write(bytesOf('too late'));
      await fixture.goodbye(client);
      expect(server.events).toEqual([]);
    });
  }
});

engineCases('closing another connection', (fixture) => {
  /** Two servers' ends that are told of something in the same turn, where the engine can; each closes the other. */
  async function duel(event: keyof Hooks, provoke: (client: End) => void): Promise<[End, End]> {
    const bound = await fixture.listen();
    const clients = [fixture.dial(bound.address), fixture.dial(bound.address)];
    await fixture.until(() => bound.accepted.length === 2 && clients.every((each) => each.has('connected')));
    const [one, two] = bound.accepted as [End, End];
    const closeOther =
      (other: End) =>
      (_end: End): void => {
        if (other.isOpen) other.close();
      };
    one.hooks = { [event]: closeOther(two) };
    two.hooks = { [event]: closeOther(one) };
    for (const client of clients) provoke(client);
    await fixture.until(() => one.has(event) || two.has(event), event);
    await fixture.settle();
    return [one, two];
  }

  const provocations: readonly [event: keyof Hooks, provoke: (client: End) => void][] = [
    ['received', (client) => client.write(bytesOf('both'))],
    ['ended', (client) => client.shutdown()],
    ['ended', (client) => client.close()],
    ['failed', (client) => client.reset()],
  ];
  provocations.forEach(([event, provoke], index) => {
    fixture.it(`that is about to be told ${event} too silences it (${index + 1})`, async () => {
      const [one, two] = await duel(event, provoke);
      expect([one, two].filter((end) => end.has(event)).length).toBe(1);
    });
  });

  fixture.it('in accepted silences it', async () => {
    const [client, server] = await fixture.pair();
    const bound = await fixture.listen({ onAccepted: () => server.close() });
    client.write(bytesOf('never read'));
    fixture.dial(bound.address);
    await fixture.until(() => bound.accepted.length === 1);
    await fixture.goodbye(client);
    expect(server.events.filter((event) => event !== 'received')).toEqual([]);
  });

  fixture.it(
    'that closed already in the same turn is no matter for a number that is used again later',
    async () => {
      const bound = await fixture.listen();
      const seen = new Set<number>();
      for (let round = 0; round < 20; round++) {
        const client = fixture.dial(bound.address, { connected: (end) => end.close() });
        await fixture.until(() => client.has('connected'));
        const server = (): End | undefined => bound.accepted[round];
        await fixture.until(() => server() !== undefined);
        await fixture.goodbye(server()!);
        if (server()!.isOpen) server()!.close();
        seen.add(client.conn);
      }
      await fixture.settle();
      expect(seen.size).toBeLessThan(20);
    },
  );

  fixture.it('and opening one in the same callback gives the new one a number of its own', async () => {
    const [client, server] = await fixture.pair();
    const bound = await fixture.listen();
    let fresh: End | undefined;
    let old = -1;
    server.hooks = {
      received: (end) => {
        old = end.conn;
        end.close();
        fresh = fixture.end(fixture.engine);
        fresh.conn = fixture.engine.connect(bound.address, {}, fresh);
      },
    };
    client.write(bytesOf('x'));
    await fixture.until(() => fresh?.has('connected') === true);
    expect(fresh!.conn).not.toBe(old);
  });
});
