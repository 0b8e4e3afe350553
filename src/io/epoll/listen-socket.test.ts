import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { utf8ByteString } from '../../base/bytes.ts';
import type { Address, Conn } from '../engine.ts';
import { isIoError } from '../io-error.ts';
import { closeDescriptor } from './descriptors.ts';
import type { EpollEngine } from './epoll-engine.ts';
import { boundAddress, listenSocket, probeAddress } from './listen-socket.ts';
import {
  getOption,
  SO_KEEPALIVE,
  SO_RCVBUF,
  SOL_SOCKET,
  SOL_TCP,
  TCP_DEFER_ACCEPT,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
} from './syscalls.ts';
import { LOOPBACK, listening, made, madeEngine, Recorder } from './test-kit.ts';

let engine: EpollEngine;
let folder: string;
const open: number[] = [];

beforeEach(() => {
  engine = madeEngine();
  folder = mkdtempSync(join(tmpdir(), 'holdfast-listen-'));
});

afterEach(() => {
  for (const fd of open.splice(0)) closeDescriptor(fd);
  engine.destroy();
  rmSync(folder, { recursive: true });
});

function socketOn(address: Address, options = {}): number {
  const fd = made(listenSocket(address, options));
  open.push(fd);
  return fd;
}

const nobody = { accepted: () => new Recorder(), acceptFailed: () => undefined };

describe('a listening socket made without an engine', () => {
  it('is adopted by an engine and accepts', async () => {
    const fd = socketOn(LOOPBACK);
    const address = boundAddress(fd);
    const side = new Recorder();
    const remote: Address[] = [];
    const listener = made(
      engine.adoptListener(fd, address, {
        accepted: (conn) => {
          remote.push(engine.remoteAddress(conn));
          engine.setNoDelay(conn, true);
          remote.push(engine.remoteAddress(conn));
          return side;
        },
        acceptFailed: () => undefined,
      }),
    );
    expect(listener.fd).toBe(fd);
    const client = new Recorder();
    const conn = engine.connect(address, {}, client);
    await client.until(() => remote.length === 2 && client.has('connected'));
    expect(remote[0]).toEqual(engine.localAddress(conn));
    expect(remote[1]).toEqual(engine.localAddress(conn));
    expect(engine.remoteAddress(conn)).toEqual(address);
    expect(engine.tcpInfo(conn)?.[0]).toBeGreaterThan(0);
    open.length = 0;
  });

  it('does not share its address with a second program, unless both ask to', () => {
    const first = boundAddress(socketOn(LOOPBACK, { reusePort: true }));
    expect(listenSocket(first, {})).toMatchObject({ call: 'bind', code: 'EADDRINUSE' });
    expect(probeAddress(first, { reusePort: true })).toMatchObject({ code: 'EADDRINUSE' });
    expect(isIoError(listenSocket(first, { reusePort: true }))).toBe(false);
    expect(probeAddress(LOOPBACK, {})).toBeUndefined();
  });

  it('has the options that were asked for', () => {
    const fd = socketOn(LOOPBACK, {
      deferred: true,
      receiveBufferBytes: 8192,
      keepalive: { idleSeconds: 100, intervalSeconds: 0, count: 7 },
    });
    expect(getOption(fd, SOL_SOCKET, SO_RCVBUF)).toBe(16_384); // the kernel doubles it
    expect(getOption(fd, SOL_SOCKET, SO_KEEPALIVE)).toBe(1);
    expect(getOption(fd, SOL_TCP, TCP_KEEPIDLE)).toBe(100);
    expect(getOption(fd, SOL_TCP, TCP_KEEPCNT)).toBe(7);
    expect(getOption(fd, SOL_TCP, TCP_KEEPINTVL)).toBe(75); // 0 leaves the system's
    expect(getOption(fd, SOL_TCP, TCP_DEFER_ACCEPT)).toBeGreaterThan(0);
  });

  it.each<[string, Address, string, string]>([
    ['a host that is no number', { family: 4, host: 'localhost', port: 0 }, 'bind', 'EINVAL'],
    ['an address that is not ours', { family: 4, host: '192.0.2.1', port: 0 }, 'bind', 'EADDRNOTAVAIL'],
    ['a path that is too long', { family: 'unix', path: `/tmp/${'x'.repeat(200)}` }, 'bind', 'EINVAL'],
    ['a folder that is not there', { family: 'unix', path: '/nowhere/at/all' }, 'bind', 'ENOENT'],
  ])('%s is an error', (_name, address, call, code) => {
    expect(listenSocket(address, {})).toMatchObject({ call, code });
  });
});

