import { existsSync, readdirSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { emptyFolder, freePort } from '../../test/e2e/program.ts';
import { selfTest } from '../io/epoll/self-test.ts';
import type { ListenerPlan } from '../plan/plan.ts';
import { ListeningSockets } from './listening-sockets.ts';

function listener(host: string, port: number, more: Partial<ListenerPlan> = {}): ListenerPlan {
  const address = { family: host.includes(':') ? (6 as const) : (4 as const), host, port };
  return {
    key: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    address,
    backlog: 511,
    reusePort: false,
    ipv6Only: true,
    receiveBufferBytes: undefined,
    sendBufferBytes: undefined,
    deferred: false,
    keepalive: 'system',
    servers: new Map(),
    ...more,
  };
}

function unixListener(path: string): ListenerPlan {
  return { ...listener('x', 1), key: `unix:${path}`, address: { family: 'unix', path } };
}

function table(): ListeningSockets {
  const sockets = new ListeningSockets();
  onTestFinished(() => sockets.closeAll());
  return sockets;
}

function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** "connected", or the code of what went wrong. */
function tries(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve('connected');
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
  });
}

describe('listening sockets', () => {
  beforeEach(({ skip }) => skip(selfTest() !== undefined, `the epoll engine: ${selfTest()}`));

  it('are one for each worker and address, and listen when they count', async () => {
    const port = await freePort();
    const sockets = table();
    expect(sockets.open([listener('127.0.0.1', port)], 3)).toBeUndefined();
    expect(await tries(port)).toBe('ECONNREFUSED');
    expect(sockets.commit()).toBeUndefined();
    expect(await tries(port)).toBe('connected');
    const handles = [0, 1, 2].flatMap((worker) => sockets.of(worker, 3));
    expect(handles).toHaveLength(3);
    expect(new Set(handles.map(({ id }) => id)).size).toBe(3);
  });

  it('of a Unix path are one that all workers share, and its file goes with it', () => {
    const path = join(emptyFolder(), 'a.sock');
    const sockets = new ListeningSockets();
    expect(sockets.open([unixListener(path)], 3)).toBeUndefined();
    sockets.commit();
    expect([0, 1, 2].map((worker) => sockets.of(worker, 3).map(({ id }) => id))).toEqual([[1], [1], [1]]);
    expect(existsSync(path)).toBe(true);
    sockets.closeAll();
    expect(existsSync(path)).toBe(false);
  });

  it('of workers that are no more go to those that stay, and back', async () => {
    const sockets = table();
    sockets.open([listener('127.0.0.1', await freePort())], 4);
    sockets.commit();
    const all = sockets.of(0, 1).map(({ id }) => id);
    expect(all).toHaveLength(4);
    expect([0, 1].map((worker) => sockets.of(worker, 2).length)).toEqual([2, 2]);
    expect([0, 1, 2, 3].flatMap((worker) => sockets.of(worker, 4)).map(({ id }) => id)).toEqual(all);
  });

  it('refuse an address that another program has, and nothing is left open', async () => {
    const port = await freePort();
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve));
    const sockets = table();
    const free = await freePort();
    const before = descriptors();
    expect(sockets.open([listener('127.0.0.1', free), listener('127.0.0.1', port)], 2)).toMatchObject({
      listener: { key: `127.0.0.1:${port}` },
      error: { call: 'bind', code: 'EADDRINUSE' },
    });
    expect(descriptors()).toBe(before);
    await new Promise((resolve) => other.close(resolve));
    expect(sockets.open([listener('127.0.0.1', port)], 2)).toBeUndefined();
    sockets.abort();
  });

  it('refuse an address that a second program of ours has', async () => {
    const port = await freePort();
    const [first, second] = [table(), table()];
    first.open([listener('127.0.0.1', port)], 1);
    first.commit();
    expect(second.open([listener('127.0.0.1', port)], 1)).toMatchObject({ error: { code: 'EADDRINUSE' } });
  });

  it('take a wildcard and an address of its port beside one another, and one after the other', async () => {
    const port = await freePort();
    const sockets = table();
    expect(sockets.open([listener('0.0.0.0', port), listener('127.0.0.1', port)], 1)).toBeUndefined();
    sockets.commit();
    expect(sockets.open([listener('127.0.0.1', port)], 1)).toBeUndefined();
    sockets.commit();
    sockets.closeDropped();
    expect(sockets.of(0, 1).map(({ key }) => key)).toEqual([`127.0.0.1:${port}`]);
    expect(sockets.open([listener('0.0.0.0', port)], 1)).toBeUndefined();
    sockets.abort();
  });

  it('of a dropped address stay until the workers have let go', async () => {
    const [gone, kept] = [await freePort(), await freePort()];
    const sockets = table();
    sockets.open([listener('127.0.0.1', gone), listener('127.0.0.1', kept)], 1);
    sockets.commit();
    sockets.open([listener('127.0.0.1', kept)], 1);
    sockets.commit();
    expect(await tries(gone)).toBe('connected');
    sockets.closeDropped();
    expect(await tries(gone)).toBe('ECONNREFUSED');
    expect(await tries(kept)).toBe('connected');
  });

  it('take over what a reload changes in their options', async () => {
    const port = await freePort();
    const sockets = table();
    sockets.open([listener('127.0.0.1', port)], 2);
    sockets.commit();
    const ids = sockets.of(0, 1).map(({ id }) => id);
    const changed = { backlog: 7, deferred: true, receiveBufferBytes: 32768, keepalive: 'on' as const };
    expect(sockets.open([listener('127.0.0.1', port, changed)], 2)).toBeUndefined();
    expect(sockets.commit()).toBeUndefined();
    expect(sockets.of(0, 1).map(({ id }) => id)).toEqual(ids);
  });
});
