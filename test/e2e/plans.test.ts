// Plans over reloads: an exchange ends under the plan in which it began, a connection goes on under the next, worker_shutdown_timeout
// cuts what is older, and the log tells truthfully when an old plan is gone. At most two are in memory.
import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openSocket } from './clients.ts';
import { startNode } from './nodes.ts';
import { freePort, type Program, startProgram, until } from './program.ts';

const NOTICES = 'error_log logs/error.log notice;';

function linesOf(program: Program, pattern: RegExp): string[] {
  return program
    .read('logs/error.log')
    .split('\n')
    .filter((line) => pattern.test(line));
}

async function reload(program: Program, text: string): Promise<void> {
  const before = linesOf(program, /reconfigured: /).length;
  await program.configure(text);
  program.signal('SIGHUP');
  await until(() => linesOf(program, /reconfigured: /).length > before, 'the reload');
}

/** A client that sees what comes as text. */
async function client(port: number): Promise<{ readonly socket: Socket; text(): string; closed(): boolean }> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  let text = '';
  let closed = false;
  socket.on('data', (bytes) => {
    text += bytes;
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    closed = true;
  });
  await new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return { socket, text: () => text, closed: () => closed };
}

/** A node whose answer is held back until the test lets it go. */
async function slowNode(): Promise<{ readonly port: number; readonly asked: () => number; answer(): void }> {
  const waiting: (() => void)[] = [];
  let asked = 0;
  const server = createServer((_request, response) => {
    asked++;
    waiting.push(() => response.end('late'));
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    port,
    asked: () => asked,
    answer: () => {
      for (const each of waiting.splice(0)) each();
    },
  };
}

describe('an exchange under way at a reload', () => {
  it('ends under its own plan; the connection goes on under the next; then the old plan is retired', async () => {
    const [port, node] = [await freePort(), await slowNode()];
    const text = (name: string): string => `${NOTICES}
      http { server { listen ${port}; add_header X-Plan ${name}; access_log logs/${name}.log;
        location / { proxy_pass http://127.0.0.1:${node.port}; } location /now { return 200 now; } } }`;
    const program = await startProgram(text('first'));
    const { socket, text: heard } = await client(port);
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await until(() => node.asked() === 1, 'the request at the node');
    await reload(program, text('second'));
    expect(linesOf(program, /plan 1 retired/)).toEqual([]);
    node.answer();
    await until(() => heard().includes('late'), 'the answer');
    expect(heard()).toContain('X-Plan: first');
    await until(() => linesOf(program, /plan 1 retired/).length === 1, 'the end of the old plan');
    expect(linesOf(program, /plan 1 retired/)[0]).toMatch(
      /\[notice\] (\d+)#\1: worker process \1: plan 1 retired \(nginx: exited with code 0\)$/,
    );
    socket.write('GET /now HTTP/1.1\r\nHost: x\r\n\r\n');
    await until(() => heard().endsWith('now'), 'the next answer');
    expect(heard()).toContain('X-Plan: second');
    await until(() => program.read('logs/second.log') !== '', 'the line of the second');
    expect(program.read('logs/first.log')).toContain('"GET / HTTP/1.1" 200');
    expect(program.read('logs/second.log')).toContain('"GET /now HTTP/1.1" 200');
  });

  it('is told of once by each worker', async () => {
    const port = await freePort();
    const text = `worker_processes 2; ${NOTICES} http { server { listen ${port}; } }`;
    const program = await startProgram(text);
    for (let number = 1; number <= 3; number++) {
      await reload(program, text);
      await until(() => linesOf(program, new RegExp(`plan ${number} retired`)).length === 2, 'both lines');
    }
    expect(linesOf(program, /retired/)).toHaveLength(6);
  });

  it('ends with worker_shutdown_timeout of the plan that was left, and what is younger does not', async () => {
    const [port, node, slow] = [
      await freePort(),
      await startNode('node-a', await freePort()),
      await slowNode(),
    ];
    const text = (main: string): string => `${main} ${NOTICES}
      http { access_log logs/access.log; server { listen ${port}; location / { proxy_pass http://127.0.0.1:${slow.port}; }
        location /chat { proxy_pass http://127.0.0.1:${node.port}; proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection upgrade; } } }`;
    const program = await startProgram(text('worker_shutdown_timeout 1s;'));
    const old = await openSocket(`ws://127.0.0.1:${port}/chat`);
    await old.hear();
    const waiting = await client(port);
    waiting.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    const begun = await client(port);
    begun.socket.write('GET / HT');
    await until(() => slow.asked() === 1, 'the request at the node');
    const since = Date.now();
    await reload(program, text('worker_shutdown_timeout 1h;'));
    const young = await openSocket(`ws://127.0.0.1:${port}/chat`);
    await young.hear();
    await until(() => old.closed !== undefined && waiting.closed() && begun.closed(), 'the ends');
    expect(Date.now() - since).toBeGreaterThan(950);
    await until(() => linesOf(program, /plan 1 retired/).length === 1, 'the end of the old plan');
    young.say('younger');
    expect(await young.hear()).toBe('younger');
    expect(program.read('logs/access.log')).toMatch(/"GET \/chat HTTP\/1\.1" 101 /);
  });
});

describe('reloads', () => {
  it('that come during one make one more', async () => {
    const port = await freePort();
    const text = (answer: string): string =>
      `${NOTICES} http { server { listen ${port}; return 200 ${answer}; } }`;
    const program = await startProgram(text('one'));
    for (let i = 0; i < 20; i++) program.signal('SIGHUP');
    await program.configure(text('last'));
    program.signal('SIGHUP');
    const heard = async (): Promise<string> => {
      const { socket, text: all } = await client(port);
      socket.write('GET / HTTP/1.0\r\n\r\n');
      await until(() => all().includes('\r\n\r\n'), 'an answer');
      return all();
    };
    await until(async () => (await heard()).endsWith('last'), 'the last file');
    expect(linesOf(program, /reconfigured: /).length).toBeLessThan(8);
  });

  it('that cannot have an address change nothing and say which', async () => {
    const [port, taken, further] = [await freePort(), await freePort(), await freePort()];
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(taken, '127.0.0.1', resolve));
    onTestFinished(() => void other.close());
    const text = (listen: string): string =>
      `${NOTICES} http { access_log logs/new.log; server { ${listen} } }`;
    const program = await startProgram(text(`listen ${port};`));
    await program.configure(text(`listen ${further}; listen 127.0.0.1:${taken};`));
    program.signal('SIGHUP');
    await until(() => linesOf(program, /still could not bind/).length > 0, 'the refusal');
    expect(linesOf(program, /\[emerg\].*bind\(\) to/)[0]).toContain(
      `bind() to 127.0.0.1:${taken} failed (98: Address already in use)`,
    );
    await until(() => linesOf(program, /plan 1 stays in force/).length === 1, 'the old plan');
    await client(port);
    await expect(client(further)).rejects.toThrow();
    // A worker may answer late for the plan that was given up: the next has another number.
    await program.configure(text(`listen ${port};`));
    program.signal('SIGHUP');
    await until(() => linesOf(program, /plan 3 is in force/).length === 1, 'the third plan');
  });

  it('warn of what they cannot change, with its line', async () => {
    const port = await freePort();
    const text = `${NOTICES}\nhttp { server { listen ${port}; } }`;
    const program = await startProgram(text);
    await reload(program, `${text}\npid logs/other.pid;\ndaemon off;`);
    expect(linesOf(program, /could not be changed/).map((line) => line.replace(/^.*: "/, '"'))).toEqual([
      expect.stringMatching(/^"daemon" could not be changed by a reload, kept as it was in .*nginx\.conf:4 /),
      expect.stringMatching(/^"pid" could not be changed by a reload, kept as it was in .*nginx\.conf:3 /),
    ]);
    expect(program.read('logs/nginx.pid')).toBe(`${program.pid}\n`);
  });

  it('of a file of 1,000 servers leave at most two plans in memory', async () => {
    const [port, node] = [await freePort(), await startNode('node-a', await freePort())];
    const servers = Array.from(
      { length: 1000 },
      (_, i) => `server { listen ${port}; server_name s${i}.test; location / { return 200 s${i}; }
        location /chat { proxy_pass http://127.0.0.1:${node.port}; proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection upgrade; } }`,
    );
    const text = `worker_processes 2; ${NOTICES} http { ${servers.join('\n')} }`;
    const program = await startProgram(text, { env: { HOLDFAST_COUNT_PLANS: '1' } });
    const counts = (): number[] =>
      linesOf(program, /plans alive/).map((line) => Number(/: (\d+) plans alive/.exec(line)?.[1]));
    for (let number = 1; number <= 6; number++) {
      const talker = await openSocket(`ws://127.0.0.1:${port}/chat`);
      await talker.hear();
      await reload(program, text);
      await until(() => counts().length === 2 * (number + 1), 'the counts');
      talker.say('still here');
      expect(await talker.hear()).toBe('still here');
    }
    console.log(`plans alive after each of 6 reloads of 1,000 servers, two workers: ${counts().join(' ')}`);
    expect(Math.max(...counts())).toBeLessThanOrEqual(2);
  }, 120_000);
});
