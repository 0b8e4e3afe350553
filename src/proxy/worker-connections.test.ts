// Where worker_connections are used up: who gives way, who is turned away, and that those who are served notice nothing.
import { afterEach, describe, expect, it } from 'vitest';
import { type Balancer, balancer } from '../../test/support/balancer.ts';
import type { TestClient } from '../../test/support/client.ts';

let subject: Balancer;

afterEach(async () => {
  expect(await subject.close()).toEqual([]);
});

function config(connections: number, more = ''): string {
  return `error_log logs/error.log warn; events { worker_connections ${connections}; }
    http { ${more} server { listen 80; location / { return 200 ok; }
      location /last { keepalive_timeout 0; lingering_close always; return 200 last; }
      location /peer { proxy_pass http://127.0.0.1:8010; } } }`;
}

/** Clients one after another, so that it is known who came first. */
async function clients(count: number, sent = ''): Promise<TestClient[]> {
  const all: TestClient[] = [];
  while (all.length < count) {
    all.push(subject.client(80).send(sent));
    await subject.stage.settle();
  }
  return all;
}

const closed = (all: readonly TestClient[]): boolean[] => all.map(({ isClosed }) => isClosed);

describe('where worker_connections are used up', () => {
  it('those who have said nothing give way, the longest silence first', async () => {
    subject = await balancer(config(3));
    const silent = await clients(3);
    expect((await subject.client(80).get('/')).body).toBe('ok');
    expect(closed(silent)).toEqual([true, false, false]);
    expect(subject.errorLog.map((line) => line.replace(/^.*\[warn\] \S+ /, ''))).toEqual([
      '3 worker_connections are not enough, reusing connections',
    ]);
  });

  it('a connection counts from its last answer', async () => {
    subject = await balancer(config(3));
    const [first, ...others] = await clients(3);
    expect((await first?.get('/'))?.body).toBe('ok');
    await clients(1);
    expect(closed(others)).toEqual([true, false]);
    expect((await first?.get('/'))?.body).toBe('ok');
  });

  it('one that is only lingered upon gives way', async () => {
    subject = await balancer(config(2));
    const [busy] = await clients(1, 'GET / HT');
    const lingering = subject.client(80);
    expect((await lingering.get('/last')).body).toBe('last');
    expect((await subject.client(80).get('/')).body).toBe('ok');
    expect(closed([busy as TestClient])).toEqual([false]);
  });

  it('nobody gives way whose head has begun: the next one is turned away', async () => {
    subject = await balancer(config(2));
    const begun = await clients(2, 'G');
    await (await clients(1))[0]?.closed();
    expect(closed(begun)).toEqual([false, false]);
    expect(subject.errorLog.at(-1)).toContain('[alert]');
    expect(subject.errorLog.at(-1)).toContain('2 worker_connections are not enough');
    for (const client of begun) {
      expect((await client.send('ET / HTTP/1.1\r\nHost: a\r\n\r\n').expect('GET').answer()).body).toBe('ok');
    }
  });

  it('a request to a peer is answered with 500, and an answer under way goes on', async () => {
    subject = await balancer(config(3));
    const peer = await subject.peer(8010, () => undefined);
    const slow = subject.client(80).request('/peer');
    const { connection } = await peer.request(1);
    connection.send('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsl');
    await subject.stage.until(() => slow.text.endsWith('sl'));
    expect((await subject.client(80).get('/peer')).status).toBe(500);
    connection.send('ow!!');
    expect((await slow.answer()).body).toBe('slow!!');
    expect(peer.connections).toHaveLength(1);
  });

  it('an idle client gives way to a connection to a peer', async () => {
    subject = await balancer(config(2));
    await subject.peer(8010);
    const idle = subject.client(80);
    await idle.get('/');
    expect((await subject.client(80).get('/peer')).body).toBe('ok');
    expect(idle.isClosed).toBe(true);
  });
});
