import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { emptyFolder, freePort } from '../test/e2e/program.ts';
import {
  type Balancer,
  type BalancerOptions,
  type Configuration,
  createBalancer,
  type ErrorLine,
  HoldfastError,
} from './index.ts';

afterEach(() => {
  vi.useRealTimers();
});

async function started(configuration: Configuration, options: BalancerOptions = {}): Promise<Balancer> {
  const balancer = await createBalancer(configuration, options);
  onTestFinished(() => balancer.close());
  return balancer;
}

function answering(text: string, listen = '127.0.0.1:0'): string {
  return `http { server { listen ${listen}; location / { return 200 "${text}"; } } }`;
}

async function ask(balancer: Balancer, path = '/'): Promise<string> {
  return (await fetch(balancer.url + path)).text();
}

async function refusal(work: Promise<unknown>): Promise<HoldfastError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof HoldfastError)) throw new Error(`no refusal but ${String(error)}`);
  return error;
}

async function node(): Promise<{ readonly port: number }> {
  const server = createServer((_request, response) => response.end('from the node'));
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => socket.on('message', (bytes) => socket.send(String(bytes))));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const client of sockets.clients) client.terminate();
    server.close();
  });
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : 0 };
}

describe.each(['epoll', 'portable'] as const)('a balancer on the %s engine', (engine) => {
  it('takes text, with a port that the system chooses', async ({ skip }) => {
    const balancer = await started(answering('from text'), { engine });
    skip(balancer.engine !== engine, 'this engine cannot run here');
    expect(balancer.port).toBeGreaterThan(0);
    const url = `http://127.0.0.1:${balancer.port}`;
    expect(balancer.addresses).toEqual([{ host: '127.0.0.1', port: balancer.port, path: undefined, url }]);
    expect(balancer.url).toBe(url);
    expect(await ask(balancer)).toBe('from text');
  });

  it('takes an object that mirrors the directives, and proxies', async () => {
    const { port } = await node();
    const balancer = await started(
      {
        http: {
          upstream: { nodes: { server: [`127.0.0.1:${port} max_fails=0`] } },
          server: [
            {
              listen: 0,
              location: { '/': { proxy_pass: 'http://nodes' }, '= /own': { return: [[200, 'ours']] } },
            },
          ],
        },
      },
      { engine },
    );
    expect(await ask(balancer)).toBe('from the node');
    expect(await ask(balancer, '/own')).toBe('ours');
  });

  it('takes a file, and takes it over again after it has changed', async () => {
    const file = join(emptyFolder(), 'nginx.conf');
    writeFileSync(file, answering('one'));
    const balancer = await started({ file }, { engine, prefix: emptyFolder() });
    const { port } = balancer;
    expect(await ask(balancer)).toBe('one');
    writeFileSync(file, answering('two'));
    expect(await balancer.reload()).toMatchObject({ number: 2 });
    expect(await ask(balancer)).toBe('two');
    expect(balancer.port).toBe(port);
  });

  it('keeps a WebSocket through reloads and ends when that has closed', async () => {
    const { port } = await node();
    const text = `http { server { listen 127.0.0.1:0; location / { proxy_pass http://127.0.0.1:${port};
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; } } }`;
    const balancer = await started(text, { engine });
    const socket = new WebSocket(balancer.url.replace('http', 'ws'));
    await new Promise((resolve) => socket.once('open', resolve));
    await balancer.reload(answering('something else'));
    expect(await ask(balancer)).toBe('something else');
    socket.send('still here');
    expect(String(await new Promise((resolve) => socket.once('message', resolve)))).toBe('still here');
    let closed = false;
    const closing = balancer.close({ drain: true }).then(() => {
      closed = true;
    });
    socket.send('and here');
    await new Promise((resolve) => socket.once('message', resolve));
    expect(closed).toBe(false);
    socket.close();
    await closing;
  });

  it('is not stopped by fake timers', async () => {
    vi.useFakeTimers();
    const balancer = await started(answering('in real time'), { engine });
    expect(await ask(balancer)).toBe('in real time');
    await balancer.reload(answering('still'));
    expect(await ask(balancer)).toBe('still');
    await balancer.close({ drain: 50 });
  });

  it('turns clients away beyond worker_connections, once no idle one can give way', async () => {
    const balancer = await started(`events { worker_connections 3; } ${answering('ok')}`, { engine });
    const lines: ErrorLine[] = [];
    balancer.on('error-log', (line) => lines.push(line));
    const open = async (): Promise<Socket> => {
      const socket = connect(balancer.port, '127.0.0.1');
      onTestFinished(() => void socket.destroy());
      socket.on('error', () => undefined);
      await new Promise((resolve) => socket.once('connect', resolve));
      return socket;
    };
    const answered = async (socket: Socket): Promise<string> => {
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      return await new Promise((resolve) => {
        socket.once('data', (bytes) => resolve(String(bytes)));
        socket.once('close', () => resolve('closed'));
      });
    };
    const [idle, busy, other] = [await open(), await open(), await open()];
    expect(await answered(idle)).toContain('200 OK');
    const gone = new Promise((resolve) => idle.once('close', resolve));
    const fourth = await open();
    expect(await answered(fourth)).toContain('200 OK');
    await gone;
    fourth.write('G'); // no longer idle
    busy.write('G');
    other.write('G');
    await vi.waitFor(async () => expect(await answered(await open())).toBe('closed'));
    expect(lines.map(({ level, message }) => `${level} ${message}`)).toContain(
      'alert 3 worker_connections are not enough',
    );
  });
});

