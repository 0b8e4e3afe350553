// What the portable engine alone promises; the behaviour that all engines share is in test/engines/.

import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SEND_QUEUE_BYTES } from '../../base/limits.ts';
import type { Conn, ConnectionHandler, Engine, IoError, Listener } from '../engine.ts';
import { portableEngine } from './portable-engine.ts';

let engine: Engine;

beforeEach(() => {
  engine = portableEngine();
});

afterEach(() => {
  vi.useRealTimers();
  engine.destroy();
});

function handler(parts: Partial<ConnectionHandler> = {}): ConnectionHandler {
  const nothing = (): void => undefined;
  return {
    connected: nothing,
    received: nothing,
    ended: nothing,
    writable: nothing,
    failed: nothing,
    ...parts,
  };
}

function listening(accepted: (conn: Conn) => ConnectionHandler): Promise<Listener> {
  return new Promise((resolve, reject) => {
    engine.listen(
      { family: 4, host: '127.0.0.1', port: 0 },
      {},
      { accepted, acceptFailed: (_listener, error) => reject(new Error(error.text)) },
      (result) => ('call' in result ? reject(new Error(result.text)) : resolve(result)),
    );
  });
}

function connected(port: number, parts: Partial<ConnectionHandler> = {}): Promise<Conn> {
  return new Promise((resolve) => {
    engine.connect({ family: 4, host: '127.0.0.1', port }, {}, handler({ connected: resolve, ...parts }));
  });
}

function closed(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
    socket.on('close', () => resolve('closed'));
  });
}

it("fake timers of a user's tests stop neither its sockets nor its clock and timers", async () => {
  vi.useFakeTimers({ now: 0, toFake: ['setTimeout', 'setImmediate', 'Date', 'performance', 'setInterval'] });
  const before = engine.now();
  await new Promise<void>((resolve) => {
    const slot = engine.timers.add({ expired: () => resolve() });
    engine.timers.arm(slot, before + 15);
  });
  expect(engine.now()).toBeGreaterThanOrEqual(before + 15);
  expect(engine.wallNow()).toBeGreaterThan(1_600_000_000_000);
  const listener = await listening((conn) => {
    engine.defer(() => engine.close(conn));
    return handler();
  });
  await new Promise<void>((resolve) => void connected(listener.port, { ended: () => resolve() }));
});

it('takes no more than its queue from a peer that does not read, and a reset drops what waits at once', async () => {
  const server = createServer({ pauseOnConnect: true });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const conn = await connected((server.address() as AddressInfo).port);
  const peer = await accepted;
  const megabyte = new Uint8Array(1 << 20);
  let taken = 0;
  for (let count = -1; count !== 0; ) {
    count = engine.send(conn, megabyte, 0, megabyte.length);
    taken += count;
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(taken).toBeGreaterThan(SEND_QUEUE_BYTES);
  engine.reset(conn);
  expect(engine.openCount).toBe(0);
  // libuv may report the reset as an end once it has read what had arrived before; what waited in the queue never comes.
  let read = 0;
  peer.on('data', (chunk) => {
    read += chunk.length;
  });
  peer.resume();
  await closed(peer);
  expect(read).toBeLessThan(taken - SEND_QUEUE_BYTES + 1);
  server.close();
});

it('delivers what was taken before a close, although the peer reads only later', async () => {
  const server = createServer({ pauseOnConnect: true });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const conn = await connected((server.address() as AddressInfo).port);
  const peer = await accepted;
  const block = new Uint8Array(1 << 20).fill(7);
  let taken = 0;
  for (let count = -1; count !== 0; taken += count) count = engine.send(conn, block, 0, block.length);
  engine.close(conn);
  let read = 0;
  peer.on('data', (chunk) => {
    read += chunk.length;
  });
  peer.resume();
  expect(await closed(peer)).toBe('closed');
  expect(read).toBe(taken);
  server.close();
});

it('holds what comes to a paused listener and hands it over at its resume', async () => {
  const owners: Conn[] = [];
  const listener = await listening((conn) => {
    owners.push(conn);
    return handler();
  });
  listener.pause();
  const socket = connect(listener.port, '127.0.0.1');
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
  expect(owners).toEqual([]);
  listener.resume();
  await vi.waitUntil(() => owners.length === 1);
  socket.destroy();
});

it('answers a connect to a name with an error: names are resolved elsewhere', async () => {
  const error = await new Promise<IoError>((resolve) => {
    engine.connect(
      { family: 4, host: 'localhost', port: 1 },
      {},
      handler({ failed: (_conn, e) => resolve(e) }),
    );
  });
  expect(error).toMatchObject({ call: 'connect', code: 'EINVAL' });
});
