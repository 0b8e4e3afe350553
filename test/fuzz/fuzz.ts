// Hostile clients and hostile peers around one balancer, from a seed, on any engine. Held: nothing throws, nothing leaks, a neighbour is
// served all the while, no answer has a header line that a client made up, and a peer that reads strictly reads whole requests only.
import { type Random, seededRandom } from '../../src/base/random.ts';
import type { Conn } from '../../src/io/engine.ts';
import type { Faults } from '../../src/io/simulated/faults.ts';
import { NO_FAULTS } from '../../src/io/simulated/faults.ts';
import { End } from '../engines/end.ts';
import { type Balancer, balancer, PREFIX } from '../support/balancer.ts';
import type { TestClient } from '../support/client.ts';
import type { TestPeer } from '../support/peer.ts';
import { listening, type Stage } from '../support/stage.ts';
import { answer, chance, request, spoiled } from './corpus.ts';

/** A network that hands bytes over in pieces, for a simulated stage. */
export const PIECES: Faults = { ...NO_FAULTS, partialRead: 0.3, partialWrite: 0.1, latencyMs: [0.05, 5] };

const halfClosed = new WeakSet<TestClient>();

const PORT = 80;
const HOSTILE = 8010;
const GOOD = 8011;
const CLIENTS_AT_ONCE = 8;

/** What was found wrong: none is as it should be. */
export async function fuzz(stage: Stage, seed: number, rounds: number): Promise<readonly string[]> {
  const random = seededRandom(seed);
  const problems: string[] = [];
  const subject = await balancer(configuration(stage), {
    stage,
    seed,
    files: { [`${PREFIX}html/a.txt`]: 'a file\n'.repeat(50) },
  });
  const good = await subject.peer(GOOD, () => ({ body: 'fine' }));
  const hostile = await hostilePeer(stage, random);
  const neighbour = subject.client(PORT);
  for (let round = 0; round < rounds; round++) {
    const clients = Array.from({ length: CLIENTS_AT_ONCE }, () => hostileClient(subject, random));
    await stage.elapse(1 + random.below(20));
    const { status, body } = await neighbour.get('/neighbour');
    if (status !== 200 || body !== 'fine')
      problems.push(`round ${round}: the neighbour got ${status} ${body}`);
    for (const client of clients) await end(stage, client, random, problems);
  }
  judgeRecorded(good, problems);
  hostile();
  neighbour.close();
  await stage.settle();
  for (const leak of await subject.close()) problems.push(`leaked: ${leak}`);
  for (const line of subject.errorLog) if (/\[(alert|emerg)\]|bug/.test(line)) problems.push(line);
  return problems;
}

function configuration(stage: Stage): string {
  const timeouts = [
    'client_header',
    'client_body',
    'proxy_read',
    'proxy_send',
    'proxy_connect',
    'send',
    'lingering',
  ];
  const upgrade = 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $http_connection;';
  return `error_log logs/error.log info; http {
    ${timeouts.map((name) => `${name}_timeout 1s;`).join(' ')} lingering_time 2s; keepalive_requests 100000;
    upstream u { server 127.0.0.1:${stage.port(HOSTILE)} max_fails=0; server 127.0.0.1:${stage.port(HOSTILE)} max_fails=0; }
    upstream good { server 127.0.0.1:${stage.port(GOOD)}; }
    server { listen 127.0.0.1:${stage.port(PORT)};
      location / { proxy_pass http://u; proxy_next_upstream error timeout invalid_header http_502 non_idempotent; ${upgrade} }
      location /unbuffered { proxy_pass http://u; proxy_buffering off; proxy_request_buffering off; ${upgrade} }
      location /gzip { gzip on; gzip_min_length 1; gzip_types *; gzip_proxied any; proxy_pass http://u; }
      location /file/ { alias html/; gzip on; gzip_min_length 1; gzip_types *; }
      location /auth { auth_request /sub; proxy_pass http://u; }
      location = /sub { internal; proxy_pass http://u; proxy_pass_request_body off; proxy_set_header Content-Length ""; }
      location /intercept { proxy_intercept_errors on; error_page 404 500 502 = /file/a.txt; proxy_pass http://u; }
      location /small { client_max_body_size 100; client_body_buffer_size 16; proxy_pass http://u; }
      location /set { add_header X-Set $arg_x$uri; return 302 $uri; }
      location /recorded { proxy_pass http://good; proxy_set_header X-Uri $uri; }
      location /neighbour { proxy_pass http://good; }
    }
  }`;
}

