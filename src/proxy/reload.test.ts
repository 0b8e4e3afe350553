// What a swap of plans does to connections that are there already.
import { afterEach, describe, expect, it } from 'vitest';
import { type Balancer, balancer, planOf } from '../../test/support/balancer.ts';

let subject: Balancer;

afterEach(async () => {
  expect(await subject.close()).toEqual([]);
});

function config(port: number, name: string): string {
  return `http { server { listen ${port}; location / { return 200 ${name}; } location /slow { proxy_pass http://127.0.0.1:8010; } } }`;
}

describe('a reload that removes an address', () => {
  it('closes its idle connections at once', async () => {
    subject = await balancer(config(80, 'first'));
    const client = subject.client(80);
    await client.get('/');
    await subject.reload(config(81, 'second'));
    await client.closed();
  });

  it("lets no connection of it go on to another address's servers after the answer under way", async () => {
    subject = await balancer(config(80, 'first'));
    const peer = await subject.peer(8010, () => undefined);
    const client = subject.client(80).request('/slow').request('/');
    const { connection } = await peer.request(1);
    connection.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nda');
    await subject.stage.until(() => client.text.includes('da'));
    await subject.reload(config(81, 'second'));
    connection.send('ta');
    expect((await client.answer()).body).toBe('data');
    await client.closed();
    expect(client.text).not.toContain('second');
  });

  it('closes who had waited in the queue of its socket', async () => {
    subject = await balancer(config(80, 'first'));
    subject.swap(planOf(config(81, 'second'))); // its socket is closed a moment later
    const client = subject.client(80).send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.closed();
    expect([client.text, subject.driver.facts.counters.accepted, subject.accessLog]).toEqual(['', 0, []]);
  });

  it('takes the connections of an address that stays to the new plan with their next request', async () => {
    subject = await balancer(config(80, 'first'));
    const client = subject.client(80);
    expect((await client.get('/')).body).toBe('first');
    await subject.reload(config(80, 'second'));
    expect((await client.get('/')).body).toBe('second');
  });

  it('serves a request whose head had begun to come with the servers that it came to, and then closes', async () => {
    subject = await balancer(config(80, 'first'));
    const client = subject.client(80).send('GET / HTTP/1.1\r\nHo').expect('GET');
    await subject.stage.settle();
    await subject.reload(config(81, 'second'));
    await subject.reload(config(82, 'third'));
    expect(subject.generations.map(({ exchanges }) => exchanges)).toEqual([1, 0, 0]);
    client.send('st: a\r\n\r\n');
    const answer = await client.answer();
    expect(answer.body).toBe('first');
    expect(answer.headers).toContainEqual(['Connection', 'close']);
    await client.closed();
    expect(subject.generations.map(({ exchanges }) => exchanges)).toEqual([0, 0, 0]);
  });

  it('serves the first request of a connection that was there already, and lets go of what never asks', async () => {
    subject = await balancer(config(80, 'first'));
    const [client, silent] = [subject.client(80), subject.client(80)];
    await subject.stage.settle();
    await subject.reload(config(81, 'second'));
    expect((await client.get('/')).body).toBe('first');
    await silent.closed(); // client_header_timeout
    expect(subject.generations.map(({ exchanges }) => exchanges)).toEqual([0, 0]);
  });

  it.each([[''], ['GET / HTTP/1.1\r\n']])('notices the end of a client that had sent %j', async (sent) => {
    subject = await balancer(config(80, 'first'));
    const clients = [subject.client(80).send(sent), subject.client(80).send(sent)];
    await subject.stage.settle();
    await subject.reload(config(81, 'second'));
    clients[0]?.reset();
    clients[1]?.close();
    await subject.stage.settle();
    expect(subject.driver.openCount).toBe(0);
    expect(subject.accessLog).toHaveLength(sent === '' ? 0 : 2);
    expect(subject.generations.map(({ exchanges }) => exchanges)).toEqual([0, 0]);
  });

  it('passes a half-read request on to the peers of its own plan', async () => {
    const upstreams = (more: string): string =>
      `http { ${more} upstream u { server 127.0.0.1:8010; } server { listen 80; location / { proxy_pass http://u; } } }`;
    subject = await balancer(upstreams(''));
    await subject.peer(8010);
    const client = subject.client(80).send('GET / HTTP/1.1\r\nHost: a\r\n').expect('GET');
    await subject.stage.settle();
    await subject.reload(config(81, 'second'));
    client.send('\r\n');
    expect((await client.answer()).body).toBe('ok');
  });

  it('ends a connection whose answered body was still being read away', async () => {
    subject = await balancer(config(80, 'first'));
    const client = subject.client(80).expect('POST', 'GET');
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345');
    expect((await client.answer()).body).toBe('first');
    await subject.reload(config(81, 'second'));
    client.send('67890GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.closed();
    expect(client.text).not.toContain('second');
    expect(subject.accessLog).toHaveLength(1);
  });
});
