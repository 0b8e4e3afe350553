// A client that goes, or is given up, before its request's head has come to an end: what stands in the logs, and how it is closed.
import { afterEach, describe, expect, it } from 'vitest';
import { type Balancer, balancer } from '../../test/support/balancer.ts';

const CONFIG = `error_log logs/error.log info;
http { log_format all '$status "$request" $request_method $uri $http_a $request_length $bytes_sent $connection_requests';
  access_log logs/access.log all; client_header_timeout 3s; keepalive_timeout 9s;
  server { listen 80; server_name first; error_page 400 /page; return 200; }
  server { listen 80; server_name other; access_log logs/other.log all; return 200; } }`;

const CLOSED = 'client prematurely closed connection';
const RESET = 'recv() failed (104: Connection reset by peer)';
const TIMED_OUT = 'client timed out (110: Connection timed out)';
const FIRST = 'GET /1 HTTP/1.1\r\nHost: first\r\n\r\n';

let subject: Balancer;

afterEach(async () => {
  expect(await subject.close()).toEqual([]);
});

/** What the error log says, without its time and process. */
function told(): string[] {
  return subject.errorLog.map((line) => line.replace(/^.*\[(\w+)\] \S+ \*\d+ /, '$1: '));
}

async function sendAndLeave(text: string, how: 'closed' | 'reset' | 'timed out'): Promise<void> {
  const client = subject.client(80).expect('GET').send(text);
  await client.flushed();
  await subject.stage.settle();
  if (how === 'closed') client.close();
  else if (how === 'reset') client.reset();
  else await subject.stage.elapse(3500);
  await subject.stage.settle();
  if (how === 'timed out') expect(client.isClosed).toBe(true);
}

describe('a head that is cut', () => {
  it.each([
    ['\r\n', '"" - - - 0 0 1', 'request line', 'first'],
    ['GET /a%41?b HT', '"GET /a%41?b HT" - - - 0 0 1', 'request line', 'first, request: "GET /a%41?b HT"'],
    [
      'GET /a%41?b HTTP/1.1\r\nA: 1\r\nHost: oth',
      '"GET /a%41?b HTTP/1.1" GET /aA 1 28 0 1',
      'request headers',
      'first, request: "GET /a%41?b HTTP/1.1"',
    ],
    [`${FIRST}GET /2`, '"GET /2" - - - 0 0 2', 'pipelined request line', 'first, request: "GET /2"'],
  ])('has a line in both logs: %j', async (text, line, doing, context) => {
    for (const [how, status, reason] of [
      ['closed', 400, CLOSED],
      ['reset', 400, RESET],
      ['timed out', 408, TIMED_OUT],
    ] as const) {
      subject = await balancer(CONFIG);
      await sendAndLeave(text, how);
      expect(subject.accessLog.at(-1)).toBe(`${status} ${line}`);
      expect(told()).toEqual([
        `info: ${reason} while reading client ${doing}, client: 127.0.0.1, server: ${context}`,
      ]);
      if (how !== 'timed out') expect(await subject.close()).toEqual([]);
    }
  });

  it('is told of in the logs of the server that it has named', async () => {
    subject = await balancer(CONFIG);
    await sendAndLeave('GET /a HTTP/1.1\r\nHost: other\r\nA: 1', 'closed');
    expect([subject.accessLog, subject.lines('logs/other.log')]).toEqual([
      [],
      ['400 "GET /a HTTP/1.1" GET /a - 30 0 1'],
    ]);
  });
});

describe('a connection on which no head has begun', () => {
  it.each([
    [
      '',
      'closed',
      'client closed connection while waiting for request, client: 127.0.0.1, server: 0.0.0.0:80',
    ],
    ['', 'reset', `${RESET} while waiting for request, client: 127.0.0.1, server: 0.0.0.0:80`],
    ['', 'timed out', `${TIMED_OUT} while waiting for request, client: 127.0.0.1, server: 0.0.0.0:80`],
    [FIRST, 'closed', 'client 127.0.0.1 closed keepalive connection'],
    [FIRST, 'reset', 'client 127.0.0.1 closed keepalive connection (104: Connection reset by peer)'],
  ] as const)('has a line in the error log alone: %j %s', async (text, how, line) => {
    subject = await balancer(CONFIG);
    await sendAndLeave(text, how);
    expect(told()).toEqual([`info: ${line}`]);
    expect(subject.accessLog.length).toBe(text === '' ? 0 : 1);
  });

  it('has none when keepalive_timeout ends it', async () => {
    subject = await balancer(CONFIG);
    const client = subject.client(80);
    await client.get('/');
    await subject.stage.elapse(9500);
    expect([client.isClosed, told()]).toEqual([true, []]);
  });
});

describe('reset_timedout_connection', () => {
  it.each([
    ['a head that does not come', 'GET'],
    ['return 444', 'GET /444 HTTP/1.1\r\nHost: a\r\n\r\n'],
  ])('resets at %s', async (_what, text) => {
    subject = await balancer(
      'http { client_header_timeout 3s; reset_timedout_connection on; server { listen 80; location /444 { return 444; } } }',
    );
    const client = subject.client(80).expect('GET').send(text);
    await subject.stage.elapse(3500);
    expect(client.error?.code).toBe('ECONNRESET');
  });
});
