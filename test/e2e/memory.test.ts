// What a held WebSocket costs: memory that is the balancer's alone, of the master and its worker together, on a balancer at rest.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freePort, IS_NGINX, privateBytesOf, startProgram, until } from './program.ts';

/** Enough to have compiled and grown what is there once for all. */
const FEW = 200;
const MANY = 6000;
const AT_ONCE = 100;
const BYTES_MAX = 1536;
/** Longer than the balancer waits before it collects what a rush has left. */
const QUIET_MS = 5000;
/** What a process at rest still moves. */
const RESTLESS_BYTES = 65_536;
const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n';
const ASKS =
  'GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

describe('a held idle WebSocket', () => {
  it(`costs no more than ${BYTES_MAX} bytes`, { timeout: 120_000 }, async ({ skip }) => {
    skip(process.platform !== 'linux', 'memory is read from /proc');
    skip(IS_NGINX, 'nginx keeps two buffers and two requests for each');
    skip(descriptorsMax() < 2 * MANY + 500, 'both ends of each socket are in this process');
    const node = await startSwitchingNode();
    const port = await freePort();
    const text = `worker_processes 1;
      http {
        access_log off;
        server {
          listen ${port} backlog=1024;
          location / {
            proxy_pass http://127.0.0.1:${node};
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
          }
        }
      }`;
    const program = await startProgram(text, { env: { HOLDFAST_CHECKED: '' } });
    const held: Socket[] = [];
    onTestFinished(() => {
      for (const socket of held) socket.destroy();
    });
    await hold(held, FEW, port);
    const before = await settled(() => privateBytesOf(program));
    await hold(held, MANY, port);
    const each = (): number => (privateBytesOf(program) - before) / (MANY - FEW);
    await until(() => each() < BYTES_MAX, `a socket's ${BYTES_MAX} bytes`).catch(() => undefined);
    expect(each()).toBeLessThan(BYTES_MAX);
  });
});

/** Answers every head with a 101, and then says nothing. */
async function startSwitchingNode(): Promise<number> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.once('data', () => socket.write(SWITCHING));
    socket.on('error', () => undefined);
    socket.on('close', () => open.delete(socket));
  });
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 });
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function hold(held: Socket[], count: number, port: number): Promise<void> {
  while (held.length < count) {
    const more = Array.from({ length: Math.min(AT_ONCE, count - held.length) }, () => switched(port));
    held.push(...(await Promise.all(more)));
  }
}

function switched(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(ASKS));
    let got = '';
    const take = (bytes: Buffer): void => {
      got += bytes.toString('latin1');
      if (!got.endsWith('\r\n\r\n')) return;
      socket.off('data', take);
      if (got.startsWith('HTTP/1.1 101 ')) resolve(socket);
      else reject(new Error(`no tunnel: ${got}`));
    };
    socket.on('data', take);
    socket.on('error', reject);
  });
}

/** The value when it has not moved for a while. */
async function settled(value: () => number): Promise<number> {
  let kept = value();
  let since = Date.now();
  await until(
    () => {
      const now = value();
      if (Math.abs(now - kept) > RESTLESS_BYTES) {
        kept = now;
        since = Date.now();
      }
      return Date.now() - since > QUIET_MS;
    },
    'rest',
    60_000,
  );
  return value();
}

function descriptorsMax(): number {
  return Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1] ?? 0);
}
