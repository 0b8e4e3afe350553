// Passing on between Node's own client and server: what programs on both sides see through the balancer.
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type RequestOptions,
  request,
} from 'node:http';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Balancer, startBalancer } from '../support/real-balancer.ts';
import { until } from './program.ts';

async function serve(port: number, listener: RequestListener): Promise<void> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
}

interface Got {
  readonly response: IncomingMessage;
  readonly body: Buffer;
}

function send(port: number, options: RequestOptions, body?: Buffer): Promise<Got> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, ...options }, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece) => pieces.push(piece));
      response.on('end', () => resolve({ response, body: Buffer.concat(pieces) }));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

const digest = (bytes: Buffer): string => createHash('sha1').update(bytes).digest('hex');

const PASS = 'proxy_pass http://127.0.0.1:%%PORT+1%%;';

async function balancerWith(location: string, listener: RequestListener): Promise<Balancer> {
  const balancer = await startBalancer(
    `client_max_body_size 0; server { listen 127.0.0.1:%%PORT%%; location / { ${PASS} ${location} } }`,
  );
  await serve(balancer.port + 1, listener);
  return balancer;
}

/** Answers with the digest of what it was sent. */
const digesting: RequestListener = (asked, answer) => {
  const pieces: Buffer[] = [];
  asked.on('data', (piece) => pieces.push(piece));
  asked.on('end', () => answer.end(digest(Buffer.concat(pieces))));
};

describe('bodies of many megabytes', () => {
  const BYTES = 8 * 1024 * 1024;

  it.each([
    ['with a length', '', {}],
    ['in chunks', '', { 'Transfer-Encoding': 'chunked' }],
    ['with a length, as they come', 'proxy_request_buffering off;', {}],
    ['in chunks, as they come', 'proxy_request_buffering off;', { 'Transfer-Encoding': 'chunked' }],
    [
      'in chunks, to a server of HTTP/1.0',
      'proxy_request_buffering off; proxy_http_version 1.0;',
      { 'Transfer-Encoding': 'chunked' },
    ],
  ])('go to the server %s', async (_name, location, headers) => {
    const { port } = await balancerWith(location, digesting);
    const body = randomBytes(BYTES);
    const { body: answer } = await send(port, { method: 'POST', headers }, body);
    expect(answer.toString()).toBe(digest(body));
  });

  it.each([
    ['kept in memory and in a file', ''],
    ['kept in memory alone', 'proxy_max_temp_file_size 0;'],
    ["at the client's pace", 'proxy_buffering off;'],
  ])('come to a slow client whole, %s', async (_name, location) => {
    const body = randomBytes(BYTES);
    const { port, folder } = await balancerWith(location, (_asked, answer) => answer.end(body));
    const got = await new Promise<Buffer>((resolve, reject) => {
      request({ host: '127.0.0.1', port }, (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece) => {
          pieces.push(piece);
          response.pause();
          setImmediate(() => response.resume());
        });
        response.on('end', () => resolve(Buffer.concat(pieces)));
        response.on('error', reject);
      })
        .on('error', reject)
        .end();
    });
    expect(digest(got)).toBe(digest(body));
    expect(filesUnder(join(folder, 'proxy_temp'))).toEqual([]);
  });
});

function filesUnder(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}

describe('a client that goes', () => {
  it('ends the request at the server', async () => {
    let gone = false;
    let came = false;
    const balancer = await balancerWith('', (asked) => {
      came = true;
      asked.socket.on('close', () => {
        gone = true;
      });
    });
    const sent = request({ host: '127.0.0.1', port: balancer.port });
    sent.on('error', () => undefined);
    sent.end();
    await until(() => came, 'the request');
    sent.destroy();
    await until(() => gone, 'the end of the request at the server');
    expect(balancer.lines('error.log').join('\n')).toContain('client prematurely closed connection');
  });

  it('does not where it is to be ignored', async () => {
    let finish: (() => void) | undefined;
    let cut = false;
    const balancer = await balancerWith('proxy_ignore_client_abort on;', (_asked, answer) => {
      answer.on('close', () => {
        cut = !answer.writableFinished;
      });
      finish = () => answer.end('late');
    });
    const sent = request({ host: '127.0.0.1', port: balancer.port });
    sent.on('error', () => undefined);
    sent.end();
    await until(() => finish !== undefined, 'the request');
    sent.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(cut).toBe(false);
    finish?.();
    await until(() => balancer.engine.openCount === 0, 'the end of all connections');
    expect(cut).toBe(false);
  });
});

