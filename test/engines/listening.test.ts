// Behaviour of every engine: listening sockets, their pauses and ends, and sockets that come from elsewhere.
import { openSync } from 'node:fs';
import { expect } from 'vitest';
import { bytesOf } from '../../src/base/bytes.ts';
import type { Address, Listener } from '../../src/io/engine.ts';
import { boundAddress, listenSocket } from '../../src/io/epoll/listen-socket.ts';
import { isIoError } from '../../src/io/io-error.ts';
import type { End } from './end.ts';
import type { EngineFixture, Family } from './fixture.ts';
import { engineCases, FAMILIES, NEEDS_FFI, NEEDS_LINUX } from './fixture.ts';

/** A client that has its answer. */
async function visit(fixture: EngineFixture, address: Address): Promise<End> {
  const client = fixture.dial(address);
  await fixture.until(() => client.has('connected') || client.has('failed'), 'an answer');
  return client;
}

engineCases('listening', (fixture) => {
  for (const family of FAMILIES) {
    fixture.it(
      `over ${family}, a second listener at the same address is refused with EADDRINUSE`,
      async () => {
        const bound = await fixture.listen({ on: family });
        const result = await fixture.listenOrFail(bound.address, {});
        expect(result).toMatchObject({ call: 'bind', code: 'EADDRINUSE', text: 'Address already in use' });
      },
    );

    fixture.it(
      `over ${family}, a paused listener lets clients wait, and takes them in at its resume`,
      async () => {
        const bound = await fixture.listen({ on: family });
        bound.listener.pause();
        const clients = [1, 2, 3].map(() =>
          fixture.dial(bound.address, { connected: (end) => end.write(bytesOf('waiting')) }),
        );
        await fixture.until(
          () => clients.every((each) => each.has('connected')),
          'connects to a paused listener',
        );
        await fixture.settle();
        expect(bound.accepted.length).toBe(0);
        bound.listener.resume();
        await fixture.until(() => bound.accepted.filter((each) => each.text() === 'waiting').length === 3);
      },
    );

    fixture.it(`over ${family}, a closed listener refuses, and who came before stays`, async () => {
      const bound = await fixture.listen({ on: family });
      const client = await visit(fixture, bound.address);
      await fixture.until(() => bound.accepted.length === 1);
      bound.listener.close();
      await fixture.settle();
      const late = await visit(fixture, bound.address);
      expect(late.events).toEqual(['failed']);
      client.write(bytesOf('still here'));
      await fixture.until(() => bound.accepted[0]!.text() === 'still here');
    });
  }

  for (const family of ['IPv4', 'IPv6'] satisfies Family[]) {
    fixture.it(`over ${family}, port 0 becomes a port of the system's choice`, async () => {
      const [one, two] = [await fixture.listen({ on: family }), await fixture.listen({ on: family })];
      expect(one.listener.port).toBeGreaterThan(0);
      expect(two.listener.port).toBeGreaterThan(0);
      expect(one.listener.port).not.toBe(two.listener.port);
      expect((await visit(fixture, one.address)).has('connected')).toBe(true);
    });

    fixture.it(
      `over ${family}, an address can be listened at again at once, its old connections open`,
      async () => {
        const bound = await fixture.listen({ on: family });
        const client = await visit(fixture, bound.address);
        await fixture.until(() => bound.accepted.length === 1);
        bound.listener.close();
        await fixture.settle();
        const again = await fixture.listen({ on: bound.address });
        await visit(fixture, bound.address);
        await fixture.until(() => again.accepted.length === 1);
        expect(client.isOpen).toBe(true);
      },
    );
  }

  fixture.it('a listener says what it was asked for', async () => {
    const bound = await fixture.listen({ on: { family: 4, host: '127.0.0.1', port: 0 } });
    expect(bound.listener.address).toMatchObject({ family: 4, host: '127.0.0.1' });
    expect(Number.isInteger(bound.listener.fd)).toBe(true);
    const local = await fixture.listen({ on: 'unix' });
    expect(local.listener.address).toEqual(local.address);
    expect(local.listener.port).toBe(0);
  });

  fixture.it('accepted says on which listener', async () => {
    const seen: Listener[] = [];
    const onAccepted = (_end: End, listener: Listener): void => void seen.push(listener);
    const one = await fixture.listen({ onAccepted });
    const two = await fixture.listen({ onAccepted });
    fixture.dial(two.address);
    await fixture.until(() => seen.length === 1);
    fixture.dial(one.address);
    await fixture.until(() => seen.length === 2);
    expect(seen).toEqual([two.listener, one.listener]);
  });

  fixture.it('pause within accepted keeps the others waiting', async () => {
    const bound = await fixture.listen({ onAccepted: (_end, listener) => listener.pause() });
    const clients = [1, 2, 3].map(() => fixture.dial(bound.address));
    await fixture.until(() => clients.every((each) => each.has('connected')));
    await fixture.until(() => bound.accepted.length > 0);
    await fixture.settle();
    expect(bound.accepted.length).toBe(1);
    bound.listener.resume();
    await fixture.until(() => bound.accepted.length === 2);
    bound.listener.resume();
    await fixture.until(() => bound.accepted.length === 3);
  });

  fixture.it('close within accepted keeps the one that came', async () => {
    const bound = await fixture.listen({ onAccepted: (_end, listener) => listener.close() });
    const client = fixture.dial(bound.address, { connected: (end) => end.write(bytesOf('the last')) });
    await fixture.until(() => bound.accepted[0]?.text() === 'the last');
    await fixture.settle();
    expect((await visit(fixture, bound.address)).has('failed')).toBe(true);
    expect(client.isOpen).toBe(true);
  });

  fixture.it('a new listener made within accepted works', async () => {
    let second: Listener | undefined;
    const accepted: End[] = [];
    const bound = await fixture.listen({
      onAccepted: () => {
        fixture.engine.listen(fixture.fresh('IPv4'), {}, fixture.acceptor({}, accepted), (result) => {
          if (!isIoError(result)) second = result;
        });
      },
    });
    fixture.dial(bound.address);
    await fixture.until(() => second !== undefined);
    fixture.closesListener(second!);
    fixture.dial({ family: 4, host: '127.0.0.1', port: second!.port });
    await fixture.until(() => accepted.length === 1);
  });

  fixture.it('closing twice, and pausing and resuming what is closed, do nothing', async () => {
    const bound = await fixture.listen();
    bound.listener.close();
    bound.listener.close();
    bound.listener.pause();
    bound.listener.resume();
    await fixture.settle();
    expect((await visit(fixture, bound.address)).has('failed')).toBe(true);
  });

  fixture.it('pausing twice is undone by one resume, and a resume without a pause does nothing', async () => {
    const bound = await fixture.listen();
    bound.listener.resume();
    bound.listener.pause();
    bound.listener.pause();
    bound.listener.resume();
    await visit(fixture, bound.address);
    await fixture.until(() => bound.accepted.length === 1);
  });

  fixture.it('who waits at a paused listener is turned away when it closes', async () => {
    const bound = await fixture.listen();
    bound.listener.pause();
    const client = await visit(fixture, bound.address);
    await fixture.settle();
    bound.listener.close();
    await fixture.until(() => client.has('failed') || client.has('ended'), 'the end');
    expect(bound.accepted.length).toBe(0);
  });

  fixture.it('who connects and leaves before being accepted does no harm', async () => {
    const bound = await fixture.listen();
    bound.listener.pause();
    const [gone, stays] = [await visit(fixture, bound.address), await visit(fixture, bound.address)];
    gone.reset();
    await fixture.settle();
    bound.listener.resume();
    stays.write(bytesOf('here'));
    await fixture.until(() => bound.accepted.some((each) => each.text() === 'here'));
    await fixture.settle();
    for (const each of bound.accepted)
      if (each.text() === '') expect(each.has('failed') || each.has('ended')).toBe(true);
  });

  fixture.it(
    'a listener on 0.0.0.0 knows which address its client dialed',
    async () => {
      const bound = await fixture.listen({ on: { family: 4, host: '0.0.0.0', port: 0 } });
      await visit(fixture, { family: 4, host: '127.0.0.3', port: bound.listener.port });
      await fixture.until(() => bound.accepted.length === 1);
      expect(fixture.engine.localAddress(bound.accepted[0]!.conn)).toEqual({
        family: 4,
        host: '127.0.0.3',
        port: bound.listener.port,
      });
    },
    NEEDS_LINUX,
  );

  fixture.it('a listener on [::] leaves IPv4 to another by default', async () => {
    const six = await fixture.listen({ on: { family: 6, host: '::', port: 0 } });
    const { port } = six.listener;
    expect((await visit(fixture, { family: 4, host: '127.0.0.1', port })).has('failed')).toBe(true);
    const four = await fixture.listen({ on: { family: 4, host: '0.0.0.0', port } });
    await visit(fixture, { family: 4, host: '127.0.0.1', port });
    await visit(fixture, { family: 6, host: '::1', port });
    await fixture.until(() => four.accepted.length === 1 && six.accepted.length === 1);
  });

  fixture.it('a listener on [::] with ipv6only=off takes IPv4 too, as a mapped address', async () => {
    const bound = await fixture.listen({ on: { family: 6, host: '::', port: 0 }, ipv6Only: false });
    await visit(fixture, { family: 4, host: '127.0.0.1', port: bound.listener.port });
    await fixture.until(() => bound.accepted.length === 1);
    expect(fixture.engine.remoteAddress(bound.accepted[0]!.conn)).toMatchObject({
      family: 6,
      host: '::ffff:127.0.0.1',
    });
  });

  fixture.it(
    'an address that is not ours is refused with EADDRNOTAVAIL',
    async () => {
      const result = await fixture.listenOrFail({ family: 4, host: '192.0.2.7', port: 0 }, {});
      expect(result).toMatchObject({ call: 'bind', code: 'EADDRNOTAVAIL' });
    },
    { simulated: 'every address belongs to whoever names it there' },
  );

  fixture.it(
    'a path over a file that exists is refused with EADDRINUSE: a stale path is not removed',
    async () => {
      const bound = await fixture.listen({ on: 'unix' });
      expect(await fixture.listenOrFail(bound.address, {})).toMatchObject({ code: 'EADDRINUSE' });
      expect((await visit(fixture, bound.address)).has('connected')).toBe(true);
    },
  );

  fixture.it(
    'a path in a folder that does not exist is refused as a value',
    async () => {
      const { path } = fixture.fresh('unix') as { path: string };
      const result = await fixture.listenOrFail({ family: 'unix', path: `${path}/none/x.sock` }, {});
      expect(isIoError(result) && result.call).toBe('bind');
    },
    { simulated: 'paths there are names without folders' },
  );

  fixture.it('an address that is a name is refused with EINVAL', async () => {
    const result = await fixture.listenOrFail({ family: 4, host: 'no.such.host', port: 0 }, {});
    expect(result).toMatchObject({ call: 'bind', code: 'EINVAL' });
  });

  fixture.it('all options of listen are taken, whether the engine can set them or not', async () => {
    const bound = await fixture.listen({
      backlog: 5,
      reusePort: false,
      ipv6Only: true,
      receiveBufferBytes: 65_536,
      sendBufferBytes: 65_536,
      keepalive: 'off',
    });
    await visit(fixture, bound.address);
    await fixture.until(() => bound.accepted.length === 1);
  });

  fixture.it(
    'with reuseport two listeners share an address, and each client comes to one of them',
    async () => {
      const one = await fixture.listen({ reusePort: true });
      const two = await fixture.listen({ on: one.address, reusePort: true });
      const clients = Array.from({ length: 40 }, () => fixture.dial(one.address));
      await fixture.until(() => clients.every((each) => each.has('connected')));
      await fixture.until(() => one.accepted.length + two.accepted.length === 40);
      expect(one.accepted.length).toBeGreaterThan(0);
      expect(two.accepted.length).toBeGreaterThan(0);
    },
    { portable: 'Node offers reusePort from 22.12 only, and one worker needs none' },
  );
});

