// What the logs say of clients that leave or are too slow, and whose server's logs those are: as nginx 1.31.5 was seen to write them.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Balancer, balancer } from '../../test/support/balancer.ts';

const TEXT = `error_log logs/error.log info;
http {
  log_format short '$server_name "$request" $status $request_completion';
  access_log logs/access.log short;
  client_body_timeout 5s;
  server { listen 80; server_name first;
    location / { return 200 fine; }
    location /peer { proxy_pass http://127.0.0.1:8010; }
    location /ignoring { proxy_ignore_client_abort on; proxy_pass http://127.0.0.1:8010; }
    location /stream { proxy_pass http://127.0.0.1:8010; proxy_buffering off; proxy_request_buffering off; }
  }
  server { listen 80; server_name ""; return 200 nameless; }
}`;

const GET = 'GET /peer HTTP/1.1\r\nHost: first\r\n\r\n';
const POST = 'POST /peer HTTP/1.1\r\nHost: first\r\nContent-Length: 10\r\n\r\nabc';

describe('the logs of a client that leaves', () => {
  let subject: Balancer;

  beforeEach(async () => {
    subject = await balancer(TEXT);
  });

  afterEach(async () => {
    expect(await subject.close()).toEqual([]);
  });

  it('within its body', async () => {
    const client = subject.client(80).send(POST);
    await client.flushed();
    client.shutdown();
    expect(await subject.line('logs/access.log')).toBe('first "POST /peer HTTP/1.1" 400 ');
    expect(subject.errorLog.at(-1)).toContain(
      'client prematurely closed connection, client: 127.0.0.1, server: first, request: "POST /peer HTTP/1.1", host: "first"',
    );
  });

  it('while a peer is asked', async () => {
    let asked = false;
    await subject.peer(8010, () => {
      asked = true;
      return undefined;
    });
    const client = subject.client(80).send(GET);
    await subject.stage.until(() => asked);
    client.shutdown();
    expect(await subject.line('logs/access.log')).toBe('first "GET /peer HTTP/1.1" 499 ');
    expect(subject.errorLog.at(-1)).toContain(
      'epoll_wait() reported that client prematurely closed connection, so upstream connection is closed too while sending request to upstream, client',
    );
  });

  it.each(['close', 'reset'] as const)(
    'after a %s that is to be ignored, when there is an answer',
    async (how) => {
      const peer = await subject.peer(8010, () => undefined);
      const client = subject.client(80).send(GET.replace('/peer', '/ignoring'));
      const { connection } = await peer.request(1);
      client[how]();
      await subject.stage.settle();
      expect([connection.isOpen, subject.accessLog]).toEqual([true, []]);
      connection.send('HTTP/1.1 201 Made\r\nContent-Length: 2\r\n\r\nok');
      expect(await subject.line('logs/access.log')).toMatch(/^first "GET \/ignoring HTTP\/1.1" 201 /);
    },
  );

  it('after a reset that is to be ignored, when there are only error pages to send', async () => {
    const peer = await subject.peer(8010, () => undefined);
    const client = subject.client(80).send(GET.replace('/peer', '/ignoring'));
    const { connection } = await peer.request(1);
    client.reset();
    await subject.stage.settle();
    connection.close();
    expect(await subject.line('logs/access.log')).toBe('first "GET /ignoring HTTP/1.1" 502 ');
  });

  it('call a body in faulty chunks an error', async () => {
    subject.client(80).send('POST /peer HTTP/1.1\r\nHost: first\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n');
    expect(await subject.line('logs/access.log')).toBe('first "POST /peer HTTP/1.1" 400 OK');
    expect(subject.errorLog.at(-1)).toMatch(/\[error\] .*client sent invalid chunked body, client/);
  });

  it('say nothing of a body that does not come', async () => {
    subject.client(80).send(POST);
    expect(await subject.line('logs/access.log')).toBe('first "POST /peer HTTP/1.1" 408 ');
    expect(subject.errorLog.filter((line) => line.includes('timed out'))).toEqual([]);
  });

  it('are the default server’s where no Host was read, not those of the server without a name', async () => {
    const client = subject.client(80).expect('GET').send('GET / HTTP/1.1x\r\n\r\n');
    expect((await client.answer()).status).toBe(400);
    expect(await subject.line('logs/access.log')).toBe('first "GET / HTTP/1.1x" 400 OK');
    expect(subject.errorLog.at(-1)).toContain('server: first,');
    const nameless = subject.client(80).expect('GET').send('GET / HTTP/1.0\r\n\r\n');
    expect((await nameless.answer()).body).toBe('nameless');
  });
});

describe('what a peer’s answer does to the logs', () => {
  const answers: readonly [what: string, answer: string, access: string, error: string][] = [
    [
      'a line that may stand once, twice',
      'HTTP/1.1 200 OK\r\nETag: a\r\nETag: b\r\nContent-Length: 0\r\n\r\n',
      'first "GET /peer HTTP/1.1" 200 OK',
      'upstream sent duplicate header line: "ETag: b", previous value: "ETag: a", ignored while reading response header from upstream, client',
    ],
    [
      'an X-Accel-Redirect out of the tree',
      'HTTP/1.1 200 OK\r\nX-Accel-Redirect: /../x\r\nContent-Length: 0\r\n\r\n',
      'first "GET /peer HTTP/1.1" 404 OK',
      'unsafe URI "/../x" was detected while reading response header from upstream, client',
    ],
    [
      'more than its length says',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokay',
      'first "GET /peer HTTP/1.1" 200 OK',
      'upstream sent more data than specified in "Content-Length" header while reading upstream, client',
    ],
    [
      'bytes behind the last chunk',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nmore',
      'first "GET /peer HTTP/1.1" 200 OK',
      'upstream sent data after final chunk while reading upstream, client',
    ],
    [
      'chunks that are none',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz',
      'first "GET /peer HTTP/1.1" 200 ',
      'upstream sent invalid chunked response while reading upstream, client',
    ],
  ];
  it.each(answers)('%s', async (_what, answer, access, error) => {
    const subject = await balancer(TEXT);
    await subject.peer(8010, () => answer);
    subject.client(80).send(GET);
    expect(await subject.line('logs/access.log')).toBe(access);
    expect(subject.errorLog.some((line) => line.includes(error))).toBe(true);
    expect(await subject.close()).toEqual([]);
  });

  it('a status without a reason is passed on without one', async () => {
    const subject = await balancer(TEXT);
    await subject.peer(8010, () => 'HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n');
    const client = subject.client(80).send(GET);
    await subject.stage.until(() => client.text.includes('\r\n\r\n'));
    expect(client.text.slice(0, client.text.indexOf('\n'))).toBe('HTTP/1.1 404 \r');
    expect(await subject.close()).toEqual([]);
  });
});
