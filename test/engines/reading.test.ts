// Behaviour of every engine: what is received, pausing and resuming, and handing a connection to another owner.
import { expect } from 'vitest';
import { bytesOf } from '../../src/base/bytes.ts';
import type { End } from './end.ts';
import { engineCases, FAMILIES } from './fixture.ts';
import { check, pour, streamBytes } from './stream.ts';

const MEGABYTE = 1 << 20;

engineCases('receiving', (fixture) => {
  for (const family of FAMILIES) {
    fixture.it(`over ${family}, a megabyte arrives byte for byte`, async () => {
      const [client, server] = await fixture.pair({ on: family });
      const result = check(server);
      pour(client, MEGABYTE);
      await fixture.until(() => server.got === MEGABYTE, 'a megabyte');
      expect(result.wrong).toBe(-1);
    });

    fixture.it(`over ${family}, a thousand sends of one byte keep their order`, async () => {
      const [client, server] = await fixture.pair({ on: family });
      const bytes = streamBytes(0, 1000);
      for (let i = 0; i < 1000; i++) client.write(bytes.subarray(i, i + 1));
      await fixture.until(() => server.got === 1000, 'a thousand bytes');
      expect(server.bytes()).toEqual(bytes);
    });
  }

  fixture.it('each view lies within its bytes and is never empty', async () => {
    const [client, server] = await fixture.pair();
    let calls = 0;
    server.keeps = false;
    server.hooks = {
      received: (_end, bytes, start, stop) => {
        calls++;
        expect(bytes).toBeInstanceOf(Uint8Array);
        expect(start).toBeLessThan(stop);
        expect(stop).toBeLessThanOrEqual(bytes.length);
      },
    };
    pour(client, MEGABYTE);
    await fixture.until(() => server.got === MEGABYTE);
    expect(calls).toBeGreaterThan(0);
  });

  fixture.it('a view is the owner’s to write into for the length of the call', async () => {
    const [client, server] = await fixture.pair();
    server.hooks = { received: (_end, bytes, start, stop) => void bytes.fill(0, start, stop) };
    client.write(bytesOf('first'));
    await fixture.until(() => server.got === 5);
    client.write(bytesOf('second'));
    await fixture.until(() => server.got === 11);
    expect(server.text()).toBe('firstsecond');
  });

  fixture.it('an echo straight from the view returns every byte', async () => {
    const [client, server] = await fixture.pair();
    const result = check(client);
    server.keeps = false;
    let lost = 0;
    server.hooks = {
      received: (end, bytes, start, stop) => {
        lost += stop - start - end.send(bytes, start, stop);
      },
    };
    pour(client, 20_000);
    await fixture.until(() => client.got + lost === 20_000, 'the echo');
    if (lost === 0) expect(result.wrong).toBe(-1);
  });

  fixture.it('bytes of two connections are not mixed', async () => {
    const bound = await fixture.listen();
    const clients = [0, 1, 2].map(() => fixture.dial(bound.address));
    await fixture.until(() => bound.accepted.length === 3 && clients.every((each) => each.has('connected')));
    const names = ['a', 'b', 'c'];
    for (let round = 0; round < 200; round++) {
      for (const [index, client] of clients.entries()) client.write(bytesOf(names[index]!));
    }
    await fixture.until(() => bound.accepted.every((each) => each.got === 200), 'all letters');
    expect(bound.accepted.map((each) => each.text()).sort()).toEqual(names.map((name) => name.repeat(200)));
  });
});

