// Walks the exchange's moves with a driver that answers each command by chance: whatever happens, in whatever order, an exchange ends in
// exactly one log line, lets its peers go and breaks no rule of MOVES (which `move` asserts).
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Balancer, planOf } from '../../test/support/balancer.ts';
import { bytesOf } from '../base/bytes.ts';
import {
  CLIENT_GONE,
  CLIENT_TIMED_OUT,
  CONNECT_FAILED,
  CONNECT_TIMED_OUT,
  INVALID_ANSWER,
  PEER_CLOSED,
  READ_TIMED_OUT,
} from '../base/failures.ts';
import { type Random, seededRandom } from '../base/random.ts';
import { REQUEST_HEAD_DEFAULTS, RequestHeadParser, ResponseHeadParser } from '../http/head.ts';
import { normalizeTarget } from '../http/uri.ts';
import { BodyStore } from './body-store.ts';
import { type Command, Exchange, MOVES, type Phase, step } from './exchange.ts';
import { RequestBody } from './request-body.ts';

const CONFIG = `
http {
  upstream peers { server 127.0.0.1:1 max_fails=0; server 127.0.0.1:2 max_fails=0; server 127.0.0.1:3 backup; }
  server {
    listen 80;
    error_page 502 503 504 /sorry;
    recursive_error_pages on;
    location / { proxy_pass http://peers; proxy_next_upstream error timeout http_500 http_404 invalid_header; }
    location /upgrade { proxy_pass http://peers; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }
    location /unbuffered { proxy_pass http://peers; proxy_request_buffering off; proxy_buffering off; }
    location /intercept { proxy_pass http://peers; proxy_intercept_errors on; error_page 500 404 = @again; }
    location @again { proxy_pass http://peers; proxy_set_body x; }
    location /sorry { return 200 sorry; }
    location /loop { rewrite ^ /loop; }
    location /rewritten { rewrite ^/rewritten(.*) /else$1 break; proxy_pass http://peers; }
    location /silent { return 444; }
    location /errors { error_page 404 /errors/deep; return 404; }
  }
}`;

const TARGETS = [
  '/',
  '/a?b',
  '/upgrade',
  '/unbuffered',
  '/intercept',
  '/loop',
  '/rewritten/x',
  '/silent',
  '/errors',
  '/none%2f..',
];
const HEADS = [
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n',
  'HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
  'HTTP/1.1 204 Empty\r\n\r\n',
  'HTTP/1.1 200 OK\r\nX-Accel-Redirect: /sorry\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nX-Accel-Redirect: @again\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 302 There\r\nLocation: http://peers/x\r\nContent-Length: 0\r\n\r\n',
];

const IN_MEMORY = {
  memoryBytesMax: 10,
  fileBytesMax: 0,
  folder: '',
  levels: [],
  file: 'unnamed',
  fileOnly: false,
} as const;

interface Walk {
  readonly x: Exchange;
  readonly balancer: Balancer;
  readonly chance: Random;
  connected: number;
  logs: number;
  tunnelled: boolean;
}

function begin(balancer: Balancer, chance: Random): Walk {
  const pick = <T>(list: readonly T[]): T => list[chance.below(list.length)] as T;
  const target = pick(TARGETS);
  const method = pick(['GET', 'POST', 'HEAD']);
  const body = method === 'POST' ? pick(['Content-Length: 3\r\n', 'Transfer-Encoding: chunked\r\n', '']) : '';
  const upgrade = pick(['', 'Upgrade: x\r\nConnection: upgrade\r\n']);
  const parser = new RequestHeadParser(REQUEST_HEAD_DEFAULTS);
  const text = bytesOf(`${method} ${target} HTTP/1.1\r\nHost: a\r\n${body}${upgrade}\r\n`);
  expect(parser.push(text, 0, text.length)).toBe('head');
  const { head } = parser;
  const [server] = balancer.generation.plan.servers;
  if (server === undefined) throw new Error('no server');
  const x: Exchange = new Exchange({
    generation: balancer.generation,
    client: {
      number: 1,
      requests: 1,
      family: 4,
      address: '127.0.0.1',
      port: 1,
      localAddress: '127.0.0.1',
      localPort: 80,
      startedAt: 0,
      secure: false,
      conn: 0,
    },
    program: balancer.driver,
    sink: {
      full: false,
      head: () => {},
      push: (_bytes, _start, _end, last) => {
        if (last) x.answerEnded = true;
      },
    },
    server,
    head,
    body: new RequestBody(head),
    now: 0,
    wall: 0,
  });
  const normal = normalizeTarget(target);
  if (normal !== undefined) x.take(normal);
  return { x, balancer, chance, connected: 0, logs: 0, tunnelled: false };
}