describe('a Unix socket', () => {
  it('is open to everybody, and both sides have their addresses', async () => {
    const path = join(folder, 'größe.sock');
    const address: Address = { family: 'unix', path: utf8ByteString(path) };
    const accepted: Conn[] = [];
    const side = new Recorder();
    listening(
      engine,
      (conn) => {
        accepted.push(conn);
        return side;
      },
      undefined,
      address,
    );
    expect(statSync(path).mode & 0o777).toBe(0o666);
    const client = new Recorder();
    const conn = engine.connect(address, {}, client);
    await client.until(() => client.has('connected') && accepted.length === 1);
    expect(engine.remoteAddress(conn)).toEqual(address);
    expect(engine.localAddress(accepted[0]!)).toEqual(address);
    expect(engine.remoteAddress(accepted[0]!)).toEqual({ family: 'unix', path: '' });
    expect(engine.tcpInfo(conn)).toBeUndefined();
  });

  it('whose queue is full fails the connect with EAGAIN', async () => {
    const address: Address = { family: 'unix', path: join(folder, 'full.sock') };
    const fd = socketOn(address, { backlog: 0 });
    expect(fd).toBeGreaterThan(2);
    const client = new Recorder();
    for (let i = 0; i < 3; i++) engine.connect(address, {}, client);
    await client.until(() => client.has('failed'));
    expect(client.error).toMatchObject({ call: 'connect', code: 'EAGAIN' });
  });
});

describe('a connect', () => {
  it.each<[string, Address, Address | undefined, string, string]>([
    ['nobody listens', { family: 4, host: '127.0.0.1', port: 1 }, undefined, 'connect', 'ECONNREFUSED'],
    ['the host is no number', { family: 4, host: 'x', port: 1 }, undefined, 'connect', 'EINVAL'],
    ['the path is not there', { family: 'unix', path: '/nowhere/x' }, undefined, 'connect', 'ENOENT'],
    [
      'the local address is not ours',
      { family: 4, host: '127.0.0.1', port: 1 },
      { family: 4, host: '192.0.2.1', port: 0 },
      'bind',
      'EADDRNOTAVAIL',
    ],
  ])('fails in a later turn where %s', async (_name, address, localAddress, call, code) => {
    const client = new Recorder();
    engine.connect(address, localAddress === undefined ? {} : { localAddress }, client);
    expect(client.log).toEqual([]);
    await client.until(() => client.has('failed'));
    expect(client.error).toMatchObject({ call, code });
    expect(engine.openCount).toBe(0);
  });

  it('comes from the local address that was asked for', async () => {
    const from: Address[] = [];
    const listener = listening(engine, (conn) => {
      from.push(engine.remoteAddress(conn));
      return new Recorder();
    });
    const client = new Recorder();
    const localAddress: Address = { family: 4, host: '127.0.0.9', port: 0 };
    engine.connect({ family: 4, host: '127.0.0.1', port: listener.port }, { localAddress }, client);
    await client.until(() => from.length === 1);
    expect(from[0]).toMatchObject({ host: '127.0.0.9' });
  });

  it('that is closed before it has failed tells nobody', async () => {
    const client = new Recorder();
    const conn = engine.connect({ family: 'unix', path: '/nowhere/x' }, {}, client);
    engine.close(conn);
    const other = new Recorder();
    engine.connect({ family: 'unix', path: '/nowhere/x' }, {}, other);
    await other.until(() => other.has('failed'));
    expect(client.log).toEqual([]);
  });
});

describe('a listener', () => {
  it('that is paused lets clients wait in the queue', async () => {
    let accepted = 0;
    const listener = listening(engine, () => {
      accepted++;
      return new Recorder();
    });
    listener.pause();
    const client = new Recorder();
    engine.connect({ family: 4, host: '127.0.0.1', port: listener.port }, {}, client);
    await client.until(() => client.has('connected'));
    expect(accepted).toBe(0);
    listener.resume();
    await client.until(() => accepted === 1);
  });

  it('on what is not listening is refused', () => {
    const fd = socketOn(LOOPBACK);
    closeDescriptor(fd);
    open.length = 0;
    expect(engine.adoptListener(fd, LOOPBACK, nobody)).toMatchObject({ code: 'EBADF' });
  });
});