engineCases('adopting a listener', (fixture) => {
  /** A listening socket that no engine accepts on: its descriptor and address. */
  async function foreign(): Promise<{ fd: number; address: Address }> {
    if (fixture.world !== undefined) {
      const bound = await fixture.listen();
      bound.listener.close(true);
      return { fd: bound.listener.fd, address: bound.address };
    }
    const fd = listenSocket(fixture.fresh('IPv4'), {});
    if (typeof fd !== 'number') throw new Error(fd.text);
    return { fd, address: boundAddress(fd) };
  }

  fixture.it(
    'accepts on it',
    async () => {
      const { fd, address } = await foreign();
      const accepted: End[] = [];
      const listener = fixture.engine.adoptListener(fd, address, fixture.acceptor({}, accepted));
      if (isIoError(listener)) throw new Error(listener.text);
      fixture.closesListener(listener);
      expect(listener.address).toEqual(address);
      expect(listener.port).toBe(address.family === 'unix' ? 0 : address.port);
      const client = fixture.dial(address, { connected: (end) => end.write(bytesOf('adopted')) });
      await fixture.until(() => accepted[0]?.text() === 'adopted');
      expect(client.isOpen).toBe(true);
    },
    NEEDS_FFI,
  );

  fixture.it(
    'takes in who was waiting in its queue',
    async () => {
      const { fd, address } = await foreign();
      const client = fixture.dial(address, { connected: (end) => end.write(bytesOf('queued')) });
      await fixture.until(() => client.has('connected') && client.flushed);
      const accepted: End[] = [];
      const listener = fixture.engine.adoptListener(fd, address, fixture.acceptor({}, accepted));
      if (isIoError(listener)) throw new Error(listener.text);
      fixture.closesListener(listener);
      await fixture.until(() => accepted[0]?.text() === 'queued');
    },
    NEEDS_FFI,
  );

  fixture.it('of a descriptor that is not open is EBADF, as a value', () => {
    const result = fixture.engine.adoptListener(99_999, fixture.fresh('IPv4'), fixture.acceptor({}, []));
    expect(result).toMatchObject({ code: 'EBADF', errno: 9 });
  });

  fixture.it(
    'of a descriptor that is no socket is ENOTSOCK, as a value',
    () => {
      const fd = openSync('/dev/null', 'r');
      const result = fixture.engine.adoptListener(fd, fixture.fresh('IPv4'), fixture.acceptor({}, []));
      expect(result).toMatchObject({ code: 'ENOTSOCK', errno: 88 });
    },
    { simulated: 'descriptors there are sockets only' },
  );

  fixture.it(
    'of a connection is refused, and the connection lives on',
    async () => {
      const [client, server] = await fixture.pair();
      const fd = fixture.engine.release(server.conn);
      server.isOpen = false;
      expect(fixture.engine.adoptListener(fd, fixture.fresh('IPv4'), fixture.acceptor({}, []))).toMatchObject(
        {
          code: 'EINVAL',
        },
      );
      const owner = fixture.end(fixture.engine);
      owner.conn = fixture.engine.adopt(fd, owner) as number;
      client.write(bytesOf('alive'));
      await fixture.until(() => owner.text() === 'alive');
    },
    { portable: 'Node gives no descriptor away' },
  );
});
