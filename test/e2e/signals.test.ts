// Signals and the life of the processes: what a reload changes and whom it leaves alone, how each way of stopping treats an open
// WebSocket, that a worker is replaced, and that a start that cannot be says why.
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { curl, openSocket, type Talker } from './clients.ts';
import { startNode } from './nodes.ts';
import { canBind, freePort, IS_NGINX, isAlive, type Program, startProgram, until } from './program.ts';

interface Running {
  readonly program: Program;
  readonly port: number;
  configureWith(answer: string, more?: string): Promise<void>;
  ask(): Promise<string>;
  open(): Promise<Talker>;
}

/** `/` answers with a fixed text, `/chat` is a WebSocket to a node. */
async function begin(main = '', more = ''): Promise<Running> {
  const port = await freePort();
  const node = await startNode('node-a', await freePort());
  const text = (answer: string, extra: string): string => `${main}
    http {
      server {
        listen ${port};
        location / { return 200 ${answer}; }
        location /chat {
          proxy_pass http://127.0.0.1:${node.port};
          proxy_http_version 1.1;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection upgrade;
        }
        ${extra}
      }
    }`;
  const program = await startProgram(text('first', more));
  return {
    program,
    port,
    configureWith: (answer, extra = '') => program.configure(text(answer, extra)),
    ask: () => curl(`http://127.0.0.1:${port}/`).catch((error: Error) => error.message),
    open: async () => {
      const talker = await openSocket(`ws://127.0.0.1:${port}/chat`);
      await talker.hear();
      return talker;
    },
  };
}

async function echoes(talker: Talker, text: string): Promise<void> {
  talker.say(text);
  expect(await talker.hear()).toBe(text);
}

describe('HUP', () => {
  it('brings the new file and leaves an open WebSocket alone', async () => {
    const { program, configureWith, ask, open } = await begin();
    const talker = await open();
    expect(await ask()).toBe('first');
    await configureWith('second');
    program.signal('SIGHUP');
    await until(async () => (await ask()) === 'second', 'the new answer');
    await echoes(talker, 'still the same connection');
  });

  it('with a broken file changes nothing and says why', async () => {
    const { program, configureWith, ask, open } = await begin();
    const talker = await open();
    await configureWith('second', 'nonsense on;');
    program.signal('SIGHUP');
    await until(() => program.read('logs/error.log').includes('unknown directive "nonsense"'), 'the reason');
    expect(await ask()).toBe('first');
    await echoes(talker, 'still the same connection');
  });

  it('opens a listener that is new and closes one that is gone', async () => {
    const { program, configureWith, port } = await begin();
    const other = await freePort();
    await configureWith('second', `listen ${other};`);
    program.signal('SIGHUP');
    const at = (where: number): Promise<string> => curl(`http://127.0.0.1:${where}/`).catch(() => 'refused');
    await until(async () => (await at(other)) === 'second', 'the new listener');
    await until(async () => (await at(port)) === 'second', 'the new file at the old listener');
    await configureWith('third');
    program.signal('SIGHUP');
    await until(async () => (await at(other)) === 'refused', 'the end of the listener');
    await until(async () => (await at(port)) === 'third', 'the third file at the old listener');
  });
});

describe('USR1', () => {
  it('writes to a log of the old name after it was moved away', async () => {
    const { program, ask } = await begin();
    await ask();
    await until(() => program.read('logs/access.log') !== '', 'a log line');
    const log = join(program.folder, 'logs', 'access.log');
    await rename(log, `${log}.1`);
    program.signal('SIGUSR1');
    await until(async () => {
      await ask();
      return program.read('logs/access.log') !== '';
    }, 'the log made anew');
  });

  it.for(['on', 'off'])(
    'is not undone by a reload that had opened the old file before it came (master_process %s)',
    async (several, context) => {
      context.skip(IS_NGINX, 'nginx sleeps while it waits for an address');
      const { program, configureWith, ask } = await begin(
        `error_log logs/error.log notice; master_process ${several};`,
      );
      const taken = await freePort();
      const other = createServer().listen(taken, '127.0.0.1');
      await once(other, 'listening');
      const further = await freePort();
      await configureWith('second', `listen 127.0.0.1:${further}; listen 127.0.0.1:${taken};`);
      program.signal('SIGHUP');
      const waits = (): boolean => program.read('logs/error.log').includes('try again to bind()');
      await until(async () => waits() || !(await canBind(further)), 'the wait for the port');
      const log = join(program.folder, 'logs', 'access.log');
      await rename(log, `${log}.1`);
      program.signal('SIGUSR1');
      other.close();
      await until(() => existsSync(log), 'the log made anew');
      await until(async () => (await ask()) === 'second', 'the new plan');
      const worker = program.processes().find((pid) => pid !== program.pid);
      if (worker !== undefined) process.kill(worker, 'SIGKILL'); // the next one is given what the master has
      await until(
        async () => !program.processes().some((pid) => pid === worker) && (await ask()) === 'second',
        'the next one',
      );
      const before = program.read('logs/access.log');
      await ask();
      await until(() => program.read('logs/access.log') !== before, 'its line');
    },
  );
});

