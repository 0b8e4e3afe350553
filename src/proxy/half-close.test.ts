// A client that ends its sending while its answer is still going out, or with the beginning of a request behind the one under way.
import { afterEach, describe, expect, it } from 'vitest';
import { type Balancer, balancer } from '../../test/support/balancer.ts';
import { HELD_AHEAD_BYTES_MAX } from '../base/limits.ts';

let subject: Balancer;

afterEach(async () => {
  expect(await subject.close()).toEqual([]);
});

const CONFIG = `error_log logs/main.log info; http { error_log logs/error.log info; log_format m '"$request" $status $bytes_sent $server_name';
  access_log logs/access.log m; client_header_timeout 5s;
  server { listen 80; server_name first; location / { return 200 ok; }
    location /peer { proxy_pass http://127.0.0.1:8010; }
    location /ignoring { proxy_ignore_client_abort on; proxy_pass http://127.0.0.1:8010; } }
  server { listen 80; server_name second; return 200 ok; } }`;

describe('a client that half-closes', () => {
  it('within the next request has a line for that one, too', async () => {
    subject = await balancer(CONFIG);
    const peer = await subject.peer(8010, () => undefined);
    const client = subject.client(80).request('/ignoring').send('GE');
    const { connection } = await peer.request(1);
    connection.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no');
    await subject.stage.until(() => client.text.endsWith('\r\n\r\no'));
    client.shutdown();
    await subject.stage.settle();
    connection.send('k');
    await subject.line('logs/access.log', 2);
    expect(subject.accessLog[1]).toBe('"GE" 400 0 first');
  });

  const BYTES = 300_000;

  it.each([['/peer'], ['/ignoring']])(
    'has all of it once the peer has given it whole: %s',
    async (target) => {
      subject = await balancer(CONFIG);
      const peer = await subject.peer(8010, () => ({ body: 'x'.repeat(BYTES) }));
      const client = subject.client(80);
      client.end.pause();
      client.request(target);
      await peer.request(1);
      await subject.stage.settle();
      client.shutdown();
      await subject.stage.settle();
      client.end.resume();
      const answer = await client.answer();
      expect([answer.state, answer.body.length]).toEqual(['complete', BYTES]);
    },
  );

  it('ends a peer that has more of it to give', async () => {
    subject = await balancer(CONFIG);
    const peer = await subject.peer(8010, () => undefined);
    const client = subject.client(80).request('/peer');
    const { connection } = await peer.request(1);
    connection.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nda');
    await subject.stage.until(() => client.text.includes('da'));
    client.shutdown();
    await subject.stage.until(() => !connection.isOpen, "the end at the peer's");
    expect(await subject.line('logs/access.log')).toContain('"GET /peer HTTP/1.1" 200');
  });

  it.each([
    ['half-closes', 'shutdown'],
    ['resets', 'reset'],
  ] as const)('and %s behind a whole further request is noticed at once', async (_what, how) => {
    subject = await balancer(CONFIG);
    const peer = await subject.peer(8010, () => undefined);
    const client = subject.client(80).request('/peer').request('/peer');
    const { connection } = await peer.request(1);
    await subject.stage.settle();
    client[how]();
    await subject.stage.until(() => !connection.isOpen, "the end at the peer's");
    await subject.stage.settle();
    expect(subject.accessLog).toEqual(['"GET /peer HTTP/1.1" 499 0 first']);
    expect(subject.errorLog.at(-1)).toContain(
      'epoll_wait() reported that client prematurely closed connection, so upstream connection is closed too',
    );
  });

  it('has the answers to all that it asked where that is to be ignored', async () => {
    subject = await balancer(CONFIG);
    const peer = await subject.peer(8010, () => undefined);
    const client = subject.client(80).request('/ignoring').request('/').request('/ignoring');
    const first = await peer.request(1);
    client.shutdown();
    await subject.stage.settle();
    first.connection.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    const last = await peer.request(2);
    last.connection.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    const answers = [await client.answer(), await client.answer(), await client.answer()];
    expect(answers.map(({ state, status }) => `${state} ${status}`)).toEqual(Array(3).fill('complete 200'));
  });

  it('ends the request for which that counts, behind one for which it does not', async () => {
    subject = await balancer(CONFIG);
    const peer = await subject.peer(8010, () => undefined);
    const client = subject.client(80).request('/ignoring').request('/peer');
    const { connection } = await peer.request(1);
    client.shutdown();
    await subject.stage.settle();
    connection.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    expect((await client.answer()).status).toBe(200);
    expect(await subject.line('logs/access.log', 2)).toBe('"GET /peer HTTP/1.1" 499 0 first');
  });

  it('is not read further than the limit says', async () => {
    subject = await balancer(CONFIG);
    const peer = await subject.peer(8010, () => undefined);
    const client = subject.client(80).request('/peer');
    const { connection } = await peer.request(1);
    client.send('x'.repeat(2 * HELD_AHEAD_BYTES_MAX));
    await subject.stage.settle();
    client.shutdown();
    await subject.stage.settle();
    expect(connection.isOpen).toBe(true);
  });
});