engineCases('pausing', (fixture) => {
  for (const family of FAMILIES) {
    fixture.it(
      `over ${family}, a paused end is told neither bytes nor end, and all of it at the resume`,
      async () => {
        const [client, server] = await fixture.pair({ on: family });
        server.pause();
        client.write(bytesOf('held back'));
        client.shutdown();
        await fixture.settle();
        expect(server.events).toEqual([]);
        server.resume();
        await fixture.until(() => server.has('ended'));
        expect(server.events).toEqual(['received', 'ended']);
        expect(server.text()).toBe('held back');
      },
    );

    fixture.it(`over ${family}, a paused end can send`, async () => {
      const [client, server] = await fixture.pair({ on: family });
      server.pause();
      server.write(bytesOf('one way'));
      await fixture.until(() => client.text() === 'one way');
    });

    fixture.it(`over ${family}, pausing stops a fast sender: what is taken has a bound`, async () => {
      const [client, server] = await fixture.pair({ on: family });
      server.keeps = false;
      server.pause();
      const block = new Uint8Array(65_536);
      let taken = 0;
      for (let idle = 0; idle < 3; ) {
        const count = client.send(block);
        taken += count;
        idle = count === 0 ? idle + 1 : 0;
        if (count === 0) await fixture.settle();
        expect(taken).toBeLessThan(64 * MEGABYTE);
      }
      expect(server.got).toBe(0);
      server.resume();
      await fixture.until(() => server.got === taken, 'what was taken');
    });
  }

  fixture.it('in received holds back the rest, and nothing is lost or told twice', async () => {
    const [client, server] = await fixture.pair();
    const result = check(server);
    let paused = false;
    const before = server.hooks.received!;
    server.hooks.received = (end, bytes, start, stop) => {
      expect(paused).toBe(false);
      before(end, bytes, start, stop);
      paused = true;
      end.pause();
    };
    pour(client, MEGABYTE, true);
    while (!server.has('ended')) {
      await fixture.until(() => paused || server.has('ended'), 'a piece');
      if (server.has('ended')) break;
      await fixture.settle();
      paused = false;
      server.resume();
    }
    expect([server.got, result.wrong]).toEqual([MEGABYTE, -1]);
  });

  fixture.it('in accepted holds back the first byte', async () => {
    const bound = await fixture.listen({ onAccepted: (end) => end.pause() });
    const client = fixture.dial(bound.address, { connected: (end) => end.write(bytesOf('first')) });
    await fixture.until(() => client.flushed && client.has('connected') && bound.accepted.length === 1);
    await fixture.settle();
    expect(bound.accepted[0]!.events).toEqual([]);
    bound.accepted[0]!.resume();
    await fixture.until(() => bound.accepted[0]!.text() === 'first');
  });

  fixture.it('in connected holds back the greeting', async () => {
    const bound = await fixture.listen({ onAccepted: (end) => end.write(bytesOf('greeting')) });
    const client = fixture.dial(bound.address, { connected: (end) => end.pause() });
    await fixture.until(() => client.has('connected'));
    await fixture.settle();
    expect(client.events).toEqual(['connected']);
    client.resume();
    await fixture.until(() => client.text() === 'greeting');
  });

  fixture.it('before connected holds back the greeting, not connected', async () => {
    const bound = await fixture.listen({ onAccepted: (end) => end.write(bytesOf('greeting')) });
    const client = fixture.dial(bound.address);
    client.pause();
    await fixture.until(() => client.has('connected'));
    await fixture.settle();
    expect(client.events).toEqual(['connected']);
    client.resume();
    await fixture.until(() => client.text() === 'greeting');
  });

  fixture.it('the resume never delivers within its own call', async () => {
    const [client, server] = await fixture.pair();
    server.pause();
    client.write(bytesOf('waiting'));
    await fixture.settle();
    server.resume();
    expect(server.events).toEqual([]);
    await fixture.until(() => server.text() === 'waiting');
  });

  fixture.it('the resume never tells a held end within its own call', async () => {
    const [client, server] = await fixture.pair();
    server.pause();
    client.shutdown();
    await fixture.settle();
    server.resume();
    expect(server.events).toEqual([]);
    await fixture.until(() => server.has('ended'));
  });

  fixture.it('pause and resume within one callback change nothing', async () => {
    const [client, server] = await fixture.pair();
    const result = check(server);
    const before = server.hooks.received!;
    server.hooks.received = (end, bytes, start, stop) => {
      end.pause();
      before(end, bytes, start, stop);
      end.resume();
    };
    pour(client, MEGABYTE, true);
    await fixture.until(() => server.has('ended'));
    expect([server.got, result.wrong]).toEqual([MEGABYTE, -1]);
  });

  fixture.it('a resume that is taken back in the same turn delivers nothing', async () => {
    const [client, server] = await fixture.pair();
    server.pause();
    client.write(bytesOf('held'));
    client.shutdown();
    await fixture.settle();
    server.resume();
    server.pause();
    await fixture.settle();
    expect(server.events).toEqual([]);
    server.resume();
    await fixture.until(() => server.has('ended'));
    expect(server.text()).toBe('held');
  });

  fixture.it('twice is undone by one resume, and a resume without a pause does nothing', async () => {
    const [client, server] = await fixture.pair();
    server.resume();
    server.pause();
    server.pause();
    server.resume();
    client.write(bytesOf('through'));
    await fixture.until(() => server.text() === 'through');
  });

  fixture.it('and closing tells nothing of what was held back', async () => {
    const [client, server] = await fixture.pair();
    server.pause();
    client.write(bytesOf('held'));
    client.shutdown();
    await fixture.settle();
    server.close();
    await fixture.settle();
    expect(server.events).toEqual([]);
  });

  fixture.it('and resuming and closing in one turn tells nothing', async () => {
    const [client, server] = await fixture.pair();
    server.pause();
    client.write(bytesOf('held'));
    client.shutdown();
    await fixture.settle();
    server.resume();
    server.close();
    await fixture.settle();
    expect(server.events).toEqual([]);
  });

  fixture.it('a reset of the peer is told at the latest at the resume', async () => {
    const [client, server] = await fixture.pair();
    server.pause();
    client.reset();
    await fixture.settle();
    if (server.isOpen) {
      expect(server.events).toEqual([]);
      server.resume();
    }
    await fixture.until(() => server.has('failed') || server.has('ended'), 'the reset');
    expect(server.events.length).toBe(1);
  });

  fixture.it('a reset behind bytes is told at the latest at the resume, and never before them', async () => {
    const [client, server] = await fixture.pair();
    server.pause();
    client.write(bytesOf('last words'));
    await fixture.settle();
    client.reset();
    await fixture.settle();
    if (server.isOpen) server.resume();
    await fixture.until(() => server.has('failed') || server.has('ended'), 'the reset');
    expect(['', 'last words']).toContain(server.text());
    expect(server.events.indexOf('received')).toBeLessThanOrEqual(0);
  });

  fixture.it('an end that waits for room and is paused learns of the peer’s reset', async () => {
    const [client, server] = await fixture.pair();
    client.pause();
    server.pause();
    const block = new Uint8Array(65_536);
    for (let count = 1; count > 0; ) count = client.send(block);
    server.reset();
    await fixture.until(() => client.has('writable') || client.has('failed'), 'the news');
    if (client.isOpen) {
      await fixture.until(() => !client.isOpen || client.send(block) < 0, 'SEND_FAILED');
    }
  });

  fixture.it('of one connection does not hold up another', async () => {
    const bound = await fixture.listen();
    const clients = [fixture.dial(bound.address), fixture.dial(bound.address)];
    await fixture.until(() => bound.accepted.length === 2 && clients.every((each) => each.has('connected')));
    bound.accepted[0]!.pause();
    for (const client of clients) client.write(bytesOf('x'));
    await fixture.until(() => bound.accepted[1]!.got === 1);
    await fixture.settle();
    expect(bound.accepted[0]!.got).toBe(0);
  });
});