describe('the access log', () => {
  it('tells of each server that was asked', async () => {
    const balancer = await startBalancer(
      `log_format up "$status $upstream_addr $upstream_status $upstream_bytes_received $upstream_response_length $upstream_connect_time/$upstream_header_time/$upstream_response_time";
       upstream u { server 127.0.0.1:%%PORT+1%%; server 127.0.0.1:%%PORT+2%%; }
       server { listen 127.0.0.1:%%PORT%%; access_log logs/up.log up; location / { proxy_pass http://u; } location /own { return 200 x; } }`,
    );
    const { port } = balancer;
    await serve(port + 2, (_asked, answer) => {
      answer.sendDate = false;
      answer.end('hello');
    });
    await send(port, { path: '/', headers: { Connection: 'close' } });
    await send(port, { path: '/own', headers: { Connection: 'close' } });
    await until(() => balancer.lines('up.log').length === 2, 'two lines');
    const [passed, own] = balancer.lines('up.log');
    const time = '\\d\\.\\d{3}';
    expect(passed).toMatch(
      new RegExp(
        `^200 127.0.0.1:${port + 1}, 127.0.0.1:${port + 2} 502, 200 0, \\d+ 0, 5 -, ${time}/-, ${time}/${time}, ${time}$`,
      ),
    );
    expect(own).toBe('200 - - - - -/-/-');
  });

  it('keeps apart the servers of an error page', async () => {
    const balancer = await startBalancer(
      `log_format up "$upstream_addr $upstream_status"; server { listen 127.0.0.1:%%PORT%%; access_log logs/up.log up;
         location / { ${PASS} error_page 502 /page; } location /page { proxy_pass http://127.0.0.1:%%PORT+2%%; } }`,
    );
    const { port } = balancer;
    await serve(port + 2, (_asked, answer) => answer.end('page'));
    expect((await send(port, {})).response.statusCode).toBe(502);
    await until(() => balancer.lines('up.log').length === 1, 'a line');
    expect(balancer.lines('up.log')).toEqual([`127.0.0.1:${port + 1} : 127.0.0.1:${port + 2} 502 : 200`]);
  });

  it('counts an exchange that a peer cut', async () => {
    const balancer = await startBalancer(
      `log_format up "$status $upstream_status $body_bytes_sent"; server { listen 127.0.0.1:%%PORT%%; access_log logs/up.log up; location / { ${PASS} } }`,
    );
    await serve(balancer.port + 1, (asked, answer) => {
      answer.writeHead(200, { 'Content-Length': '10' });
      answer.write('abc', () => asked.socket.destroy());
    });
    await expect(send(balancer.port, {})).rejects.toThrow();
    await until(() => balancer.lines('up.log').length === 1, 'a line');
    expect(balancer.lines('up.log')).toEqual(['200 200 3']);
  });
});

describe('auth_request through a server', () => {
  it('asks without the body, and the request goes on with it', async () => {
    const asked: string[] = [];
    const balancer = await startBalancer(
      `server { listen 127.0.0.1:%%PORT%%; location / { auth_request /auth; auth_request_set $who $upstream_http_x_who; ${PASS} proxy_set_header X-Who $who; }
       location = /auth { internal; proxy_pass http://127.0.0.1:%%PORT+1%%/check; } }`,
    );
    await serve(balancer.port + 1, (message, answer) => {
      asked.push(
        `${message.method} ${message.url} ${message.headers['content-length']} ${message.headers['x-who']}`,
      );
      if (message.url?.startsWith('/check')) {
        answer.setHeader('X-Who', 'me');
        answer.statusCode = message.headers.cookie === 'ok' ? 200 : 403;
        answer.end('not for the client');
        return;
      }
      digesting(message, answer);
    });
    const body = Buffer.from('the body');
    const { body: answer } = await send(
      balancer.port,
      { method: 'POST', path: '/x', headers: { Cookie: 'ok' } },
      body,
    );
    expect(answer.toString()).toBe(digest(body));
    const refused = await send(balancer.port, { method: 'POST', path: '/x' }, body);
    expect(refused.response.statusCode).toBe(403);
    expect(asked).toEqual([
      'GET /check undefined undefined',
      'POST /x 8 me',
      'GET /check undefined undefined',
    ]);
  });
});
