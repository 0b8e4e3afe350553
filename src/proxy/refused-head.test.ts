// A request's head that is refused: what stands in the logs is what nginx knows of it then.
import { afterEach, describe, expect, it } from 'vitest';
import { type Balancer, balancer } from '../../test/support/balancer.ts';

const CONFIG = `error_log logs/error.log info;
http { log_format all '$status "$request" $request_method $request_uri $uri $request_length'; access_log logs/access.log all;
  server { listen 80; server_name first; return 200; }
  server { listen 80; server_name unmerged; merge_slashes off; return 200; } }`;

const LINE = 'while reading client request line, client: 127.0.0.1, server: first, request: ';
const LINES =
  'while reading client request headers, client: 127.0.0.1, server: first, request: "GET /a HTTP/1.1"';

let subject: Balancer;

afterEach(async () => {
  expect(await subject.close()).toEqual([]);
});

describe('a head that is refused', () => {
  it.each([
    [
      'GET / HTTP/2.0\r\nHost: a\r\n\r\n',
      '505 "GET / HTTP/2.0" - - - 0',
      `client sent invalid version ${LINE}"GET / HTTP/2.0"`,
    ],
    [
      'GET /a b HTTP/1.1\r\n\r\n',
      '400 "GET /a b HTTP/1.1" - - - 0',
      `client sent invalid request ${LINE}"GET /a b HTTP/1.1"`,
    ],
    [
      'GET /a/../.. HTTP/1.1\r\nHost: a\r\n\r\n',
      '400 "GET /a/../.. HTTP/1.1" GET -  23',
      `client sent invalid request ${LINE}"GET /a/../.. HTTP/1.1"`,
    ],
    [
      'GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n',
      '400 "GET /%zz HTTP/1.1" GET -  19',
      `client sent invalid request ${LINE}"GET /%zz HTTP/1.1"`,
    ],
    [
      'GET http://a..b/%41 HTTP/1.1\r\nHost: a\r\n\r\n',
      '400 "GET http://a..b/%41 HTTP/1.1" GET /%41 /A 30',
      `client sent invalid host in request line ${LINE}"GET http://a..b/%41 HTTP/1.1"`,
    ],
    [
      'GET /a HTTP/1.1\r\nHost: a b\r\nX: 1\r\n\r\n',
      '400 "GET /a HTTP/1.1" GET /a /a 28',
      `client sent invalid host header ${LINES}, host: "a b"`,
    ],
    [
      'GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\nX: 1\r\n\r\n',
      '400 "GET /a HTTP/1.1" GET /a /a 35',
      `client sent duplicate host header: "Host: b", previous value: "Host: a" ${LINES}, host: "a"`,
    ],
    [
      'GET /a HTTP/1.1\r\nHost: a\r\nX Y: 1\r\n\r\n',
      '400 "GET /a HTTP/1.1" GET /a /a 26',
      `client sent invalid header line: "X\\x20..." ${LINES}, host: "a"`,
    ],
    [
      'GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n',
      '400 "GET /a HTTP/1.1" GET /a /a 47',
      `client sent invalid "Content-Length" header ${LINES}, host: "a"`,
    ],
  ])('is told of as far as it was read: %j', async (text, access, error) => {
    for (const cuts of [[text], [...text]]) {
      subject = await balancer(CONFIG);
      const client = subject.client(80);
      for (const part of cuts) client.send(part);
      await client.closed();
      expect(subject.accessLog).toEqual([access]);
      expect(subject.errorLog.map((line) => line.replace(/^.*\*\d+ /, ''))).toEqual([error]);
      expect(await subject.close()).toEqual([]);
    }
  });

  it('is judged by the merge_slashes of its default server', async () => {
    subject = await balancer(CONFIG);
    await subject.client(80).get('//a', { headers: { Host: 'unmerged' } });
    expect(subject.accessLog).toEqual(['200 "GET //a HTTP/1.1" GET //a /a 36']);
  });
});
