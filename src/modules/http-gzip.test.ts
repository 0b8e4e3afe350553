import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { type Balancer, type BalancerOptions, balancer } from '../../test/support/balancer.ts';
import { headerOf } from '../../test/support/wire-reader.ts';
import { bytesOf } from '../base/bytes.ts';
import { acceptsGzip } from './http-gzip-accept.ts';

const TEXT = 'some words that pack well, '.repeat(20_000);
const ACCEPT = { headers: { 'Accept-Encoding': 'gzip' } };

let subject: Balancer;

afterEach(async () => {
  expect(await subject.close()).toEqual([]);
});

async function serve(server: string, options: BalancerOptions = {}): Promise<void> {
  const text = `http { gzip on; gzip_types *; log_format g "$gzip_ratio"; access_log logs/g.log g;
    server { listen 127.0.0.1:80; root /srv; ${server} } }`;
  subject = await balancer(text, options);
}

function unpacked(body: string): string {
  return gunzipSync(bytesOf(body)).toString('latin1');
}

describe('a packed answer', () => {
  it('is the text again, from a file in any pieces, and has its ratio in the log', async () => {
    await serve('', { files: { '/srv/text': TEXT } });
    subject.disk.pieceBytesMax = 1237;
    const answer = await subject.client(80).get('/text', ACCEPT);
    expect(headerOf(answer, 'content-encoding')).toBe('gzip');
    expect(unpacked(answer.body) === TEXT).toBe(true);
    const expected = (TEXT.length / answer.body.length).toFixed(2);
    expect(await subject.line('logs/g.log')).toBe(expected);
  });

  it('goes on bit by bit where the peer is not buffered', async () => {
    await serve(`location / { proxy_pass http://127.0.0.1:8010; proxy_buffering off; }`);
    const peer = await subject.peer(8010, () => undefined);
    const client = subject.client(80).request('/', ACCEPT);
    await subject.stage.until(() => peer.connections[0] !== undefined && peer.requests.length === 1);
    peer.connections[0]?.send('HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\nfirst half of it, ..');
    await subject.stage.until(() => partOf(client.text).includes('first half of it'), 'what was flushed');
    peer.connections[0]?.send('then the second half');
    expect(unpacked((await client.answer()).body)).toBe('first half of it, ..then the second half');
  });

  it('is one chunk when it is short, though zlib gives its head first', async () => {
    await serve(`location / { proxy_pass http://127.0.0.1:8010; }`);
    await subject.peer(8010, () => ({ body: 'a short text, a short text' }));
    const client = subject.client(80).request('/', ACCEPT);
    expect(unpacked((await client.answer()).body)).toBe('a short text, a short text');
    expect(client.text.match(/\r\n[0-9a-f]+\r\n/g)?.length).toBe(2); // it and the end
  });

  it('is let go when the client leaves in the middle', async () => {
    await serve(`location / { proxy_pass http://127.0.0.1:8010; }`);
    const peer = await subject.peer(8010, () => undefined);
    const client = subject.client(80).request('/', ACCEPT);
    await subject.stage.until(() => peer.requests.length === 1);
    peer.connections[0]?.send(`HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n${TEXT.slice(0, 100_000)}`);
    await subject.stage.until(() => client.text.includes('HTTP/1.1 200'));
    client.reset();
    await subject.stage.settle();
  });
});

/** What of a chunked packed answer can be unpacked so far. */
function partOf(text: string): string {
  const body = text.slice(text.indexOf('\r\n\r\n') + 4);
  let packed = '';
  for (let at = 0; at < body.length; ) {
    const line = body.indexOf('\r\n', at);
    const size = Number.parseInt(body.slice(at, line), 16);
    packed += body.slice(line + 2, line + 2 + size);
    at = line + 4 + size;
  }
  return gunzipSync(bytesOf(packed), { finishFlush: 2 }).toString('latin1');
}

describe('gzip_disable', () => {
  it('is taken over with its patterns, msie6 apart', async () => {
    await serve('gzip_disable msie6; location /a { gzip_disable one; } location /b { gzip_disable two; }', {
      files: { '/srv/a': TEXT, '/srv/b': TEXT },
    });
    const client = subject.client(80);
    const isPacked = async (path: string, agent: string): Promise<boolean> => {
      const headers = { 'Accept-Encoding': 'gzip', 'User-Agent': agent };
      return headerOf(await client.get(path, { headers }), 'content-encoding') === 'gzip';
    };
    expect(await isPacked('/a', 'ONE')).toBe(false);
    expect(await isPacked('/a', 'two')).toBe(true);
    expect(await isPacked('/b', 'two')).toBe(false);
    expect(await isPacked('/a', 'Mozilla/4.0 (compatible; MSIE 6.0; Windows)')).toBe(false);
  });
});

describe('Accept-Encoding', () => {
  it('of any form is read without harm', async () => {
    await serve('');
    const word = fc.constantFrom('gzip', ' ', ',', ';', 'q', '=', '0', '1', '.', '5', 'x', '*', 'deflate');
    fc.assert(
      fc.property(fc.array(word, { maxLength: 12 }), (words) => {
        const text = words.join('');
        const accepted = acceptsGzip(text);
        expect(typeof accepted).toBe('boolean');
        if (!text.includes('gzip')) expect(accepted).toBe(false);
      }),
    );
  });
});
