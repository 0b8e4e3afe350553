// Behaviour of every engine: connects, accepts, refusals and addresses.
import { expect } from 'vitest';
import { bytesOf } from '../../src/base/bytes.ts';
import type { Address } from '../../src/io/engine.ts';
import type { End } from './end.ts';
import { engineCases, FAMILIES, NEEDS_LINUX } from './fixture.ts';

engineCases('connecting', (fixture) => {
  for (const family of FAMILIES) {
    fixture.it(`over ${family}, a connect is accepted and told once on its own side`, async () => {
      const [client, server] = await fixture.pair({ on: family });
      await fixture.settle();
      expect(client.events).toEqual(['connected']);
      expect(server.events).toEqual([]);
    });

    fixture.it(`over ${family}, a connect is never answered within its own call`, async () => {
      const bound = await fixture.listen({ on: family });
      const client = fixture.dial(bound.address);
      expect(client.events).toEqual([]);
      await fixture.until(() => client.has('connected'));
    });

    fixture.it(
      `over ${family}, a refused connect fails later, with the call and the code as a value`,
      async () => {
        const bound = await fixture.listen({ on: family });
        bound.listener.close();
        await fixture.settle();
        const client = fixture.dial(bound.address);
        expect(client.events).toEqual([]);
        await fixture.until(() => client.has('failed'));
        expect(client.events).toEqual(['failed']);
        expect(client.error).toMatchObject({ call: 'connect' });
        // A stale path of a Unix socket refuses; where the listener took its path along, there is none.
        const codes = family === 'unix' ? ['ECONNREFUSED', 'ENOENT'] : ['ECONNREFUSED'];
        expect(codes).toContain(client.error!.code);
        expect(client.error!.errno).toBeGreaterThan(0);
        expect(client.error!.text).toMatch(/^(Connection refused|No such file or directory)$/);
        expect(fixture.peer.openCount).toBe(0);
      },
    );

    fixture.it(`over ${family}, both ends mirror each other's addresses`, async () => {
      const bound = await fixture.listen({ on: family });
      const client = fixture.dial(bound.address);
      await fixture.until(() => bound.accepted.length === 1 && client.has('connected'));
      const server = bound.accepted[0]!;
      expect(fixture.peer.remoteAddress(client.conn)).toEqual(bound.address);
      expect(fixture.engine.localAddress(server.conn)).toEqual(bound.address);
      const source = fixture.peer.localAddress(client.conn);
      expect(fixture.engine.remoteAddress(server.conn)).toEqual(source);
      if (source.family !== 'unix') expect(source.port).toBeGreaterThan(0);
    });

    fixture.it(`over ${family}, the addresses are known within accepted and within connected`, async () => {
      const seen: Address[] = [];
      const bound = await fixture.listen({
        on: family,
        onAccepted: (end) => seen.push(end.engine.remoteAddress(end.conn), end.engine.localAddress(end.conn)),
      });
      const client = fixture.dial(bound.address, {
        connected: (end) => seen.push(end.engine.remoteAddress(end.conn), end.engine.localAddress(end.conn)),
      });
      await fixture.until(() => seen.length === 4 && client.has('connected'));
      const target = seen.filter((address) => JSON.stringify(address) === JSON.stringify(bound.address));
      expect(target.length).toBe(2);
    });

    fixture.it(`over ${family}, what is sent within connected arrives`, async () => {
      const bound = await fixture.listen({ on: family });
      fixture.dial(bound.address, { connected: (end) => end.write(bytesOf('hello')) });
      await fixture.until(() => bound.accepted[0]?.text() === 'hello', 'the greeting');
    });

    fixture.it(`over ${family}, what is sent within accepted arrives after connected`, async () => {
      const bound = await fixture.listen({
        on: family,
        onAccepted: (end) => end.write(bytesOf('220 ready')),
      });
      const client = fixture.dial(bound.address);
      await fixture.until(() => client.text() === '220 ready', 'the greeting');
      expect(client.events).toEqual(['connected', 'received']);
    });

    fixture.it(`over ${family}, a connect that is closed at once is never told of`, async () => {
      const bound = await fixture.listen({ on: family });
      const client = fixture.dial(bound.address);
      client.close();
      expect(fixture.peer.openCount).toBe(0);
      await fixture.settle();
      expect(client.events).toEqual([]);
    });

    fixture.it(`over ${family}, a connect that is reset at once is never told of`, async () => {
      const bound = await fixture.listen({ on: family });
      const client = fixture.dial(bound.address);
      client.reset();
      await fixture.settle();
      expect(client.events).toEqual([]);
    });

    fixture.it(`over ${family}, TCP_NODELAY may be asked for on either end`, async () => {
      const [client, server] = await fixture.pair({ on: family });
      for (const end of [client, server]) {
        end.engine.setNoDelay(end.conn, true);
        end.engine.setNoDelay(end.conn, false);
      }
      client.write(bytesOf('x'));
      await fixture.until(() => server.text() === 'x');
    });
  }

  fixture.it('connections that are open together have different numbers', async () => {
    const bound = await fixture.listen();
    const clients = Array.from({ length: 20 }, () => fixture.dial(bound.address));
    await fixture.until(() => bound.accepted.length === 20 && clients.every((each) => each.has('connected')));
    expect(new Set(clients.map((each) => each.conn)).size).toBe(20);
    expect(new Set(bound.accepted.map((each) => each.conn)).size).toBe(20);
    for (const each of [...clients, ...bound.accepted]) {
      expect(Number.isInteger(each.conn) && each.conn >= 0 && each.conn < 1000).toBe(true);
    }
  });

  fixture.it('a hundred connects of one turn are all accepted and keep their bytes apart', async () => {
    const bound = await fixture.listen();
    for (let i = 0; i < 100; i++) {
      fixture.dial(bound.address, { connected: (end) => end.write(bytesOf(`client ${i}.`)) });
    }
    await fixture.until(() => bound.accepted.filter((each) => each.text().endsWith('.')).length === 100);
    expect(new Set(bound.accepted.map((each) => each.text())).size).toBe(100);
  });

  fixture.it('a connect made within a callback is answered', async () => {
    const bound = await fixture.listen();
    let second: End | undefined;
    fixture.dial(bound.address, {
      connected: () => {
        second = fixture.dial(bound.address);
        expect(second.events).toEqual([]);
      },
    });
    await fixture.until(() => second?.has('connected') === true, 'the second connect');
  });

  fixture.it('a connect made within failed, the next peer, is answered', async () => {
    const [dead, alive] = [await fixture.listen(), await fixture.listen()];
    dead.listener.close();
    let second: End | undefined;
    fixture.dial(dead.address, {
      failed: () => {
        second = fixture.dial(alive.address);
      },
    });
    await fixture.until(() => second?.has('connected') === true, 'the second connect');
  });

  fixture.it('a connect is closed by the callback of another connection, and is never told of', async () => {
    const bound = await fixture.listen();
    let victim: End | undefined;
    const closer = fixture.dial(bound.address, { connected: () => victim!.close() });
    victim = fixture.dial(bound.address, { connected: () => closer.isOpen && closer.close() });
    await fixture.until(() => closer.has('connected') || victim!.has('connected'));
    await fixture.settle();
    expect(closer.events.length + victim.events.length).toBe(1);
  });

  fixture.it(
    'a send before connected is short where there is no connection yet, and writable follows',
    async () => {
      const bound = await fixture.listen();
      const client = fixture.dial(bound.address);
      // Over the loopback Linux has connected by now; elsewhere nothing is taken.
      const taken = client.send(bytesOf('early'));
      expect([0, 5]).toContain(taken);
      await fixture.until(() => client.has('connected') && (taken === 5 || client.has('writable')));
      expect(client.events).toEqual(taken === 5 ? ['connected'] : ['connected', 'writable']);
      if (taken === 0) client.write(bytesOf('early'));
      await fixture.until(() => bound.accepted[0]?.text() === 'early');
    },
  );

  fixture.it('lastError of a connection that is well is undefined', async () => {
    const [client, server] = await fixture.pair();
    expect(client.engine.lastError(client.conn)).toBeUndefined();
    expect(server.engine.lastError(server.conn)).toBeUndefined();
  });

  fixture.it('an address that is a name is refused with EINVAL: names are resolved elsewhere', async () => {
    const client = fixture.dial({ family: 4, host: 'localhost', port: 80 });
    expect(client.events).toEqual([]);
    await fixture.until(() => client.has('failed'));
    expect(client.error).toMatchObject({ call: 'connect', code: 'EINVAL', text: 'Invalid argument' });
  });

  fixture.it('an IPv6 address under the name of IPv4 is refused with EINVAL', async () => {
    const client = fixture.dial({ family: 4, host: '::1', port: 80 });
    await fixture.until(() => client.has('failed'));
    expect(client.error).toMatchObject({ call: 'connect', code: 'EINVAL' });
  });

  fixture.it('a path that does not exist is refused with ENOENT', async () => {
    const client = fixture.dial(fixture.fresh('unix'));
    await fixture.until(() => client.has('failed'));
    expect(client.error).toMatchObject({ call: 'connect', code: 'ENOENT', errno: 2 });
  });

  fixture.it('a path longer than the system allows is refused as a value', async () => {
    const client = fixture.dial({ family: 'unix', path: `/${'x'.repeat(300)}` });
    await fixture.until(() => client.has('failed'));
    expect(client.error!.call).toBe('connect');
  });

  fixture.it('a connect comes from the local address that it names', async () => {
    const bound = await fixture.listen();
    const client = fixture.dial(
      bound.address,
      {},
      { localAddress: { family: 4, host: '127.0.0.1', port: 0 } },
    );
    await fixture.until(() => bound.accepted.length === 1 && client.has('connected'));
    expect(fixture.engine.remoteAddress(bound.accepted[0]!.conn)).toMatchObject({ host: '127.0.0.1' });
  });

  fixture.it(
    'a connect comes from another loopback address when it names one',
    async () => {
      const bound = await fixture.listen();
      const client = fixture.dial(
        bound.address,
        {},
        { localAddress: { family: 4, host: '127.0.0.77', port: 0 } },
      );
      await fixture.until(() => bound.accepted.length === 1 && client.has('connected'));
      expect(fixture.engine.remoteAddress(bound.accepted[0]!.conn)).toMatchObject({ host: '127.0.0.77' });
    },
    NEEDS_LINUX,
  );

  fixture.it(
    'a local address that is not ours is refused with EADDRNOTAVAIL',
    async () => {
      const bound = await fixture.listen();
      const client = fixture.dial(
        bound.address,
        {},
        { localAddress: { family: 4, host: '192.0.2.7', port: 0 } },
      );
      await fixture.until(() => client.has('failed'));
      expect(client.error).toMatchObject({ code: 'EADDRNOTAVAIL' });
    },
    { simulated: 'every address belongs to whoever names it there' },
  );

  fixture.it(
    'buffer sizes and keepalive may be asked for, whether the engine can set them or not',
    async () => {
      const bound = await fixture.listen({
        receiveBufferBytes: 32_768,
        sendBufferBytes: 32_768,
        keepalive: { idleSeconds: 60, intervalSeconds: 10, count: 3 },
      });
      const client = fixture.dial(
        bound.address,
        { connected: (end) => end.write(bytesOf('sized')) },
        { keepalive: true, receiveBufferBytes: 32_768, sendBufferBytes: 32_768 },
      );
      await fixture.until(() => bound.accepted[0]?.text() === 'sized');
      expect(client.isOpen).toBe(true);
    },
  );

  fixture.it('tcpInfo is four numbers or undefined, and undefined for a Unix socket', async () => {
    const [client] = await fixture.pair();
    const info = client.engine.tcpInfo(client.conn);
    if (info !== undefined) for (const each of info) expect(each).toBeGreaterThanOrEqual(0);
    const [local] = await fixture.pair({ on: 'unix' });
    expect(local.engine.tcpInfo(local.conn)).toBeUndefined();
  });
});
