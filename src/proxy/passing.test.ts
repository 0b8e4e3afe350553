// Which failures of a peer lead to the next one, and when that ends.
import { afterEach, describe, expect, it } from 'vitest';
import { type Balancer, balancer } from '../../test/support/balancer.ts';

let subject: Balancer;

afterEach(async () => {
  expect(await subject.close()).toEqual([]);
});

const KEPT = `error_log logs/error.log; http { upstream u { server 127.0.0.1:8010; keepalive 4; }
  server { listen 80; location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; } } }`;

describe('a kept connection that the peer has closed meanwhile', () => {
  it('costs no try where the peer takes a new one', async () => {
    subject = await balancer(KEPT);
    const peer = await subject.peer(8010);
    const client = subject.client(80);
    await client.get('/');
    peer.answer = ({ connection }) => {
      peer.answer = () => ({ body: 'again' });
      connection.close();
      return undefined;
    };
    expect((await client.get('/')).body).toBe('again');
  });

  it('grants one try alone: a peer that refuses the new one is asked no further', async () => {
    subject = await balancer(KEPT);
    const peer = await subject.peer(8010);
    const client = subject.client(80);
    await client.get('/');
    peer.answer = ({ connection }) => {
      peer.stopListening();
      connection.close();
      return undefined;
    };
    expect((await client.get('/')).status).toBe(502);
    expect(await subject.line('logs/error.log', 2)).toContain('Connection refused');
    await subject.stage.settle();
    expect(subject.errorLog).toHaveLength(2);
  });
});

/** Whether a second peer is asked after what the first one does. */
const MATRIX: readonly [method: string, causes: string, first: string, status: number][] = [
  ['GET', 'error', 'close', 200],
  ['GET', 'timeout', 'close', 502],
  ['GET', 'off', 'close', 502],
  ['POST', 'error', 'close', 502],
  ['POST', 'error non_idempotent', 'close', 200],
  ['PATCH', 'error', 'close', 502],
  ['PUT', 'error', 'close', 200],
  ['GET', 'error timeout', 'silence', 200],
  ['GET', 'error', 'silence', 504],
  ['GET', 'invalid_header', 'HTTP/1.1 what\r\n\r\n', 200],
  ['GET', 'error', 'HTTP/1.1 what\r\n\r\n', 502],
  ['GET', 'http_500', 'HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n', 200],
  ['GET', 'http_503', 'HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n', 500],
  ['POST', 'http_500', 'HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n', 500],
  ['GET', 'http_404', 'HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n', 200],
  ['GET', 'http_403', 'HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n', 200],
  ['GET', 'http_429', 'HTTP/1.1 429 No\r\nContent-Length: 0\r\n\r\n', 200],
];

describe('proxy_next_upstream', () => {
  it.each(MATRIX)('%s with %s after %j is answered with %i', async (method, causes, first, status) => {
    subject = await balancer(`http { upstream u { server 127.0.0.1:8010; server 127.0.0.1:8011; }
      server { listen 80; location / { proxy_pass http://u; proxy_next_upstream ${causes}; proxy_read_timeout 2s; } } }`);
    await subject.peer(8010, ({ connection }) => {
      if (first === 'close') connection.close();
      return first === 'close' || first === 'silence' ? undefined : first;
    });
    await subject.peer(8011);
    expect((await subject.client(80).get('/', { method, body: '' })).status).toBe(status);
  });

  it('is bounded by proxy_next_upstream_tries', async () => {
    subject =
      await balancer(`http { upstream u { server 127.0.0.1:8010; server 127.0.0.1:8011; server 127.0.0.1:8012; }
      server { listen 80; location / { proxy_pass http://u; proxy_next_upstream_tries 2; } } }`);
    await subject.peer(8012);
    expect((await subject.client(80).get('/')).status).toBe(502);
  });

  it('is bounded by proxy_next_upstream_timeout', async () => {
    subject = await balancer(`http { upstream u { server 127.0.0.1:8010; server 127.0.0.1:8011; }
      server { listen 80; location / { proxy_pass http://u; proxy_read_timeout 3s; proxy_next_upstream_timeout 2s; } } }`);
    await subject.peer(8010, () => undefined);
    await subject.peer(8011);
    expect((await subject.client(80).get('/')).status).toBe(504);
  });
});
