// The moment in which an exchange becomes a tunnel: who has the connections, what is left of the exchange.
import { afterEach, describe, expect, it } from 'vitest';
import { type Balancer, balancer } from '../../test/support/balancer.ts';

let subject: Balancer;

afterEach(async () => {
  expect(await subject.close()).toEqual([]);
});

const UPGRADE = { headers: { Upgrade: 'x', Connection: 'upgrade' } };

function config(more = ''): string {
  return `http { limit_req_zone $server_name zone=one:1m rate=1r/s;
    server { listen 80; server_name a; location / { ${more} proxy_pass http://127.0.0.1:8010; proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; } } }`;
}

describe('an exchange that becomes a tunnel', () => {
  it('keeps a worker that drains busy, be it the last one', async () => {
    subject = await balancer(config());
    const peer = await subject.peer(8010, () => undefined);
    const client = subject.client(80).request('/', UPGRADE);
    const { connection } = await peer.request(1);
    subject.drain();
    connection.upgrade();
    connection.send('hi');
    expect(await client.tunneled(2)).toBe('hi');
    await subject.stage.settle();
    expect(subject.isDrained).toBe(false);
    client.close();
    await subject.drained();
  });

  it('passes the half-close on that came before the 101', async () => {
    subject = await balancer(config('proxy_ignore_client_abort on;'));
    const peer = await subject.peer(8010, () => undefined);
    const client = subject.client(80).request('/', UPGRADE);
    const { connection } = await peer.request(1);
    client.shutdown();
    await subject.stage.settle();
    connection.upgrade();
    await subject.stage.until(() => !connection.isOpen, "the end at the peer's");
  });

  it('gives back the timer of a delay that it went through', async () => {
    subject = await balancer(config('limit_req zone=one burst=9;'));
    await subject.peer(8010, ({ connection }) => connection.upgrade() as undefined);
    const { timers } = subject.stage.engine;
    const [add, remove] = [timers.add.bind(timers), timers.remove.bind(timers)];
    let slots = 0;
    timers.add = (owner) => {
      slots++;
      return add(owner);
    };
    timers.remove = (slot) => {
      slots--;
      remove(slot);
    };
    for (let tunnels = 1; tunnels <= 3; tunnels++) {
      expect((await subject.client(80).get('/', UPGRADE)).status).toBe(101);
      expect(slots).toBe(tunnels);
    }
  });
});
