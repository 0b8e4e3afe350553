// Behaviour of every engine: resets, sends into the void, and the engine's own end.
import { expect } from 'vitest';
import { bytesOf } from '../../src/base/bytes.ts';
import { SEND_FAILED } from '../../src/io/engine.ts';
import { engineCases, FAMILIES } from './fixture.ts';
import { pour } from './stream.ts';

const MEGABYTE = 1 << 20;

engineCases('resetting', (fixture) => {
  for (const family of FAMILIES) {
    fixture.it(`over ${family}, a reset is told to the peer, once, and nothing follows`, async () => {
      const [client, server] = await fixture.pair({ on: family });
      client.reset();
      await fixture.goodbye(server);
      await fixture.settle();
      // Unix sockets know no reset where nothing is unread: there it is an end.
      expect(server.events).toEqual(family === 'unix' && server.has('ended') ? ['ended'] : ['failed']);
      if (server.has('failed')) expect(server.error).toMatchObject({ call: 'recv', code: 'ECONNRESET' });
    });

    fixture.it(`over ${family}, sending to a peer that has closed fails in the end, as a value`, async () => {
      const [client, server] = await fixture.pair({ on: family });
      server.close();
      await fixture.until(() => client.has('ended'));
      let failed = false;
      for (let i = 0; i < 1000 && client.isOpen && !failed; i++) {
        failed = client.send(bytesOf('into the void')) === SEND_FAILED;
        if (!failed) await fixture.settle();
      }
      if (failed) {
        const error = client.engine.lastError(client.conn);
        expect(error).toMatchObject({ call: 'send' });
        expect(['EPIPE', 'ECONNRESET']).toContain(error!.code);
        client.close();
      } else {
        expect(['EPIPE', 'ECONNRESET']).toContain(client.error!.code);
      }
    });

    fixture.it(
      `over ${family}, a peer that closes with bytes unread does not leave the other waiting`,
      async () => {
        const [client, server] = await fixture.pair({ on: family });
        server.pause();
        client.write(bytesOf('unread'));
        await fixture.settle();
        server.close();
        await fixture.goodbye(client);
      },
    );
  }

  fixture.it('a reset within the other side’s transfer ends it', async () => {
    const [client, server] = await fixture.pair();
    server.keeps = false;
    server.hooks = { received: (end) => end.got > 100_000 && end.reset() };
    pour(client, 64 * MEGABYTE);
    await fixture.until(() => !client.isOpen, 'the failure');
    if (client.has('failed')) expect(['ECONNRESET', 'EPIPE']).toContain(client.error!.code);
  });

  fixture.it('after SEND_FAILED the connection says why until it is closed', async () => {
    const [client, server] = await fixture.pair();
    client.pause();
    server.reset();
    let result = 0;
    for (let i = 0; i < 200 && client.isOpen && result !== SEND_FAILED; i++) {
      result = client.send(bytesOf('x'));
      if (result !== SEND_FAILED) await fixture.settle();
    }
    if (result === SEND_FAILED) {
      expect(['EPIPE', 'ECONNRESET']).toContain(client.engine.lastError(client.conn)?.code);
      client.close();
    }
    expect(client.isOpen).toBe(false);
    expect(fixture.peer.openCount).toBe(0);
  });

  fixture.it('a reset of one connection leaves its neighbours alone', async () => {
    const bound = await fixture.listen({ hooks: { received: (end) => end.write(end.bytes()) } });
    const clients = Array.from({ length: 10 }, () => fixture.dial(bound.address));
    await fixture.until(() => clients.every((each) => each.has('connected')) && bound.accepted.length === 10);
    clients[4]!.reset();
    for (const each of clients) if (each.isOpen) each.write(bytesOf('.'));
    await fixture.until(() => clients.every((each) => !each.isOpen || each.got === 1), 'nine echoes');
    expect(clients.filter((each) => each.isOpen).length).toBe(9);
  });
});

engineCases('destroying the engine', (fixture) => {
  fixture.it('silences everything that was under way', async () => {
    const [client, server] = await fixture.pair();
    const bound = await fixture.listen();
    fixture.dial(bound.address);
    client.write(bytesOf('under way'));
    const slot = fixture.engine.timers.add({ expired: () => expect.unreachable() });
    fixture.engine.timers.arm(slot, fixture.engine.now() + 1);
    fixture.engine.defer(() => expect.unreachable());
    fixture.destroy();
    expect(fixture.engine.openCount).toBe(0);
    fixture.open();
    await fixture.elapse(20);
    await fixture.settle();
    expect(server.events).toEqual([]);
  });

  fixture.it('is harmless twice', () => {
    fixture.destroy();
    fixture.destroy();
    fixture.open();
  });

  fixture.it('within a callback is allowed', async () => {
    const [client, server] = await fixture.pair();
    let destroyed = false;
    server.hooks = {
      received: () => {
        fixture.destroy();
        destroyed = true;
      },
    };
    client.write(bytesOf('end of the world'));
    await fixture.until(() => destroyed);
    fixture.open();
    await fixture.settle();
    expect(server.events).toEqual(['received']);
  });
});
