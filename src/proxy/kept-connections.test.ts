// Connections to peers that are kept for the next request: when they are not, and what comes on them that nobody asked for.
import { afterEach, describe, expect, it } from 'vitest';
import { type Balancer, balancer, planOf } from '../../test/support/balancer.ts';
import type { PeerAnswer, TestPeer } from '../../test/support/peer.ts';
import type { Plan } from '../plan/plan.ts';
import { collectGarbage } from '../supervisor/garbage.ts';

let subject: Balancer;

afterEach(async () => {
  expect(await subject.close()).toEqual([]);
});

function config(upstreams: string, pass = 'http://u'): string {
  return `error_log logs/error.log info; http { access_log logs/access.log; ${upstreams}
    server { listen 80; location / { proxy_pass ${pass}; } location /own { return 200 own; } } }`;
}

const ONE = 'upstream u { server 127.0.0.1:8010; }';

async function started(answer?: PeerAnswer, text = config(ONE)): Promise<TestPeer> {
  subject = await balancer(text);
  return await subject.peer(8010, answer);
}

describe('a connection to a peer is kept', () => {
  it('for one exchange after another', async () => {
    const peer = await started(({ target }) => ({ body: target }));
    const [one, two] = [subject.client(80), subject.client(80)];
    for (const target of ['/1', '/2', '/3']) {
      expect((await one.get(target)).body).toBe(target);
      expect((await two.get(target)).body).toBe(target);
    }
    expect(peer.connections).toHaveLength(1);
  });

  it.each([
    ['close', 3],
    ['Close', 3],
    ['"x, close"', 3],
    ['"close, x"', 3],
    ['keep-alive', 1],
    ['closed', 1],
    ['"x-close, y"', 1],
  ])(
    'not where the request says "Connection: %s" and the answer nothing: %i for three',
    async (option, count) => {
      const peer = await started(
        ({ target }) => ({ body: target }),
        config(`proxy_set_header Connection ${option}; ${ONE}`),
      );
      const client = subject.client(80);
      for (const target of ['/1', '/2', '/3']) expect((await client.get(target)).body).toBe(target);
      expect(peer.connections).toHaveLength(count);
    },
  );

  it('by no two exchanges at once', async () => {
    const peer = await started(() => undefined);
    const [one, two] = [subject.client(80).request('/1'), subject.client(80).request('/2')];
    const [first, second] = [await peer.request(1), await peer.request(2)];
    expect(first.connection).not.toBe(second.connection);
    for (const { connection, target } of [second, first]) {
      connection.send(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${target}`);
    }
    expect([(await one.answer()).body, (await two.answer()).body]).toEqual(['/1', '/2']);
  });

  const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
  it.each([
    ['another answer', OK, OK],
    ['bytes that are none', OK, 'garbage'],
    ['a head that was not asked for', 'HTTP/1.1 204 No\r\n\r\n', 'HTTP/1.1 200'],
    ['bytes behind the last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', OK],
  ])('not where its answer is followed by %s, at once or later', async (_what, answer, surplus) => {
    const peer = await started(() => answer + surplus);
    const client = subject.client(80);
    const { status } = await client.get('/');
    await subject.stage.settle();
    expect(peer.openConnections).toHaveLength(0);
    peer.answer = () => answer;
    expect((await client.get('/')).status).toBe(status);
    await subject.stage.settle();
    const [kept] = peer.openConnections;
    kept?.send(surplus);
    await subject.stage.until(() => kept?.isOpen === false, 'the end of the kept connection');
    expect((await client.get('/')).status).toBe(status);
    expect(client.fault).toBe('');
    expect(peer.requests).toHaveLength(3);
  });

  it.each([
    ['GET', 'error timeout', 200],
    ['POST', 'error timeout', 502],
    ['POST', 'error timeout non_idempotent', 200],
    ['PUT', 'error timeout', 200],
  ])('and %s on one that closes meanwhile, with %s, is %i', async (method, causes, status) => {
    const peer = await started(undefined, config(`proxy_next_upstream ${causes}; ${ONE}`));
    const client = subject.client(80);
    await client.get('/');
    peer.answer = ({ connection }) => {
      peer.answer = () => ({ body: 'again' });
      connection.close();
      return undefined;
    };
    expect((await client.get('/', { method, body: '' })).status).toBe(status);
    expect((await client.get('/')).body).toBe('again'); // the client's own connection lives
  });
});

describe('a connection to a peer is closed', () => {
  it('after an exchange that a reload has outlived, where no upstream is left that it is for', async () => {
    const peer = await started(() => undefined);
    const client = subject.client(80).request('/');
    const { connection } = await peer.request(1);
    await subject.reload(config('', 'http://127.0.0.1:8011'));
    connection.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    expect((await client.answer()).body).toBe('ok');
    await subject.stage.settle();
    expect(peer.openConnections).toHaveLength(0);
  });

  const TWO = 'upstream u { server 127.0.0.1:8010; server 127.0.0.1:8011; keepalive 9; }';
  it.each([
    ['removed', 'upstream u { server 127.0.0.1:8011; keepalive 9; }'],
    ['marked down', TWO.replace('8010', '8010 down')],
  ])('by a reload after which its server is %s, and those of the others stay', async (_what, next) => {
    const peer = await started(undefined, config(TWO));
    const other = await subject.peer(8011);
    const client = subject.client(80);
    for (const target of ['/1', '/2']) await client.get(target);
    peer.answer = () => undefined;
    for (let i = 0; i < 3; i++) subject.client(80).request('/');
    const { connection } = await peer.request(2); // on the kept one
    const further = await peer.request(3);
    await subject.reload(config(next));
    await subject.stage.settle();
    expect([peer.openConnections.length, other.openConnections.length]).toEqual([2, 1]);
    for (const each of [connection, further.connection]) {
      each.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    }
    await subject.stage.until(() => peer.openConnections.length === 0, 'the end of both');
    expect(other.openConnections).toHaveLength(1);
  });

  it('after an exchange that a drain waits for', async () => {
    const peer = await started(() => undefined);
    const client = subject.client(80).request('/');
    const { connection } = await peer.request(1);
    subject.drain();
    connection.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    expect((await client.answer()).body).toBe('ok');
    await subject.drained();
    await subject.stage.settle();
    expect(peer.openConnections).toHaveLength(0);
  });
});

it('a kept connection holds nothing of the plan that it was made under', async () => {
  const plans: WeakRef<Plan>[] = [];
  const marked = (mark: number): string => config(`keepalive_requests 9${mark}; ${ONE}`);
  await started(undefined, marked(0));
  for (let reload = 1; reload <= 3; reload++) {
    plans.push(new WeakRef(subject.generation.plan));
    const clients = Array.from({ length: reload }, () => subject.client(80).request('/'));
    for (const client of clients) expect((await client.answer()).body).toBe('ok');
    for (const client of clients) client.close();
    await subject.stage.settle();
    subject.swap(planOf(marked(reload)));
  }
  subject.generations.splice(0, subject.generations.length - 1);
  await new Promise((resolve) => setImmediate(resolve)); // a WeakRef that was made in this turn holds until its end
  collectGarbage();
  expect(plans.map((plan) => plan.deref() !== undefined)).toEqual([false, false, false]);
});