describe('a configuration that cannot be taken over', () => {
  it('rejects with every mistake and its place', async () => {
    const error = await refusal(createBalancer('http {\n  server { listn 80; }\n  nonsense;\n}'));
    expect(error.code).toBe('ERR_HOLDFAST_CONFIG');
    expect(error.mistakes).toMatchObject([
      { message: 'unknown directive "listn"', line: 2, column: 12, hint: 'did you mean "listen"?' },
      { message: 'unknown directive "nonsense"', line: 3, column: 3 },
    ]);
    expect(error.message).toContain('unknown directive "listn" in ');
  });

  it.each(['user nobody', 'daemon off', 'master_process off', 'worker_processes 2', 'pid x.pid', 'env A'])(
    'refuses "%s", which concerns a program of its own',
    async (line) => {
      const error = await refusal(createBalancer(`${line};\n${answering('x')}`));
      expect(error.mistakes).toMatchObject([
        { message: `"${line.split(' ')[0]}" directive is not allowed here`, line: 1 },
      ]);
    },
  );

  it('names a port that is in use', async () => {
    const first = await started(answering('first'));
    const error = await refusal(createBalancer(answering('second', `127.0.0.1:${first.port}`)));
    expect(error.code).toBe('ERR_HOLDFAST_BIND');
    expect(error.message).toContain(`bind() to 127.0.0.1:${first.port} failed (98: Address already in use)`);
  });

  it('names a log that cannot be opened', async () => {
    const error = await refusal(createBalancer(`error_log /proc/none/x.log; ${answering('x')}`));
    expect(error).toMatchObject({
      code: 'ERR_HOLDFAST_LOG',
      message: 'open() "/proc/none/x.log" failed (2: No such file or directory)',
    });
  });

  it('changes nothing at a reload, and the one before is taken over again', async () => {
    const balancer = await started(answering('good'));
    await refusal(balancer.reload('http { nonsense; }'));
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void taken.close());
    const address = taken.address();
    const port = typeof address === 'object' ? address?.port : 0;
    await refusal(balancer.reload(answering('elsewhere', `127.0.0.1:${port}`)));
    expect(await ask(balancer)).toBe('good');
    await balancer.reload();
    expect(await ask(balancer)).toBe('good');
  });
});

describe('what a balancer tells', () => {
  it('lines of its error log, where the configuration names none', async () => {
    const dead = await freePort();
    const balancer = await started(
      `http { server { listen 127.0.0.1:0; location / { proxy_pass http://127.0.0.1:${dead}; } } }`,
    );
    const heard = new Promise<ErrorLine>((resolve) => balancer.once('error-log', resolve));
    expect((await fetch(balancer.url)).status).toBe(502);
    expect(await heard).toMatchObject({
      level: 'error',
      message: expect.stringMatching(
        /^\*1 connect\(\) failed \(111: Connection refused\) while connecting to upstream, /,
      ),
    });
  });

  it('reloads, and its end once', async () => {
    const balancer = await started(answering('one'));
    const told: string[] = [];
    const onReload = ({ number }: { readonly number: number }): void => void told.push(`reload ${number}`);
    balancer.on('reload', onReload).on('close', () => told.push('close'));
    await balancer.reload(answering('two'));
    balancer.off('reload', onReload);
    await balancer.reload(answering('three'));
    await Promise.all([balancer.close(), balancer.close({ drain: true }), balancer[Symbol.asyncDispose]()]);
    expect(told).toEqual(['reload 2', 'close']);
    expect((await refusal(balancer.reload())).code).toBe('ERR_HOLDFAST_CLOSED');
  });
});

describe('what a balancer leaves on the disk', () => {
  it('is nothing that the configuration does not name', async () => {
    const prefix = emptyFolder();
    const balancer = await started(answering('ok'), { prefix });
    await ask(balancer);
    await balancer.close();
    expect(existsSync(join(prefix, 'logs'))).toBe(false);
  });

  it('is the logs that it names, with every line', async () => {
    const prefix = emptyFolder();
    const text = `error_log logs/error.log; http { access_log logs/access.log; server { listen 127.0.0.1:0; return 200 ok; } }`;
    const balancer = await started(text, { prefix });
    await ask(balancer, '/here');
    await balancer.close();
    expect(readFileSync(join(prefix, 'logs', 'access.log'), 'latin1')).toContain(
      '"GET /here HTTP/1.1" 200 2 ',
    );
  });

  it('is no file of a Unix socket after its end', async () => {
    const prefix = emptyFolder();
    const balancer = await started(answering('ok', `unix:${prefix}/a.sock`), { prefix });
    const [address] = balancer.addresses;
    const path = `${prefix}/a.sock`;
    expect([existsSync(path), address]).toEqual([true, { host: '', port: 0, path, url: undefined }]);
    expect(() => balancer.url).toThrow('listens on no port');
    await balancer.close();
    expect(existsSync(path)).toBe(false);
  });
});
