// Logs that cannot be written: a full disk, a pipe that nobody reads or whose reader has gone. Requests are answered all the same, the
// error log says it, and what can be kept is written when there is room again.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, existsSync, openSync, readSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { needsLinux, skipCasesWhere } from '../support/skip.ts';
import { curl } from './clients.ts';
import { emptyFolder, freePort, IS_NGINX, type Program, ROOT, startProgram, until } from './program.ts';

const FULL = 'failed (28: No space left on device)';

async function begin(
  logs: string,
  main = '',
): Promise<{ program: Program; ask(path?: string): Promise<string> }> {
  const port = await freePort();
  const program = await startProgram(
    `worker_processes 1; ${main} http { ${logs} server { listen ${port}; location / { return 200 fine; } location /no { deny all; } } }`,
  );
  return { program, ask: (path = '/') => curl(`http://127.0.0.1:${port}${path}`) };
}

describe('what has no effect', () => {
  skipCasesWhere(IS_NGINX, 'nginx has uses for what has none here');

  it.each(['on', 'off'])(
    'is said once at info when the program starts, with master_process %s',
    async (master) => {
      const listen = `listen ${await freePort()};`;
      const program = await startProgram(
        `master_process ${master}; error_log logs/error.log info; events { multi_accept on; }
       http { access_log off; sendfile on; proxy_next_upstream error error; server { ${listen} } }`,
      );
      const said = (text: string): number => program.read('logs/error.log').split(text).length - 1;
      program.signal('SIGHUP');
      await until(() => said('] ') > 0 && said(': reconfigured') > 0, 'the reload');
      expect(said('[info] ')).toBe(2);
      expect(program.read('logs/error.log')).toMatch(
        /\[info\] \d+#\d+: "sendfile" has no effect .*, in \S+nginx\.conf:2\n/,
      );
      expect(said('"multi_accept" has no effect')).toBe(1);
      expect(said('[warn] ')).toBe(2); // the start's and the reload's
      expect(said('duplicate value "error" in ')).toBe(2);
    },
  );
});

describe('a log that cannot be written', () => {
  needsLinux('/dev/full, and FIFOs as logs');
  skipCasesWhere(IS_NGINX, 'nginx says other things of such logs');

  it('to a full disk is told of in the error log, once', async () => {
    const { program, ask } = await begin('access_log /dev/full;');
    const lines = (): string[] =>
      program
        .read('logs/error.log')
        .split('\n')
        .filter((line) => line.includes(`write() to "/dev/full" ${FULL}`));
    for (let i = 0; i < 5; i++) expect(await ask()).toBe('fine');
    await until(() => lines().length > 0, 'the alert');
    for (let i = 0; i < 5; i++) expect(await ask()).toBe('fine');
    expect(lines()).toHaveLength(1);
    expect(lines()[0]).toMatch(/\[alert\] (\d+)#\1: write\(\)/);
  });

  it('is told of in another one where it is the error log itself', async () => {
    const { program, ask } = await begin(
      'access_log off;',
      'error_log /dev/full; error_log logs/second.log;',
    );
    expect(await ask('/no')).toContain('403');
    await until(
      () => program.read('logs/second.log').includes(`write() to "/dev/full" ${FULL}`),
      'the alert',
    );
    expect(program.read('logs/second.log')).toContain('access forbidden by rule');
    expect(await ask()).toBe('fine');
  });

  it('is told of when the program ends, with the number of lines', async () => {
    const { program, ask } = await begin('access_log /dev/full;');
    for (let i = 0; i < 5; i++) expect(await ask()).toBe('fine');
    await program.stop();
    expect(program.read('logs/error.log')).toContain(
      `write() to "/dev/full" ${FULL}; lines lost in all: 5\n`,
    );
  });

  it('goes on in its new file when a full one was moved away', async () => {
    const { program, ask } = await begin('access_log logs/access.log;');
    const log = join(program.folder, 'logs/access.log');
    await rename(log, `${log}.1`);
    execFileSync('ln', ['-s', '/dev/full', log]);
    program.signal('SIGUSR1');
    await until(async () => {
      await ask();
      return program.read('logs/error.log').includes(`write() to "${log}" ${FULL}`);
    }, 'the alert');
    await rename(log, `${log}.2`);
    program.signal('SIGUSR1');
    await until(() => program.read('logs/access.log').includes('"GET / HTTP/1.1" 200'), 'what was kept');
  });

  it('because nobody reads standard output holds up no request', async () => {
    const folder = emptyFolder();
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const output = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
    onTestFinished(() => closeSync(output));
    const shared = openSync(pipe, constants.O_RDWR);
    const port = await freePort();
    await writeFile(
      join(folder, 'nginx.conf'),
      `worker_processes 1; daemon off; pid test.pid; error_log error.log;
       http { log_format long ${'x'.repeat(2_000)}; access_log /dev/stdout long; server { listen ${port}; return 200 fine; } }`,
    );
    const child = spawn(
      process.execPath,
      [join(ROOT, 'bin', 'holdfast'), '-p', `${folder}/`, '-e', 'error.log'],
      {
        stdio: ['ignore', shared, 'ignore'],
        env: { ...process.env, HOLDFAST_CHECKED: '1' },
      },
    );
    closeSync(shared);
    const ended = once(child, 'exit');
    onTestFinished(async () => {
      child.kill();
      await ended;
    });
    await until(() => existsSync(join(folder, 'test.pid')), 'the start');
    for (let i = 0; i < 60; i++) expect(await curl(`http://127.0.0.1:${port}/`)).toBe('fine');
    expect(readSome(output).length).toBeGreaterThan(60_000);
  });

  it('because the reader of its pipe has gone keeps its lines for the next one', async () => {
    const pipe = join(emptyFolder(), 'pipe');
    execFileSync('mkfifo', ['-m', '666', pipe]);
    const first = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    const { program, ask } = await begin(`access_log ${pipe};`);
    expect(await ask()).toBe('fine');
    closeSync(first);
    await until(async () => {
      expect(await ask()).toBe('fine');
      return program.read('logs/error.log').includes(`write() to "${pipe}" failed (32: Broken pipe)`);
    }, 'the alert');
    const next = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    onTestFinished(() => closeSync(next));
    await until(() => readSome(next).includes('"GET / HTTP/1.1" 200'), 'a line');
  });
});

function readSome(fd: number): string {
  const bytes = Buffer.alloc(65_536);
  try {
    return bytes.toString('latin1', 0, readSync(fd, bytes));
  } catch {
    return ''; // nothing there yet
  }
}