/** Does what a driver might: obeys, or reports that it could not be done. */
function obey(walk: Walk, command: Command, now: number): void {
  const { x, chance } = walk;
  const pick = <T>(list: readonly T[]): T => list[chance.below(list.length)] as T;
  const failed = (failure: typeof CLIENT_GONE) => step(x, { type: 'failed', failure }, now, now);
  switch (command.do) {
    case 'body': {
      if (chance.below(4) === 0) return failed(pick([CLIENT_GONE, CLIENT_TIMED_OUT]));
      if (!x.body.complete) {
        x.body.begin(command.how, new BodyStore(walk.balancer.disk, IN_MEMORY));
        const rest = bytesOf(x.head.chunked ? '3\r\nabc\r\n0\r\n\r\n' : 'abc');
        x.body.push(rest, 0, rest.length);
      }
      return step(x, { type: 'body' }, now, now);
    }
    case 'connect':
      walk.connected++;
      if (chance.below(3) === 0) return failed(pick([CONNECT_FAILED, CONNECT_TIMED_OUT, CLIENT_GONE]));
      return step(x, { type: 'connected', reused: chance.below(2) === 0 }, now, now);
    case 'send': {
      if (chance.below(3) === 0)
        return failed(pick([PEER_CLOSED, READ_TIMED_OUT, INVALID_ANSWER, CLIENT_GONE]));
      if (chance.below(2) === 0) step(x, { type: 'sent' }, now, now);
      const parser = new ResponseHeadParser({ headBytesMax: 4096 });
      const head = bytesOf(pick(HEADS));
      parser.push(head, 0, head.length);
      return step(x, { type: 'answered', head: parser.head }, now, now);
    }
    case 'release':
      walk.connected--;
      return;
    case 'relay':
      if (chance.below(4) === 0) return failed(pick([PEER_CLOSED, CLIENT_GONE]));
      step(x, { type: 'relayed', keep: true }, now, now);
      return x.endAnswer();
    case 'tunnel':
      walk.tunnelled = true;
      return;
    case 'log':
      walk.logs++;
      return;
    default:
      return step(x, { type: 'resumed' }, now, now);
  }
}

describe('an exchange', () => {
  const balancer = new Balancer(planOf(CONFIG));

  it('ends in one log line and lets its peers go, whatever happens', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const walk = begin(balancer, seededRandom(seed));
        const { x } = walk;
        let now = 1;
        let phase: Phase = x.phase;
        step(x, { type: 'head' }, now, now);
        for (let turns = 0; x.phase !== 'log' || x.commands.length > 0; turns++) {
          expect(turns).toBeLessThan(200);
          const command = x.commands.shift();
          if (command !== undefined) obey(walk, command, ++now);
          else if (walk.tunnelled) break;
          else if (x.answerEnded) step(x, { type: 'ended' }, ++now, now);
          else step(x, { type: 'failed', failure: CLIENT_GONE }, ++now, now); // nothing comes any more: the client gives up
          if (x.phase !== phase) seen.add(`${phase} ${x.phase}`);
          phase = x.phase;
        }
        if (walk.tunnelled) x.selection?.release('ok', now);
        expect(walk.logs).toBe(walk.tunnelled ? 0 : 1);
        expect(walk.connected).toBe(walk.tunnelled ? 1 : 0);
        for (const peer of balancer.generation.upstreams[0]?.peers ?? [])
          expect(peer.table.conns[peer.row]).toBe(0);
      }),
      { numRuns: 2000, seed: 1 },
    );
    // The walk goes where the table says that exchanges go.
    for (const way of ['connect send', 'await relay', 'await tunnel', 'relay log', 'answer log']) {
      expect(
        [...seen].some((move) => move === way || move.endsWith(way.split(' ')[1] ?? '')),
        way,
      ).toBe(true);
    }
  });

  it('reaches every phase of its table, and its end from all of them', () => {
    const reached = new Set<Phase>(['route']);
    for (const phase of reached) for (const next of MOVES[phase]) reached.add(next);
    expect([...reached].toSorted()).toEqual(Object.keys(MOVES).toSorted());
    for (const [phase, next] of Object.entries(MOVES)) if (phase !== 'log') expect(next).toContain('log');
  });
});
