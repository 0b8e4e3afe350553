// A balancer with nothing to do uses no CPU: at rest, out of descriptors while clients wait, and with a paused socket whose peer has
// reset, which the system reports again and again to whoever still asks. All of its processes and threads count.
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { needsLinux } from '../support/skip.ts';
import { freePort, type Program, startProgram, until } from './program.ts';

/** What it may use of one core; a loop that spins takes all of it. */
const SHARE_MAX = 0.02;
const SPAN_MS = 2000;
const FLOOD = Buffer.alloc(64 * 1024);
const ASKS = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: bytes\r\n\r\n';
const ANSWER = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: bytes\r\n\r\n';

describe('a balancer uses no CPU', { timeout: 60_000 }, () => {
  needsLinux('CPU is read from /proc');

  it('at rest', async () => {
    const port = await freePort();
    await rests(await startProgram(`worker_processes 2; http { server { listen ${port}; return 204; } }`));
  });

  it('out of descriptors, while clients wait', async () => {
    const port = await freePort();
    const program = await startProgram(
      `worker_processes 1; worker_rlimit_nofile 64; http { server { listen ${port}; return 204; } }`,
    );
    const clients = await Promise.all(Array.from({ length: 100 }, () => connected(port)));
    await until(
      () => program.read('logs/error.log').includes('accept4() failed (24: Too many open files)'),
      'the end of its descriptors',
    );
    await rests(program);
    for (const client of clients.splice(0, 80)) client.destroy();
    const late = await connected(port);
    late.write('GET / HTTP/1.0\r\n\r\n');
    expect(String(await once(late, 'data'))).toMatch(/^HTTP\/1\.1 204 /);
  });

  it.each(['client', 'peer'] as const)('with the paused socket of a %s that has reset', async (who) => {
    const { program, client, peer } = await openTunnel();
    const [talker, listener] = who === 'client' ? [client, peer] : [peer, client];
    listener.pause();
    await flood(talker);
    talker.resetAndDestroy();
    await rests(program);
  });

  it('with a paused client that has reset under a request whose body nobody takes', async () => {
    const { port, accepted } = await startNode();
    const { program, client } = await openProxy(port, 'proxy_request_buffering off;');
    client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n');
    (await accepted).pause();
    await flood(client);
    client.resetAndDestroy();
    await rests(program);
  });

  it('with a paused peer that has reset under an answer that nobody takes', async () => {
    const { port, accepted } = await startNode();
    const { program, client } = await openProxy(port, 'proxy_buffering off;');
    client.pause();
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const peer = await accepted;
    await once(peer, 'data');
    peer.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n');
    await flood(peer);
    peer.resetAndDestroy();
    await rests(program);
  });
});

/** Passes when it uses next to nothing for a while: what it was asked last may still be on its way. */
async function rests(program: Program): Promise<void> {
  let used = Number.POSITIVE_INFINITY;
  let since = Date.now();
  let before = cpuMsOf(program);
  await until(() => {
    const span = Date.now() - since;
    if (span < SPAN_MS) return false;
    const now = cpuMsOf(program);
    used = (now - before) / span;
    before = now;
    since = Date.now();
    return used < SHARE_MAX;
  }, 'rest').catch(() => undefined);
  expect(used).toBeLessThan(SHARE_MAX);
}

/** Of all threads of all processes, by the scheduler's own clock. */
function cpuMsOf(program: Program): number {
  const threads = program
    .processes()
    .flatMap((pid) =>
      readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}/schedstat`),
    );
  return threads.reduce((sum, path) => sum + Number(readFileSync(path, 'latin1').split(' ')[0]), 0) / 1e6;
}

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket.on('error', () => undefined);
}

async function startNode(): Promise<{ readonly port: number; readonly accepted: Promise<Socket> }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection').then(([socket]: Socket[]) => {
    if (socket === undefined) throw new Error('no socket');
    onTestFinished(() => void socket.destroy());
    return socket.on('error', () => undefined);
  });
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, accepted };
}

async function openProxy(node: number, more: string): Promise<{ program: Program; client: Socket }> {
  const port = await freePort();
  const program = await startProgram(`worker_processes 1;
    http {
      client_max_body_size 0;
      server {
        listen ${port};
        location / {
          proxy_pass http://127.0.0.1:${node};
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection $http_connection;
          ${more}
        }
      }
    }`);
  return { program, client: await connected(port) };
}

async function openTunnel(): Promise<{ program: Program; client: Socket; peer: Socket }> {
  const { port, accepted } = await startNode();
  const { program, client } = await openProxy(port, '');
  client.write(ASKS);
  const peer = await accepted;
  await once(peer, 'data');
  peer.write(ANSWER);
  await once(client, 'data');
  return { program, client, peer };
}

/** Writes until the balancer has stopped reading. */
async function flood(socket: Socket): Promise<void> {
  let sent = -1;
  let since = Date.now();
  await until(() => {
    while (socket.writableLength < 4 * FLOOD.length) socket.write(FLOOD);
    const taken = socket.bytesWritten - socket.writableLength;
    if (taken !== sent) since = Date.now();
    sent = taken;
    return Date.now() - since > 500;
  }, 'the balancer to pause');
}
