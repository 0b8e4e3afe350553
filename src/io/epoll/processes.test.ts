// What shows only between two processes: shared memory, inherited descriptors, the end of a process, other threads.
import { closeSync, openSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Address } from '../engine.ts';
import { isIoError } from '../io-error.ts';
import { isCloseOnExec, socketPair } from './descriptors.ts';
import { FdChannel } from './fd-channel.ts';
import { boundAddress, listenSocket } from './listen-socket.ts';
import { attachSharedMemory, createSharedMemory } from './shared-memory.ts';
import { LOOPBACK, made, madeEngine, output, Recorder, Transpiled } from './test-kit.ts';

let transpiled: Transpiled;

beforeAll(() => {
  transpiled = new Transpiled();
});

afterAll(() => {
  transpiled.remove();
});

describe('shared memory', () => {
  const ADDS = 200_000;

  it('counts what two processes add at the same time, and loses nothing', async () => {
    const memory = made(createSharedMemory('counters', 4096));
    const counters = new Int32Array(memory.buffer);
    expect(counters.every((each) => each === 0)).toBe(true);
    const child = transpiled.run(
      'adds',
      `import { attachSharedMemory } from './io/epoll/shared-memory.js';
       const counters = new Int32Array(attachSharedMemory(3, 4096));
       Atomics.store(counters, 1, 1);
       while (Atomics.load(counters, 2) === 0);
       for (let i = 0; i < ${ADDS}; i++) Atomics.add(counters, 0, 1);
       console.log('done');`,
      { stdio: ['ignore', 'pipe', 'pipe', memory.fd] },
    );
    const printed = output(child);
    while (Atomics.load(counters, 1) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    Atomics.store(counters, 2, 1);
    for (let i = 0; i < ADDS; i++) Atomics.add(counters, 0, 1);
    expect(await printed).toBe('done\n');
    expect(counters[0]).toBe(2 * ADDS);
    closeSync(memory.fd);
  });

  it('that is shorter than asked for is refused instead of killing who touches it', () => {
    const memory = made(createSharedMemory('small', 4096));
    expect(attachSharedMemory(memory.fd, 8192)).toMatchObject({ code: 'EINVAL' });
    expect(isIoError(attachSharedMemory(memory.fd, 4096))).toBe(false);
    closeSync(memory.fd);
    expect(attachSharedMemory(987, 10)).toMatchObject({ code: 'EBADF' });
    const file = openSync('/dev/null', 'r');
    expect(attachSharedMemory(file, 10)).toMatchObject({ code: 'EINVAL' });
    closeSync(file);
    expect(createSharedMemory('none', 0)).toMatchObject({ code: 'EINVAL' });
  });
});

describe('a child', () => {
  it('inherits a listening socket and a channel that are closed on exec here, and answers', async () => {
    const engine = madeEngine();
    const fd = made(listenSocket(LOOPBACK, {}));
    const address = boundAddress(fd);
    const [mine, childs] = made(socketPair());
    expect(isCloseOnExec(fd)).toBe(true);
    const child = transpiled.run(
      'serves',
      `import { epollEngine } from './io/epoll/epoll-engine.js';
       import { selfTest } from './io/epoll/self-test.js';
       import { FdChannel } from './io/epoll/fd-channel.js';
       if (selfTest() !== undefined) throw new Error(selfTest());
       const engine = epollEngine();
       const nothing = () => {};
       const served = { connected: nothing, writable: nothing, failed: nothing,
         received: (conn, bytes, start, end) => engine.send(conn, bytes, start, end),
         ended: (conn) => { engine.close(conn); } };
       engine.adoptListener(3, ${JSON.stringify(address)}, { accepted: () => served, acceptFailed: nothing });
       const channel = FdChannel.open(engine, 4, {
         message: (bytes, fds) => { engine.adopt(fds[0], served); channel.send(new Uint8Array(7)); },
         closed: () => engine.destroy() });`,
      { stdio: ['ignore', 'pipe', 'pipe', fd, childs] },
    );
    const printed = output(child);
    closeSync(fd);
    closeSync(childs);
    const side = new Recorder();
    const conn = engine.connect(address, {}, side);
    await side.until(() => side.has('connected'));
    engine.send(conn, Buffer.from('inherited'), 0, 9);
    await side.until(() => side.text === 'inherited');

    let answered = 0;
    const channel = made(
      FdChannel.open(engine, mine, {
        message: (bytes) => {
          answered = bytes.length;
        },
        closed: () => undefined,
      }),
    );
    const [kept, given] = made(socketPair());
    const other = new Recorder();
    const live = made(engine.adopt(kept, other));
    channel.send(new Uint8Array(1), [given], true);
    await side.until(() => answered === 7);
    engine.send(live, Buffer.from('handed over'), 0, 11);
    await other.until(() => other.text === 'handed over');
    channel.close();
    expect(await printed).toBe(''); // nothing keeps the child once its engine has ended
    engine.destroy();
  });

  it('leaves with 0 by itself when its engine has ended, and when it exits with one at work', async () => {
    const code = (end: string): string =>
      `import { epollEngine } from './io/epoll/epoll-engine.js';
       import { selfTest } from './io/epoll/self-test.js';
       selfTest();
       const engine = epollEngine();
       engine.timers.arm(engine.timers.add({ expired: () => { ${end} } }), engine.now() + 20);`;
    const children = [code('engine.destroy()'), code('process.exit(0)')].map((text, i) =>
      output(transpiled.run(`ends-${i}`, text, { stdio: ['ignore', 'pipe', 'pipe'] })),
    );
    expect(await Promise.all(children)).toEqual(['', '']);
  });

  it('gets the portable engine and the reason where native calls cannot be had', async () => {
    const print = `import { chooseEngine, engineChoice } from './io/choose.js';
      const choice = chooseEngine();
      choice.engine.destroy();
      console.log(JSON.stringify([choice.kind, choice.degraded, choice.reason, engineChoice('portable').kind]));`;
    const thread = `import { Worker } from 'node:worker_threads';
      new Worker(new URL('./chooses.js', import.meta.url));`;
    const run = async (name: string, code: string, flags: string[], env = {}): Promise<unknown[]> => {
      const options = { stdio: 'pipe', env: { ...process.env, HOLDFAST_ENGINE: '', ...env } } as const;
      return JSON.parse(await output(transpiled.run(name, code, options, flags))) as unknown[];
    };
    expect(await run('chooses', print, [])).toEqual(['epoll', false, 'it passed its self-test', 'portable']);
    const refused = await run('chooses', print, ['--no-addons']);
    expect(refused.slice(0, 2)).toEqual(['portable', true]);
    const limits = `import { raiseDescriptors, closeDescriptor } from './io/epoll/descriptors.js';
      import { listenSocket } from './io/epoll/listen-socket.js';
      import { createSharedMemory } from './io/epoll/shared-memory.js';
      const all = [raiseDescriptors(), closeDescriptor(9), createSharedMemory('x', 9),
        listenSocket({ family: 4, host: '127.0.0.1', port: 0 }, {})];
      console.log(JSON.stringify(all.map((each) => each.code)));`;
    expect(await run('limits', limits, ['--no-addons'])).toEqual(Array(4).fill('ENOSYS'));
    expect(refused[2]).toMatch(/^the epoll engine cannot run: native calls are not available: /);
    const inThread = await run('thread', thread, []);
    expect(inThread[2]).toMatch(/worker thread/);
    const asked = await run('chooses', print, [], { HOLDFAST_ENGINE: 'portable' });
    expect(asked.slice(0, 3)).toEqual(['portable', false, 'HOLDFAST_ENGINE asks for it']);
    const odd = await run('chooses', print, [], { HOLDFAST_ENGINE: 'fast' });
    expect(odd[0]).toBe('epoll');
    expect(odd[2]).toMatch(/HOLDFAST_ENGINE is "fast"/);
  });
});

describe('addresses of a child', () => {
  it('are those that the socket is bound to', () => {
    const fd = made(listenSocket({ family: 6, host: '::1', port: 0 } satisfies Address, {}));
    expect(boundAddress(fd)).toMatchObject({ family: 6, host: '::1' });
    closeSync(fd);
  });
});