/** Answers whatever comes with anything. Returns how to close it. */
async function hostilePeer(stage: Stage, random: Random): Promise<() => void> {
  const ends: End[] = [];
  const accepted = (conn: Conn): End => {
    const each: End = new End(stage.outside, {
      received: () => reply(stage, each, random),
      ended: () => {
        if (chance(random, 2)) close(each);
      },
      failed: () => undefined,
    });
    each.conn = conn;
    ends.push(each);
    return each;
  };
  const address = { family: 4, host: '127.0.0.1', port: stage.port(HOSTILE) } as const;
  const listener = await listening(
    stage.outside,
    address,
    { accepted, acceptFailed: () => undefined },
    stage.until,
  );
  return () => {
    listener.close();
    for (const each of ends) close(each);
  };
}

function reply(stage: Stage, to: End, random: Random): void {
  if (!to.isOpen) return;
  const bytes = spoiled(random, answer(random));
  switch (random.below(8)) {
    case 0:
      return to.reset();
    case 1:
      to.write(bytes);
      return close(to);
    case 2: {
      const cut = random.below(bytes.length + 1);
      to.write(bytes.subarray(0, cut));
      return later(stage, random.below(20), () => {
        if (to.isOpen) to.write(bytes.subarray(cut));
      });
    }
    case 3:
      if (chance(random, 4)) return;
  }
  to.write(bytes);
}

function hostileClient(subject: Balancer, random: Random): TestClient {
  const client = subject.client(PORT);
  let text = '';
  for (let left = 1 + random.below(4); left > 0; left--) text += request(random);
  const bytes = spoiled(random, text);
  const cut = chance(random, 3) ? random.below(bytes.length + 1) : bytes.length;
  client.send(bytes.slice(0, cut));
  if (cut < bytes.length)
    later(subject.stage, random.below(15), () => {
      if (client.end.isOpen && !halfClosed.has(client)) client.send(bytes.slice(cut));
    });
  return client;
}

async function end(stage: Stage, client: TestClient, random: Random, problems: string[]): Promise<void> {
  if (/\n *Evil:/i.test(client.text))
    problems.push(`a made-up line: ${JSON.stringify(client.text.slice(0, 400))}`);
  switch (random.below(4)) {
    case 0:
      return client.reset();
    case 1:
      if (!client.end.isOpen || !client.end.has('connected') || !client.end.flushed) break;
      halfClosed.add(client);
      return client.shutdown();
    case 2:
      await stage.elapse(random.below(30));
  }
  client.close();
}

/** The good peer's reader is strict: what it cannot read would be read in two ways elsewhere. */
function judgeRecorded(good: TestPeer, problems: string[]): void {
  for (const { reader } of good.connections)
    if (reader.fault !== '') problems.push(`the peer was sent: ${reader.fault}`);
  for (const { headers } of good.requests) {
    if (headers.some(([name]) => name.toLowerCase() === 'evil'))
      problems.push('the peer was sent a made-up line');
  }
}

function close(end: End): void {
  if (end.isOpen) end.close();
}

function later(stage: Stage, ms: number, work: () => void): void {
  const { timers } = stage.outside;
  const slot = timers.add({
    expired: () => {
      timers.remove(slot);
      work();
    },
  });
  timers.arm(slot, stage.outside.now() + ms);
}
