// What becomes of a request body that nobody wants, and of one that cannot be stored.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Balancer, balancer } from '../../test/support/balancer.ts';
import { DISK_FULL } from '../../test/support/memory-disk.ts';
import { simulatedStage } from '../../test/support/stage.ts';

const POST = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';

describe('a body that is read away', () => {
  let subject: Balancer;

  beforeEach(async () => {
    const stage = simulatedStage();
    subject = await balancer(`http { server { listen 127.0.0.1:${stage.port(80)}; return 200 fine; } }`, {
      stage,
    });
  });

  afterEach(async () => {
    expect(await subject.close()).toEqual([]);
  });

  it('is answered with 400 where what came with the head is broken', async () => {
    const client = subject.client(80).expect('POST').send(`${POST}4\r\nlonger\r\n0\r\n\r\n`);
    expect((await client.answer()).status).toBe(400);
    await client.closed();
  });

  it('leaves the next request to be read', async () => {
    const client = subject
      .client(80)
      .expect('POST', 'POST')
      .send(`${POST}4\r\nfour\r\n0\r\n\r\n${POST}0\r\n\r\n`);
    expect([(await client.answer()).body, (await client.answer()).body]).toEqual(['fine', 'fine']);
  });

  it('closes the connection where it breaks after the answer', async () => {
    const client = subject.client(80).expect('POST').send(POST);
    expect((await client.answer()).status).toBe(200);
    client.send('what');
    await client.closed();
  });

  it('has no time of its own while its answer is under way', async () => {
    await subject.close();
    subject = await balancer(
      `http { client_body_timeout 5s; server { listen 80; location / { proxy_request_buffering off; proxy_http_version 1.1;
        proxy_pass http://127.0.0.1:8010; } } }`,
    );
    const peer = await subject.peer(8010);
    peer.onHead = ({ connection }) => connection.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345');
    const client = subject
      .client(80)
      .expect('POST')
      .send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc');
    await subject.stage.until(() => client.text.includes('12345'));
    client.send('abc');
    await subject.stage.elapse(8000);
    peer.connections[0]?.send('67890');
    expect((await client.answer()).body).toBe('1234567890');
  });

  it('may trickle in for lingering_time after the answer, and no longer', async () => {
    await subject.close();
    subject = await balancer(
      'http { lingering_time 10s; lingering_timeout 4s; server { listen 80; return 200 fine; } }',
    );
    const client = subject.client(80).expect('POST').send(POST);
    expect((await client.answer()).status).toBe(200);
    for (let second = 0; second < 9; second += 3) {
      client.send('1\r\nx\r\n');
      await subject.stage.elapse(3000);
      expect(client.isClosed).toBe(false);
    }
    client.send('1\r\nx\r\n');
    await subject.stage.elapse(3000);
    expect(client.isClosed).toBe(true);
  });
});

describe('a body that cannot be stored', () => {
  it.each([
    ['a page of ours', 'return 507 full', 507],
    ['a peer', 'proxy_pass http://127.0.0.1:8010', 200],
  ])('is answered by error_page through %s', async (_what, content, status) => {
    const subject = await balancer(
      `http { client_body_buffer_size 1k; server { listen 80; error_page 500 = @full;
        location / { proxy_pass http://127.0.0.1:8010; } location @full { ${content}; } } }`,
    );
    await subject.peer(8010);
    subject.disk.refuses = (call) => (call === 'temporary' ? DISK_FULL : undefined);
    const client = subject
      .client(80)
      .expect('POST')
      .send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n${'x'.repeat(4000)}`);
    await subject.stage.settle();
    client.send('x'.repeat(6000));
    expect((await client.answer()).status).toBe(status);
    expect(await subject.close()).toEqual([]);
  });
});

describe('a body that is too large', () => {
  const CONFIG = `error_log logs/error.log; http { log_format a '$status $request_length $content_length $sent_http_connection';
    access_log logs/access.log a; lingering_time 30s; lingering_timeout 5s; server { listen 80; client_max_body_size 10;
    location / { proxy_pass http://127.0.0.1:8010; }
    location /stream/ { proxy_request_buffering off; proxy_pass http://127.0.0.1:8010; }
    location /none/ { client_max_body_size 0; return 200; } } }`;
  const HEAD_BYTES = POST.length;
  let subject: Balancer;

  beforeEach(async () => {
    subject = await balancer(CONFIG);
  });

  afterEach(async () => {
    expect(await subject.close()).toEqual([]);
  });

  function told(): string | undefined {
    return /client intended .* bytes/.exec(subject.errorLog.at(-1) ?? '')?.[0];
  }

  it.each(['/', '/stream/'])('is refused at %s when a chunk is announced', async (path) => {
    await subject.peer(8010);
    const client = subject.client(80).expect('POST').send(POST.replace('/', path));
    client.send('6\r\nabcdef\r\n');
    await subject.stage.settle();
    client.send('5\r\n');
    expect((await client.answer()).status).toBe(413);
    expect(told()).toBe('client intended to send too large chunked body: 6+5 bytes');
    await client.closed();
    expect(subject.accessLog).toEqual([`413 ${HEAD_BYTES + path.length - 1 + 14} 6 close`]);
  });

  it('is not counted where it came with its head', async () => {
    const client = subject.client(80).expect('POST').send(`${POST}b\r\nhello world\r\n0\r\n\r\n`);
    expect((await client.answer()).status).toBe(413);
    await client.closed();
    expect([told(), subject.accessLog]).toEqual([
      'client intended to send too large chunked body: 0+11 bytes',
      [`413 ${HEAD_BYTES} 0 close`],
    ]);
  });

  it.each([
    ['/', '9223372036854775807'],
    ['/none/', '9007199254740992'],
    ['/', '11'],
  ])('is read away after its answer at %s: %s bytes', async (path, length) => {
    const client = subject.client(80).expect('POST');
    client.send(`POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\nabc`);
    expect((await client.answer()).status).toBe(413);
    expect(told()).toBe(`client intended to send too large body: ${length} bytes`);
    await subject.stage.elapse(3000);
    expect(client.isClosed).toBe(false);
    client.send('defgh');
    await subject.stage.elapse(3000);
    expect(client.isClosed).toBe(false);
    if (length === '11') client.send('ijk');
    else await subject.stage.elapse(3000);
    await client.closed();
  });
});

describe('an answer that comes before the body has been streamed', () => {
  it('is the last of its connection', async () => {
    const subject = await balancer(
      'http { server { listen 80; location / { proxy_request_buffering off; proxy_pass http://127.0.0.1:8010; } } }',
    );
    const peer = await subject.peer(8010);
    peer.onHead = ({ connection }) => connection.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    const client = subject.client(80).expect('POST');
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc');
    expect((await client.answer()).body).toBe('ok');
    client.send('defghijGET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.closed();
    expect(peer.requests.length).toBe(1);
    expect(await subject.close()).toEqual([]);
  });
});

it('return 494 does not end the connection', async () => {
  const subject = await balancer('http { server { listen 80; return 494; } }');
  const client = subject.client(80);
  expect([(await client.get('/')).status, (await client.get('/')).status]).toEqual([400, 400]);
  expect(await subject.close()).toEqual([]);
});