engineCases('attaching', (fixture) => {
  fixture.it('gives the next callbacks to the new owner and none to the old', async () => {
    const [client, server] = await fixture.pair();
    client.write(bytesOf('old'));
    await fixture.until(() => server.text() === 'old');
    const owner = fixture.end(fixture.engine);
    owner.conn = server.conn;
    fixture.engine.attach(server.conn, owner);
    server.isOpen = false;
    client.write(bytesOf('new'));
    client.shutdown();
    await fixture.until(() => owner.has('ended'));
    expect([server.text(), owner.text()]).toEqual(['old', 'new']);
  });

  fixture.it('within received takes effect from the next callback on', async () => {
    const [client, server] = await fixture.pair();
    const owner = fixture.end(fixture.engine);
    const first: string[] = [];
    server.hooks = {
      received: (end) => {
        first.push(end.text());
        owner.conn = end.conn;
        end.engine.attach(end.conn, owner);
        end.isOpen = false;
      },
    };
    pour(client, MEGABYTE, true);
    await fixture.until(() => owner.has('ended'));
    expect(server.got + owner.got).toBe(MEGABYTE);
    expect(first.length).toBe(1);
  });

  fixture.it('within connected gives the bytes to the new owner', async () => {
    const bound = await fixture.listen({ onAccepted: (end) => end.write(bytesOf('greeting')) });
    const owner = fixture.end();
    const client = fixture.dial(bound.address, {
      connected: (end) => {
        owner.conn = end.conn;
        end.engine.attach(end.conn, owner);
        end.isOpen = false;
      },
    });
    await fixture.until(() => owner.text() === 'greeting');
    expect(client.events).toEqual(['connected']);
  });

  fixture.it('one owner may have many connections: each callback names its own', async () => {
    const seen = new Map<number, number>();
    const shared = {
      connected: () => undefined,
      received: (conn: number, _bytes: Uint8Array, start: number, stop: number) => {
        seen.set(conn, (seen.get(conn) ?? 0) + stop - start);
      },
      ended: () => undefined,
      writable: () => undefined,
      failed: () => undefined,
    };
    const bound = await fixture.listen();
    const clients: End[] = [1, 2, 3].map(() => fixture.dial(bound.address));
    await fixture.until(() => bound.accepted.length === 3 && clients.every((each) => each.has('connected')));
    for (const each of bound.accepted) fixture.engine.attach(each.conn, shared);
    clients.forEach((client, index) => {
      client.write(new Uint8Array(index + 1));
    });
    await fixture.until(() => [...seen.values()].reduce((sum, count) => sum + count, 0) === 6);
    expect([...seen.values()].sort()).toEqual([1, 2, 3]);
    expect(bound.accepted.every((each) => seen.has(each.conn))).toBe(true);
  });
});