describe('stopping', () => {
  it.each(['on', 'off'])(
    'is not undone by a HUP, and QUIT may come twice (master_process %s)',
    async (several) => {
      const { program, ask, open } = await begin(
        `error_log logs/error.log notice; master_process ${several};`,
      );
      const talker = await open();
      program.signal('SIGQUIT');
      await until(async () => /refused|connect to/.test(await ask()), 'the end of the listener');
      program.signal('SIGHUP');
      program.signal('SIGQUIT');
      await until(() => program.read('logs/error.log').split('(SIGQUIT) received').length === 3, 'both');
      expect(await ask()).toMatch(/refused|connect to/);
      await echoes(talker, 'not yet');
      talker.socket.close(1000);
      await until(() => !isAlive(program.pid), 'the end');
      expect(program.read('logs/error.log').split(/: exit\n/)).toHaveLength(several === 'on' ? 3 : 2);
    },
  );

  it.for(['on', 'off'])(
    'takes over no plan that is being compiled when QUIT comes (master_process %s)',
    async (several, context) => {
      context.skip(IS_NGINX, 'nginx compiles in one go');
      const { program, configureWith, ask, open } = await begin(
        `error_log logs/error.log notice; master_process ${several};`,
      );
      const talker = await open();
      const port = await freePort();
      const servers = Array.from({ length: 2000 }, (_, i) => `server { listen ${port}; server_name s${i}; }`);
      await configureWith('second', `} ${servers.join('\n')} server { listen ${port}; server_name last;`);
      program.signal('SIGHUP');
      const log = (): string => program.read('logs/error.log');
      await until(() => log().includes(': reconfiguring'), 'the reload');
      program.signal('SIGQUIT');
      await until(() => /stays in force|reconfigured/.test(log()), 'its end');
      expect(log()).not.toContain('reconfigured');
      await until(async () => /refused|connect to/.test(await ask()), 'the end of the listener');
      await echoes(talker, 'not yet');
      talker.socket.close(1000);
      await until(() => !isAlive(program.pid), 'the end');
    },
  );

  it('QUIT takes no new client and waits for an open WebSocket', async () => {
    const { program, ask, open } = await begin();
    const talker = await open();
    program.signal('SIGQUIT');
    await until(async () => /refused|connect to/.test(await ask()), 'the end of the listener');
    await echoes(talker, 'not yet');
    expect(isAlive(program.pid)).toBe(true);
    talker.socket.close(1000);
    await until(() => !isAlive(program.pid), 'the end');
    expect(program.read('logs/nginx.pid')).toBe('');
    expect(program.read('logs/access.log')).toMatch(/"GET \/chat HTTP\/1\.1" 101 /);
  });

  it('QUIT closes what is open when worker_shutdown_timeout has passed', async () => {
    const { program, open } = await begin('worker_shutdown_timeout 1s;');
    const talker = await open();
    program.signal('SIGQUIT');
    await until(() => talker.closed !== undefined, 'the close');
    await until(() => !isAlive(program.pid), 'the end');
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('%s ends at once and closes what is open', async (signal) => {
    const { program, open } = await begin();
    const talker = await open();
    const processes = program.processes();
    program.signal(signal);
    await until(() => processes.every((pid) => !isAlive(pid)), 'the end', 3_000);
    await until(() => talker.closed !== undefined, 'the close');
    expect(program.read('logs/nginx.pid')).toBe('');
  });
});

describe('processes', () => {
  it('replaces a worker that was killed', async () => {
    const { program, ask } = await begin('worker_processes 1;');
    const [, worker] = program.processes();
    if (worker === undefined) throw new Error('no worker');
    process.kill(worker, 'SIGKILL');
    await until(
      () => program.processes().length === 2 && !program.processes().includes(worker),
      'a new worker',
    );
    await until(async () => (await ask()) === 'first', 'an answer');
    expect(program.read('logs/error.log')).toMatch(
      new RegExp(`\\[alert\\].*worker process ${worker} exited on signal 9`),
    );
  });

  it('serves from one process under master_process off', async () => {
    const port = await freePort();
    const text = `master_process off; http { server { listen ${port}; return 200 alone; } }`;
    const program = await startProgram(text);
    expect(await curl(`http://127.0.0.1:${port}/`)).toBe('alone');
    expect(program.processes()).toEqual([program.pid]);
  });

  it('a port in use is named, and nothing is left running', async () => {
    const { port } = await begin();
    const refusal = await startProgram(`http { server { listen ${port}; } }`).then(
      () => 'started',
      (error: Error) => error.message,
    );
    expect(refusal).toContain(`[emerg] bind() to 0.0.0.0:${port} failed (98: Address already in use)`);
  });
});

describe('signals that are refused', () => {
  it.each([
    ['SIGUSR2', 'signal 12 (SIGUSR2) received: upgrading the running program is not supported, ignored'],
    ['SIGWINCH', 'signal 28 (SIGWINCH) received: workers that stop accepting are not supported, ignored'],
  ] as const)('%s leaves a clear line and changes nothing', async (signal, line) => {
    const { program, ask } = await begin('error_log logs/error.log warn;');
    const processes = program.processes();
    program.signal(signal);
    await until(
      () => program.read('logs/error.log').includes(`[warn] ${program.pid}#${program.pid}: ${line}`),
      line,
    );
    expect(await ask()).toBe('first');
    expect(program.processes()).toEqual(processes);
  });
});

describe('a log on a full disk', () => {
  it('harms nobody', async ({ skip }) => {
    skip(IS_NGINX, 'of Holdfast alone');
    const { program, ask } = await begin('error_log /dev/full debug;', 'access_log /dev/full;');
    for (let i = 0; i < 20; i++) expect(await ask()).toBe('first');
    program.signal('SIGHUP');
    program.signal('SIGUSR1');
    for (let i = 0; i < 20; i++) expect(await ask()).toBe('first');
    program.signal('SIGQUIT');
    await until(() => !isAlive(program.pid), 'the end');
  });
});
