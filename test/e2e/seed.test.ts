// The seed's nginx.conf through the real program, with port, peers and log changed (always) and as it stands (where ports 80,
// 8010 and 8011 are free): a browser, ws, socket.io and curl through it, sticky by ip_hash, nginx's combined log lines.

import { lookup } from 'node:dns/promises';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { io } from 'socket.io-client';
import { describe, expect, it, onTestFinished, type TestContext } from 'vitest';
import { nodeOf, otherNodesAddress } from '../../scripts/start/ip-hash.mjs';
import { adaptedSeed } from '../../scripts/start/seed.mjs';
import { curl, hasProgram, openBrowser, openSocket } from './clients.ts';
import { startNode } from './nodes.ts';
import {
  canBind,
  emptyFolder,
  freePort,
  IS_NGINX,
  isAlive,
  type Program,
  ROOT,
  startProgram,
  until,
} from './program.ts';

const SEED = readFileSync(join(ROOT, 'examples', 'seed', 'nginx.conf'), 'latin1');
const SEED_LOG = '/var/log/nginx/yourdomain.log';
const COMBINED =
  /^\S+ - - \[\d\d\/[A-Z][a-z]{2}\/\d{4}(:\d\d){3} [+-]\d{4}\] "([^"]*)" (\d{3}) (\d+) "[^"]*" "[^"]*"$/;

interface Seed {
  readonly program: Program;
  readonly host: string;
  /** The lines that were logged since the start. */
  logged(): readonly string[];
}

type Begin = (context: TestContext) => Promise<Seed>;

const WAYS: readonly (readonly [string, Begin])[] = [
  ['with another port, other peers and another log', beginAdapted],
  ['as it stands', beginAsItStands],
];

describe.each(WAYS)("the seed's file %s", (_, begin) => {
  it("passes pages, and logs each in nginx's combined format", async (context) => {
    if (!hasProgram('curl')) context.skip('curl is not on this machine');
    const { host, logged } = await begin(context);
    expect(await curl(`http://${host}/`)).toMatch(/<title>node-[ab]<\/title>/);
    const { headers } = JSON.parse(await curl('-H', 'X-Forwarded-For: 192.0.2.7', `http://${host}/headers`));
    expect(headers).toMatchObject({
      'x-real-ip': '127.0.0.1',
      'x-forwarded-for': '192.0.2.7, 127.0.0.1',
      host: host.split(':')[0],
      connection: 'close',
    });
    await until(() => logged().length === 2, 'two log lines');
    expect(logged().map((line) => COMBINED.exec(line)?.slice(2, 4))).toEqual([
      ['GET / HTTP/1.1', '200'],
      ['GET /headers HTTP/1.1', '200'],
    ]);
  });

  it('carries WebSockets both ways and logs a 101 when one has ended', async (context) => {
    const { host, logged } = await begin(context);
    const talker = await openSocket(`ws://${host}/chat`);
    expect(JSON.parse(await talker.hear()).address).toBe('127.0.0.1');
    const long = 'long '.repeat(40_000);
    for (const text of ['hello', '', long]) {
      talker.say(text);
      expect(await talker.hear()).toBe(text);
    }
    expect(logged()).toEqual([]);
    talker.socket.close(1000);
    await until(() => logged().length === 1, 'the log line');
    expect(COMBINED.exec(logged()[0] ?? '')?.slice(2, 4)).toEqual(['GET /chat HTTP/1.1', '101']);
  });

  it('sends each client to the node that ip_hash names, again and again', async (context) => {
    const { host } = await begin(context);
    const perNode = (await lookup('localhost', { all: true })).length;
    const other = otherNodesAddress(2, perNode).address;
    for (const from of ['127.0.0.1', other, '127.0.0.1', other]) {
      const talker = await openSocket(`ws://${host}/chat`, { localAddress: from });
      const expected = `node-${'ab'[nodeOf(from, 2, perNode)]}`;
      expect(JSON.parse(await talker.hear())).toEqual({ node: expected, address: from });
    }
  });

  it('carries socket.io, by polling and by upgrade', async (context) => {
    const { host } = await begin(context);
    for (const transports of [['polling'], ['polling', 'websocket'], ['websocket']]) {
      const socket = io(`http://${host}`, { transports, reconnection: false, forceNew: true });
      onTestFinished(() => void socket.close());
      await new Promise((resolve, reject) =>
        socket.once('connect', () => resolve(undefined)).once('connect_error', reject),
      );
      expect(await socket.timeout(5000).emitWithAck('say', 'ahoy')).toMatch(/^node-[ab]: ahoy$/);
      if (transports.length > 1)
        await until(() => socket.io.engine.transport.name === 'websocket', 'the upgrade');
    }
  });

  it('serves a page to a browser that opens a WebSocket from it', async (context) => {
    const { host } = await begin(context);
    const browser = await openBrowser();
    const page = await browser.newPage();
    await page.goto(`http://${host}/`);
    const heard = await page.evaluate(askInBrowser, `ws://${host}/chat`);
    expect(heard).toBe('from the browser');
  });
});

/** Runs in the page: says one line and gives back what is echoed. */
function askInBrowser(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    let heard = 0;
    socket.onopen = () => socket.send('from the browser');
    socket.onerror = () => reject(new Error('the WebSocket failed'));
    socket.onmessage = (event) => {
      if (++heard === 2) resolve(event.data);
    };
  });
}

async function beginAdapted(): Promise<Seed> {
  const peers = [await freePort(), await freePort()] as const;
  const port = await freePort();
  await startNode('node-a', peers[0]);
  await startNode('node-b', peers[1]);
  const log = join(emptyFolder(), 'not-there-yet', 'access.log');
  const made = IS_NGINX ? dirname(dirname(log)) : dirname(log);
  const text = adaptedSeed(SEED, { port, peers, log: join(made, 'access.log') });
  const program = await startProgram(text, { bare: true });
  return { program, host: `localhost:${port}`, logged: () => linesOf(join(made, 'access.log'), 0) };
}

async function beginAsItStands(context: TestContext): Promise<Seed> {
  for (const port of [80, 8010, 8011]) {
    if (!(await canBind(port))) context.skip(`port ${port} is in use or may not be bound by this user`);
  }
  const folder = dirname(SEED_LOG);
  const there = existsSync(folder);
  if (process.getuid?.() !== 0) context.skip(`${folder} may not be written by this user`);
  if (IS_NGINX && !there) context.skip(`${folder} is missing, which nginx does not make`);
  const before = existsSync(SEED_LOG) ? statSync(SEED_LOG).size : 0;
  await startNode('node-a', 8010);
  await startNode('node-b', 8011);
  if (!there) onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const program = await startProgram(SEED, { bare: true });
  expect(existsSync(SEED_LOG)).toBe(true);
  return { program, host: 'localhost', logged: () => linesOf(SEED_LOG, before) };
}

function linesOf(path: string, from: number): readonly string[] {
  return existsSync(path) ? readFileSync(path, 'latin1').slice(from).split('\n').slice(0, -1) : [];
}

it('leaves no process behind and its ports free', async () => {
  const port = await freePort();
  const program = await startProgram(`http { server { listen ${port}; return 200 ok; } }`);
  expect(program.processes().length).toBeGreaterThan(1);
  const all = program.processes();
  await program.stop();
  expect(all.filter(isAlive)).toEqual([]);
  expect(await canBind(port)).toBe(true);
  expect(existsSync(join(program.folder, 'logs', 'nginx.pid'))).toBe(false);
});
