// Workers: who gets the clients, what becomes of theirs when one dies or there are more or fewer of them, what they are allowed.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { curl, openSocket, type Talker } from './clients.ts';
import { startNode } from './nodes.ts';
import { emptyFolder, freePort, isAlive, type Program, startProgram, until } from './program.ts';

const IS_ROOT = process.getuid?.() === 0;

function workersOf(program: Program): number[] {
  return program.processes().filter((pid) => pid !== program.pid);
}

/** `/` answers with the worker's number, `/chat` is a WebSocket to a node. */
async function begin(main: string, port: number): Promise<{ program: Program; text(main: string): string }> {
  const node = await startNode('node-a', await freePort());
  const text = (lines: string): string => `${lines}
    http {
      access_log off;
      server {
        listen ${port};
        location / { return 200 $pid; }
        location /chat {
          proxy_pass http://127.0.0.1:${node.port};
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection upgrade;
        }
      }
    }`;
  return { program: await startProgram(text(main)), text };
}

/** One request on a connection of its own: the answer's body, or the code of what went wrong. */
function ask(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let got = '';
    socket.on('connect', () => socket.write('GET / HTTP/1.0\r\n\r\n'));
    socket.on('data', (bytes) => {
      got += bytes;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
    socket.on('close', () => resolve(got.split('\r\n\r\n')[1] ?? 'closed'));
  });
}

async function askMany(port: number, count: number): Promise<Map<string, number>> {
  const answers = new Map<string, number>();
  for (let i = 0; i < count; i += 50) {
    for (const answer of await Promise.all(Array.from({ length: 50 }, () => ask(port)))) {
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
    }
  }
  return answers;
}

/** Connected, and the request sent; the answer is waited for later. */
async function send(port: number): Promise<{ readonly answer: Promise<string> }> {
  const socket: Socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  const answer = new Promise<string>((resolve) => {
    socket.once('data', (bytes) => resolve(String(bytes)));
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
    socket.once('close', () => resolve('closed'));
  });
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.write('GET / HTTP/1.0\r\n\r\n');
  return { answer };
}

async function openSockets(port: number, count: number): Promise<Talker[]> {
  const talkers = await Promise.all(
    Array.from({ length: count }, () => openSocket(`ws://127.0.0.1:${port}/chat`)),
  );
  for (const talker of talkers) await talker.hear();
  return talkers;
}

async function echoes(talker: Talker, text: string): Promise<void> {
  talker.say(text);
  expect(await talker.hear()).toBe(text);
}

describe('two workers', () => {
  it('share 1,000 connections, neither below 40 %', async () => {
    const port = await freePort();
    const { program } = await begin('worker_processes 2;', port);
    const counts = await askMany(port, 1000);
    expect([...counts.keys()].sort()).toEqual(workersOf(program).map(String).sort());
    expect(Math.min(...counts.values())).toBeGreaterThanOrEqual(400);
  });

  it('do not share their fate: when one is killed the sockets of the other live on', async () => {
    const port = await freePort();
    const { program } = await begin('worker_processes 2;', port);
    const talkers = await openSockets(port, 40);
    const [victim = 0, other] = workersOf(program);
    process.kill(victim, 'SIGKILL');
    await until(() => talkers.some(({ closed }) => closed !== undefined), 'closes');
    await until(
      () => workersOf(program).length === 2 && !workersOf(program).includes(victim),
      'a new worker',
    );
    const alive = talkers.filter(({ closed }) => closed === undefined);
    expect(alive.length).toBeGreaterThan(5);
    expect(alive.length).toBeLessThan(35);
    for (const talker of alive) await echoes(talker, 'unharmed');
    expect(workersOf(program)).toContain(other);
  });

  it('accept on one Unix socket together, whose file goes with the program', async () => {
    const path = join(emptyFolder(), 'a.sock');
    const program = await startProgram(
      `worker_processes 2; http { server { listen unix:${path}; return 200 $pid; } }`,
    );
    expect(workersOf(program).map(String)).toContain(await curl('--unix-socket', path, 'http://x/'));
    expect(statSync(path).mode & 0o777).toBe(0o666);
    program.signal('SIGQUIT');
    await until(() => !isAlive(program.pid), 'the end');
    expect(() => statSync(path)).toThrow(/ENOENT/);
  });
});

describe('a worker that dies', () => {
  it('leaves its queue to its successor', async () => {
    const port = await freePort();
    const { program } = await begin('worker_processes 1;', port);
    const [worker = 0] = workersOf(program);
    process.kill(worker, 'SIGSTOP');
    const waiting = await Promise.all(Array.from({ length: 20 }, () => send(port)));
    process.kill(worker, 'SIGKILL');
    const answers = await Promise.all(waiting.map(({ answer }) => answer));
    const [successor] = workersOf(program);
    expect(answers.filter((answer) => !answer.endsWith(`\r\n\r\n${successor}`))).toEqual([]);
  });

  it('again and again is replaced once a second after the third time', async () => {
    const port = await freePort();
    const { program } = await begin('worker_processes 1;', port);
    const began = Date.now();
    for (let kill = 1; kill <= 6; kill++) {
      const before = workersOf(program);
      const [worker = 0] = before;
      process.kill(worker, 'SIGKILL');
      await until(() => workersOf(program).some((pid) => !before.includes(pid)), `successor ${kill}`);
      await until(async () => (await ask(port)) !== 'ECONNREFUSED', 'an answer');
    }
    // Three at once, three more a second apart; a slow machine takes longer anyway.
    expect(Date.now() - began).toBeGreaterThan(2000);
  });
});

