// What a swap of plans does to connections that are there already.
import { afterEach, describe, expect, it } from 'vitest';
import { type Balancer, balancer } from '../../test/support/balancer.ts';

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

  it('takes the connections of an address that stays to the new plan with their next request', async () => {
    subject = await balancer(config(80, 'first'));
    const client = subject.client(80);
    expect((await client.get('/')).body).toBe('first');
    await subject.reload(config(80, 'second'));
    expect((await client.get('/')).body).toBe('second');
  });
});
