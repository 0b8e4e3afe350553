// Behaviour of every engine: live connections that are given away and taken over.
import { openSync } from 'node:fs';
import { expect } from 'vitest';
import { bytesOf } from '../../src/base/bytes.ts';
import { socketPair } from '../../src/io/epoll/descriptors.ts';
import { isIoError } from '../../src/io/io-error.ts';
import type { End } from './end.ts';
import { engineCases, FAMILIES, NEEDS_FFI } from './fixture.ts';
import { check, pour } from './stream.ts';

const NO_RELEASE = { portable: 'Node gives no descriptor away' };

engineCases('giving a connection away', (fixture) => {
  /** Takes the descriptor from `end` and gives it to a new owner on the same engine. */
  function move(end: End): End {
    const fd = end.engine.release(end.conn);
    end.isOpen = false;
    expect(fd).toBeGreaterThanOrEqual(0);
    const owner = fixture.end(end.engine);
    const conn = end.engine.adopt(fd, owner);
    if (isIoError(conn)) throw new Error(conn.text);
    owner.conn = conn;
    return owner;
  }

  for (const family of FAMILIES) {
    fixture.it(
      `over ${family}, keeps it alive, its addresses and bytes both ways`,
      async () => {
        const [client, server] = await fixture.pair({ on: family });
        client.write(bytesOf('before'));
        await fixture.until(() => server.text() === 'before');
        const [local, remote] = [
          fixture.engine.localAddress(server.conn),
          fixture.engine.remoteAddress(server.conn),
        ];
        const owner = move(server);
        expect(fixture.engine.localAddress(owner.conn)).toEqual(local);
        expect(fixture.engine.remoteAddress(owner.conn)).toEqual(remote);
        client.write(bytesOf('after'));
        owner.write(bytesOf('answer'));
        await fixture.until(() => owner.text() === 'after' && client.text() === 'answer');
        expect(client.has('ended') || client.has('failed')).toBe(false);
      },
      NO_RELEASE,
    );
  }

  fixture.it(
    'gives the bytes that were not read yet to the next owner',
    async () => {
      const [client, server] = await fixture.pair();
      server.pause();
      client.write(bytesOf('unread'));
      await fixture.settle();
      const owner = move(server);
      await fixture.until(() => owner.text() === 'unread');
      expect(server.events).toEqual([]);
    },
    NO_RELEASE,
  );

  fixture.it(
    'gives an end that was not told yet to the next owner',
    async () => {
      const [client, server] = await fixture.pair();
      server.pause();
      client.shutdown();
      await fixture.settle();
      const owner = move(server);
      await fixture.until(() => owner.has('ended'));
      owner.write(bytesOf('still open'));
      await fixture.until(() => client.text() === 'still open');
    },
    NO_RELEASE,
  );

  fixture.it(
    'in the middle of a transfer loses no byte',
    async () => {
      const [client, server] = await fixture.pair();
      const results = [check(server)];
      pour(client, 4 << 20, true);
      await fixture.until(() => server.got > 100_000);
      const owner = move(server);
      owner.keeps = false;
      await fixture.until(() => owner.has('ended'), 'the rest');
      expect(server.got + owner.got).toBe(4 << 20);
      expect(results[0]!.wrong).toBe(-1);
    },
    NO_RELEASE,
  );

  fixture.it(
    'within a callback is allowed, and nothing more is told to the old owner',
    async () => {
      const [client, server] = await fixture.pair();
      let owner: End | undefined;
      server.hooks = {
        received: (end) => {
          owner = move(end);
        },
      };
      client.write(bytesOf('first'));
      await fixture.until(() => owner !== undefined);
      client.write(bytesOf('second'));
      client.shutdown();
      await fixture.until(() => owner!.has('ended'));
      expect(`${server.text()}${owner!.text()}`).toBe('firstsecond');
    },
    NO_RELEASE,
  );

  fixture.it(
    'leaves the count of open ones, and taking over raises it again',
    async () => {
      const [, server] = await fixture.pair();
      const before = fixture.engine.openCount;
      const fd = fixture.engine.release(server.conn);
      server.isOpen = false;
      expect(fixture.engine.openCount).toBe(before - 1);
      const owner = fixture.end(fixture.engine);
      owner.conn = fixture.engine.adopt(fd, owner) as number;
      expect(fixture.engine.openCount).toBe(before);
    },
    NO_RELEASE,
  );

  fixture.it('of a connect that was not answered is -1, and the connect goes on', async () => {
    const bound = await fixture.listen();
    const client = fixture.dial(bound.address);
    expect(client.engine.release(client.conn)).toBe(-1);
    await fixture.until(() => client.has('connected'));
  });

  fixture.it(
    'is -1 where the engine has none to give, and the connection goes on',
    async () => {
      const [client, server] = await fixture.pair();
      expect(fixture.engine.release(server.conn)).toBe(-1);
      client.write(bytesOf('goes on'));
      await fixture.until(() => server.text() === 'goes on');
    },
    { epoll: 'it has one to give', simulated: 'it has one to give' },
  );
});

engineCases('taking over a descriptor', (fixture) => {
  fixture.it(
    'that somebody else made works both ways',
    async () => {
      const pair = socketPair();
      if (isIoError(pair)) throw new Error(pair.text);
      const [one, two] = [fixture.end(fixture.engine), fixture.end(fixture.engine)];
      one.conn = fixture.engine.adopt(pair[0], one) as number;
      two.conn = fixture.engine.adopt(pair[1], two) as number;
      expect(one.events).toEqual([]);
      one.write(bytesOf('ping'));
      two.write(bytesOf('pong'));
      await fixture.until(() => two.text() === 'ping' && one.text() === 'pong');
      one.shutdown();
      await fixture.until(() => two.has('ended'));
      expect(fixture.engine.remoteAddress(two.conn).family).toBe('unix');
    },
    { simulated: 'descriptors there come from the world itself', ...NEEDS_FFI },
  );

  fixture.it(
    'with bytes waiting in it gives them to its owner, and never within the call',
    async () => {
      const pair = socketPair();
      if (isIoError(pair)) throw new Error(pair.text);
      const [one, two] = [fixture.end(fixture.engine), fixture.end(fixture.engine)];
      one.conn = fixture.engine.adopt(pair[0], one) as number;
      one.write(bytesOf('waiting'));
      await fixture.settle();
      two.conn = fixture.engine.adopt(pair[1], two) as number;
      expect(two.events).toEqual([]);
      await fixture.until(() => two.text() === 'waiting');
    },
    { simulated: 'descriptors there come from the world itself', ...NEEDS_FFI },
  );

  fixture.it('that is not open is EBADF, as a value', () => {
    expect(fixture.engine.adopt(99_999, fixture.end())).toMatchObject({ code: 'EBADF', errno: 9 });
    expect(fixture.engine.openCount).toBe(0);
  });

  fixture.it(
    'that is no socket is ENOTSOCK, as a value',
    () => {
      const fd = openSync('/dev/null', 'r');
      expect(fixture.engine.adopt(fd, fixture.end())).toMatchObject({ code: 'ENOTSOCK', errno: 88 });
    },
    { simulated: 'descriptors there are sockets only' },
  );
});
