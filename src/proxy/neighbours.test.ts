// What is wrong with one request or one answer is no harm to those before and beside it.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Balancer, balancer } from '../../test/support/balancer.ts';

let subject: Balancer;

beforeEach(async () => {
  subject =
    await balancer(`error_log logs/error.log info; http { log_format m '"$request" $status'; access_log logs/access.log m;
    client_max_body_size 100;
    server { listen 80;
      location / { return 200 $uri; }
      location /no { return 403; }
      location /peer { proxy_pass http://127.0.0.1:8010; }
      location /stream { proxy_request_buffering off; proxy_pass http://127.0.0.1:8010; } } }`);
});

afterEach(async () => {
  expect(await subject.close()).toEqual([]);
});

function get(target: string): string {
  return `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`;
}

const BAD: readonly (readonly [what: string, request: string, status: number])[] = [
  ['that is no HTTP', '\x16\x03\x01 what\r\n\r\n', 400],
  ['without a Host', 'GET /bad HTTP/1.1\r\n\r\n', 400],
  [
    'with two lengths',
    'POST /bad HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
    400,
  ],
  [
    'with a length and chunks',
    'POST /bad HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n',
    400,
  ],
  ['of a coding that is not known', 'POST /bad HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n', 501],
  ['with a body too long', 'POST /bad HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n', 413],
  ['with a broken chunk', 'POST /peer HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 400],
  ['with a head too long', `GET /bad HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`, 400],
];

describe('a request', () => {
  it.each(BAD)(
    '%s comes after good ones: they are answered, it ends the connection',
    async (_what, request, status) => {
      const client = subject.client(80).expect('GET', 'POST', 'GET', 'GET');
      const good = `${get('/1')}POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc${get('/3')}`;
      client.send(`${good}${request}${get('/never')}`);
      for (const target of ['/1', '/2', '/3']) expect((await client.answer()).body).toBe(target);
      expect((await client.answer()).status).toBe(status);
      await client.closed();
      expect(client.text).not.toContain('/never');
      expect(subject.accessLog).toHaveLength(4);
    },
  );

  it.each(BAD)(
    '%s comes while an answer is on its way: that is passed on whole',
    async (_what, request, status) => {
      const peer = await subject.peer(8010, () => undefined);
      const client = subject.client(80).request('/peer');
      const { connection } = await peer.request(1);
      connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nda\r\n');
      await subject.stage.until(() => client.text.endsWith('da\r\n'));
      client.expect('GET').send(request);
      await client.flushed();
      await subject.stage.settle();
      expect(connection.isOpen).toBe(true);
      connection.send('2\r\nta\r\n0\r\n\r\n');
      const answer = await client.answer();
      expect([answer.status, answer.body]).toEqual([200, 'data']);
      expect((await client.answer()).status).toBe(status);
      await client.closed();
      expect(subject.accessLog[0]).toBe('"GET /peer HTTP/1.1" 200');
      expect(peer.requests).toHaveLength(1);
    },
  );

  it('longer than it says is followed by what is no request', async () => {
    const client = subject.client(80).expect('POST', 'GET');
    client.send('POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcdef\r\n\r\n');
    expect((await client.answer()).body).toBe('/1');
    expect((await client.answer()).status).toBe(400);
    await client.closed();
  });
});

describe('a body that waits for 100 Continue', () => {
  const head = (target: string): string =>
    `POST ${target} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n`;

  it('that is not wanted is not asked for; should it come, it is no request', async () => {
    const client = subject.client(80).expect('POST').send(head('/no'));
    expect((await client.answer()).status).toBe(403);
    client.expect('GET').send(`GET${get('/1')}`);
    expect((await client.answer()).body).toBe('/1');
  });

  it('is asked for once; should its answer come before it, it is still the body and no request', async () => {
    const peer = await subject.peer(8010);
    peer.onHead = ({ connection }) => connection.send('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly');
    const client = subject.client(80).expect('POST').send(head('/stream'));
    expect((await client.answer()).status).toBe(100);
    const answer = await client.answer();
    expect([answer.status, answer.body]).toEqual([200, 'early']);
    client.expect('GET').send(`GET${get('/1')}`);
    expect((await client.answer()).body).toBe('/1');
    expect(subject.accessLog).toHaveLength(2);
    expect(peer.openConnections).toHaveLength(0); // it never had its request whole
  });
});

describe('an answer', () => {
  it.each([
    ['that is none', 'what?\r\n\r\n'],
    ['with two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
    [
      'with a length and chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['that upgrades unasked', 'HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nbytes'],
  ])('%s is 502, and the next request has a connection of its own', async (_what, bytes) => {
    const peer = await subject.peer(8010, () => bytes);
    const client = subject.client(80);
    expect((await client.get('/peer')).status).toBe(502);
    peer.answer = () => ({ body: 'good' });
    expect((await client.get('/peer')).body).toBe('good');
    expect(peer.connections).toHaveLength(2);
  });

  it.each([
    ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody'],
    ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nbody'],
    ['GET', 'HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'],
  ])('to %s that has a body and must not, %j, is followed by no more', async (method, bytes) => {
    const peer = await subject.peer(8010, () => bytes);
    const client = subject.client(80);
    await client.get('/peer', { method });
    peer.answer = () => ({ body: 'good' });
    expect((await client.get('/peer')).body).toBe('good');
    expect([client.fault, peer.connections.length]).toEqual(['', 2]);
  });
});
