import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
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

/** A request with a Host of its own; fetch would not send it. */
function askAs(host: string, port = 0): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    connect(port, '127.0.0.1')
      .on('data', (bytes) => {
        text += String(bytes);
      })
      .on('close', () => resolve(text))
      .end(`GET / HTTP/1.0\r\nHost: ${host}\r\n\r\n`);
  });
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

  it('has a port for each address that is written with port 0, and keeps it', async () => {
    const text = (more: string): string => `http {
      server { listen 0; listen [::1]:0; listen 127.0.0.1:0; server_name a; return 200 a$server_port; }
      server { listen 127.0.0.1:0; server_name b; return 200 b${more}; } }`;
    const balancer = await started(text(''), { engine });
    const { addresses } = balancer;
    expect(addresses.map(({ host }) => host)).toEqual(['0.0.0.0', '::1', '127.0.0.1']);
    expect(new Set(addresses.map(({ port }) => port)).size).toBe(3);
    for (const { url, port } of addresses) {
      expect(await (await fetch(url ?? '')).text()).toBe(`a${port}`);
    }
    await balancer.reload(text('2'));
    expect(balancer.addresses).toEqual(addresses);
    expect(await askAs('b', addresses[2]?.port)).toContain('\r\n\r\nb2');
  });

  it('takes a file, and takes it over again after it has changed', async () => {
    const file = join(emptyFolder(), 'nginx.conf');
    writeFileSync(file, answering('one'));
    const balancer = await started({ file: pathToFileURL(file) }, { engine, prefix: emptyFolder() });
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

  it('ends what is under way once its time is up, or at once where a second call says so', async () => {
    const { port } = await silent();
    const text = `http { server { listen 127.0.0.1:0; location / { proxy_pass http://127.0.0.1:${port}; } } }`;
    for (const later of [undefined, 0]) {
      const balancer = await started(text, { engine });
      const lines: string[] = [];
      balancer.on('access-log', (line) => lines.push(line));
      const idle = connect(balancer.port, '127.0.0.1');
      const gone = new Promise((resolve) => idle.once('close', resolve));
      const answer = fetch(`${balancer.url}/slow`).catch(() => 'cut');
      await vi.waitUntil(() => balancer.clients === 2);
      const closing = balancer.close({ drain: later === undefined ? 20 : true });
      await gone; // nothing is under way there
      if (later === 0) await balancer.close();
      await closing;
      expect(await answer).toBe('cut');
      expect(lines).toEqual([expect.stringContaining('"GET /slow HTTP/1.1" 499 0 ')]);
      expect([balancer.clients, balancer.addresses]).toEqual([0, []]);
      expect(() => balancer.url).toThrow('the balancer is closed');
    }
  });

  it('closes while it takes a configuration over', async () => {
    const balancer = await started(answering('one'), { engine });
    const reloading = refusal(balancer.reload(answering('two', '127.0.0.1:0 backlog=5')));
    await balancer.close();
    expect((await reloading).code).toBe('ERR_HOLDFAST_CLOSED');
  });

  it('takes one configuration over after the other', async () => {
    const balancer = await started(answering('one'), { engine });
    const [second, wrong, third] = await Promise.allSettled([
      balancer.reload(answering('two')),
      balancer.reload('nonsense;'),
      balancer.reload(answering('three')),
    ]);
    expect([second.status, wrong.status, third.status]).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await ask(balancer)).toBe('three');
  });

  it('is not stopped by fake timers', async () => {
    vi.useFakeTimers({ now: 0 });
    const peer = await silent();
    const balancer = await started(answering('in real time'), { engine });
    expect(await ask(balancer)).toBe('in real time');
    await balancer.reload(answering('still'));
    expect(await ask(balancer)).toBe('still');
    await balancer.reload(`http { server { listen 127.0.0.1:0; location / {
      proxy_pass http://127.0.0.1:${peer.port}; proxy_read_timeout 20ms; } } }`);
    expect((await fetch(balancer.url)).status).toBe(504);
    const line = new Promise<string>((resolve) => balancer.once('access-log', resolve));
    const waiting = fetch(balancer.url).then(({ status }) => status);
    await vi.waitUntil(() => peer.asked === 2);
    await balancer.close({ drain: 5000 });
    expect(await waiting).toBe(504);
    expect(await line).not.toContain('/Jan/1970:');
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
    const idle = await open();
    expect(await answered(idle)).toContain('200 OK');
    const [busy, other] = [await open(), await open()];
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

/** A server that takes requests and never answers. */
async function silent(): Promise<{ readonly port: number; readonly asked: number }> {
  let asked = 0;
  const server = createServer(() => {
    asked++;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    get asked() {
      return asked;
    },
  };
}

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

  it('has all of them at once, each with its path in an object', async () => {
    const error = await refusal(
      createBalancer({
        daemon: false,
        http: {
          server: [{ listen: '127.0.0.1:0' }, { location: { '/ü': { proxy_pas: 'x', root: 'a b' } } }],
        },
      } as Configuration),
    );
    const places = error.mistakes.map(({ file, path, column, hint }) => [file, path, column, hint]);
    expect(places).toEqual([
      ['configuration object', 'daemon', 1, expect.stringContaining('remove the line')],
      ['configuration object', 'http.server[1].location["/ü"].proxy_pas', 13, 'did you mean "proxy_pass"?'],
      ['configuration object', 'http.server[1].location["/ü"].root', 13, '"root" takes 1 argument'],
    ]);
    expect(error.message).toContain('\n  at http.server[1].location["/ü"].root');
  });

  it('has columns in characters and names the file that is meant', async () => {
    const folder = emptyFolder();
    writeFileSync(join(folder, 'part.conf'), '\tx "ä" y;');
    const text = `include part.conf; http { server { listen 127.0.0.1:0; return 200 "ü"; nonsense; } }`;
    const error = await refusal(createBalancer(text, { prefix: folder }));
    const places = error.mistakes.map(({ file, line, column }) => [file, line, column]);
    expect(places).toEqual([
      [join(folder, 'part.conf'), 1, 2],
      ['configuration text', 1, text.indexOf('nonsense') + 1],
    ]);
  });

  it.each<[string, unknown, BalancerOptions]>([
    ['"nginx.conf" is no configuration; a file is given as { file: "nginx.conf" }', 'nginx.conf', {}],
    ['a configuration is a text, { file } or an object that mirrors its directives', 7, {}],
    ['"file" is a path or a URL of a file', { file: new URL('http://localhost/x') }, {}],
    ['"engine" is "epoll" or "portable"', '', { engine: 'kqueue' as 'epoll' }],
    ['"prefix" is the path of a folder', '', { prefix: 1 as unknown as string }],
    [
      '"logLevel" is one of emerg, alert, crit, error, warn, notice, info, debug',
      '',
      { logLevel: 'all' as 'info' },
    ],
  ])('is told apart from a wrong call: %s', async (message, configuration, options) => {
    const error = await refusal(createBalancer(configuration as Configuration, options));
    expect(error).toMatchObject({ code: 'ERR_HOLDFAST_ARGUMENT', message });
    expect(error).toBeInstanceOf(Error);
  });

  it('names a file that cannot be read', async () => {
    const file = join(emptyFolder(), 'missing.conf');
    const error = await refusal(createBalancer({ file }));
    expect(error.message).toBe(`open() "${file}" failed (2: No such file or directory)`);
    expect(error.code).toBe('ERR_HOLDFAST_CONFIG');
  });

  it('names a port that is in use', async () => {
    const first = await started(answering('first'));
    const error = await refusal(createBalancer(answering('second', `127.0.0.1:${first.port}`)));
    expect([error.code, error.systemCode]).toEqual(['ERR_HOLDFAST_BIND', 'EADDRINUSE']);
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

describe('events', () => {
  it('of both logs come where the configuration sends them, in its format', async () => {
    const balancer = await started(`error_log /dev/holdfast/error-log info;
      http { log_format own '$status $uri'; access_log /dev/holdfast/access-log own;
        server { listen 127.0.0.1:0; return 204; } }`);
    const heard: string[] = [];
    balancer.on('access-log', (line) => heard.push(line)).on('error-log', ({ level }) => heard.push(level));
    await fetch(`${balancer.url}/x`);
    await balancer.close();
    expect(heard.filter((each) => each !== 'info')).toEqual(['notice', '204 /x']);
  });

  it('tell of a configuration what it can live with', async () => {
    const balancer = await started(`worker_priority 5;\n${answering('ok')}`);
    const line = await new Promise<ErrorLine>((resolve) => balancer.once('error-log', resolve));
    expect(line).toMatchObject({
      level: 'warn',
      message:
        '"worker_priority" has no effect inside a program, whose process stays as it is in configuration text:1',
    });
  });

  it('go on after a listener that throws', async () => {
    const balancer = await started(answering('ok'));
    const heard: string[] = [];
    balancer.once('access-log', () => {
      throw new Error('of the listener');
    });
    balancer.on('access-log', (line) => heard.push(line));
    const thrown = new Promise<Error>((resolve) => {
      const others = process.rawListeners('uncaughtException') as ((error: Error) => void)[];
      process.removeAllListeners('uncaughtException');
      process.once('uncaughtException', (error) => {
        for (const other of others) process.on('uncaughtException', other);
        resolve(error);
      });
    });
    await ask(balancer);
    expect((await thrown).message).toBe('of the listener');
    await ask(balancer);
    await vi.waitUntil(() => heard.length === 1);
  });
});

describe('the process', () => {
  it('has several balancers side by side, which know nothing of each other', async () => {
    const [one, two] = [emptyFolder(), emptyFolder()];
    for (const folder of [one, two]) {
      mkdirSync(join(folder, 'html'));
      writeFileSync(join(folder, 'html', 'index.html'), folder);
    }
    const text = 'http { server { listen 127.0.0.1:0; } }';
    const first = await started(text, { prefix: one });
    const second = await started(text, { prefix: two });
    const portable = await started(text, { prefix: two, engine: 'portable' });
    expect(await Promise.all([first, second, portable].map((each) => ask(each)))).toEqual([one, two, two]);
    await first.close();
    expect(await Promise.all([second, portable].map((each) => ask(each)))).toEqual([two, two]);
  });

  it('stays as it was', async () => {
    const state = (): unknown => [process.title, process.eventNames(), { ...process.env }, process.cwd()];
    const before = state();
    const balancer = await started(answering('ok'));
    await ask(balancer);
    expect(state()).toEqual(before);
    await balancer.close();
    expect(state()).toEqual(before);
  });

  it('has no descriptor more when they are closed', async ({ skip }) => {
    skip(!existsSync('/proc/self/fd'), 'descriptors are counted in /proc');
    const descriptors = (): number => readdirSync('/proc/self/fd').length;
    const { port } = await node();
    const prefix = emptyFolder();
    mkdirSync(join(prefix, 'logs'));
    const text = `http { open_log_file_cache max=9; access_log logs/$server_port.log; access_log logs/all.log;
      server { listen 127.0.0.1:0; root ${prefix}; location / { proxy_pass http://127.0.0.1:${port}; } } }`;
    const count = async (): Promise<number> => {
      for (const engine of ['epoll', 'portable'] as const) {
        const balancer = await started(text, { engine, prefix });
        await fetch(balancer.url, { headers: { connection: 'close' } });
        await balancer.close();
      }
      return descriptors();
    };
    const before = await count();
    await vi.waitFor(async () => expect(await count()).toBe(before));
  });

  it('is not held up by a pattern that backtracks without end', async () => {
    const balancer = await started(
      'http { server { listen 127.0.0.1:0; location ~ ^/(a+)+$ { return 200 yes; } location / { return 200 no; } } }',
    );
    expect(await ask(balancer, `/${'a'.repeat(1000)}!`)).toBe('no');
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

  it("is no folder for bodies, which are the system's while they are needed", async () => {
    const { port } = await node();
    const prefix = emptyFolder();
    const ours = (): string[] =>
      readdirSync(tmpdir()).filter((name) => name.startsWith(`holdfast-${process.pid}-`));
    const balancer = await started(
      `http { server { listen 127.0.0.1:0; location / { proxy_pass http://127.0.0.1:${port}; } } }`,
      { prefix },
    );
    const body = 'x'.repeat(100_000);
    expect(await (await fetch(balancer.url, { method: 'POST', body })).text()).toBe('from the node');
    expect([readdirSync(prefix), ours()]).toEqual([[], [expect.any(String)]]);
    await balancer.close();
    expect(ours()).toEqual([]);
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