describe('more and fewer workers', () => {
  it('lose nobody who is connected, connecting or waiting', async () => {
    const port = await freePort();
    const { program, text } = await begin('worker_processes 1;', port);
    const talkers = await openSockets(port, 20);
    const asking = { going: true };
    const asked = Promise.all(
      Array.from({ length: 8 }, async () => {
        const answers: string[] = [];
        while (asking.going) answers.push(await ask(port));
        return answers;
      }),
    );
    for (const count of [4, 2, 3, 1]) {
      await program.configure(text(`worker_processes ${count};`));
      program.signal('SIGHUP');
      await until(
        async () =>
          [...(await askMany(port, 100)).keys()].filter((each) => /^\d+$/.test(each)).length === count,
        `${count} workers that answer`,
      );
    }
    asking.going = false;
    const answers = (await asked).flat();
    expect(answers.length).toBeGreaterThan(100);
    expect(answers.filter((answer) => !/^\d+$/.test(answer))).toEqual([]);
    for (const talker of talkers) await echoes(talker, 'still here');
    for (const talker of talkers) talker.socket.close();
    await until(() => workersOf(program).length === 1, 'the end of those that are too many');
  }, 60_000);

  it('leave no descriptor behind', async () => {
    const port = await freePort();
    const { program, text } = await begin('worker_processes 2;', port);
    const descriptors = (): number =>
      program.processes().reduce((sum, pid) => sum + readdirSync(`/proc/${pid}/fd`).length, 0);
    const go = async (main: string, count: number): Promise<void> => {
      await program.configure(text(main));
      program.signal('SIGHUP');
      await until(() => workersOf(program).length === count, `${count} workers`);
      await until(async () => (await askMany(port, 50)).size === count, 'their answers');
    };
    await go('worker_processes 3;', 3);
    await go('worker_processes 2;', 2);
    const before = descriptors();
    for (let round = 0; round < 3; round++) {
      await go('worker_processes 3;', 3);
      await go('worker_processes 2;', 2);
    }
    await until(() => descriptors() === before, `${before} descriptors, not ${descriptors()}`);
  }, 60_000);
});

describe('a worker whose master has vanished', () => {
  it('takes nobody new, and ends when those that it has are gone', async () => {
    const port = await freePort();
    const { program } = await begin('worker_processes 1;', port);
    const [talker] = await openSockets(port, 1);
    const [worker = 0] = workersOf(program);
    process.kill(program.pid, 'SIGKILL');
    onTestFinished(() => {
      if (isAlive(worker)) process.kill(worker, 'SIGKILL');
    });
    await until(async () => (await ask(port)) === 'ECONNREFUSED', 'the end of the listener');
    if (talker === undefined) throw new Error('no socket');
    await echoes(talker, 'nobody watches over me');
    expect(isAlive(worker)).toBe(true);
    talker.socket.close();
    await until(() => !isAlive(worker), 'the end of the worker');
  });
});

describe('what a worker is', () => {
  it('nobody where the master is root and the file names no user, with the limits of the file', async ({
    skip,
  }) => {
    skip(!IS_ROOT, 'root alone changes users and raises limits');
    const port = await freePort();
    const { program } = await begin(
      'worker_rlimit_nofile 1234; worker_priority 5; env KEPT; env GIVEN=value;',
      port,
    );
    const [worker = 0] = workersOf(program);
    const proc = (name: string): string => readFileSync(`/proc/${worker}/${name}`, 'latin1');
    expect(proc('status')).toMatch(/^Uid:\s+65534\s+65534\s+65534/m);
    expect(proc('limits')).toMatch(/^Max open files\s+1234\s+1234/m);
    expect(proc('stat').slice(proc('stat').lastIndexOf(')')).split(' ')[17]).toBe('5');
    expect(proc('environ').split('\0')).toContain('GIVEN=value');
    expect(proc('environ')).not.toContain('HOME=');
    expect(proc('cmdline').replaceAll('\0', ' ')).toMatch(/^holdfast: worker process *$/);
    expect(readFileSync(`/proc/${program.pid}/cmdline`, 'latin1')).toMatch(/^holdfast: master process /);
  });

  it('the owner of its logs once they were reopened, and of its folders', async ({ skip }) => {
    skip(!IS_ROOT, 'root alone changes users');
    const port = await freePort();
    const program = await startProgram(
      `http { server { listen ${port}; location / { proxy_pass http://127.0.0.1:1; } } }`,
    );
    const owner = (path: string): number => statSync(join(program.folder, path)).uid;
    expect(owner('client_body_temp')).toBe(65534);
    expect(owner('proxy_temp')).toBe(65534);
    expect(owner('logs/access.log')).toBe(0);
    program.signal('SIGUSR1');
    await until(() => owner('logs/access.log') === 65534, 'the new owner');
  });
});
