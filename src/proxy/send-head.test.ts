// The head that goes out: which lines, in which order, and how the body's end will be seen.
import { afterEach, describe, expect, it } from 'vitest';
import { type Balancer, balancer } from '../../test/support/balancer.ts';
import { PRODUCT } from '../version.ts';

let subject: Balancer;

afterEach(async () => {
  expect(await subject.close()).toEqual([]);
});

/** All that `request` is answered until its answer is whole, the date as D and the line ends as |. */
async function answerTo(location: string, request: string, peer = ''): Promise<string> {
  subject = await balancer(
    `http { server_tokens off; server { listen 8080; server_name first other; location / { ${location} } } }`,
  );
  if (peer !== '')
    await subject.peer(8010, ({ connection }) => {
      connection.send(peer);
      connection.shutdown();
      return undefined;
    });
  const client = subject
    .client(8080)
    .expect(request.split(' ')[0] ?? '')
    .send(request);
  await subject.line('logs/access.log');
  await subject.stage.settle();
  return client.text
    .replace(/Date: [^\r]+/, 'Date: D')
    .replace('Content-Type: text/html', 'HTML')
    .replace(/\r\n/g, '|');
}

const NAME = PRODUCT.slice(0, PRODUCT.indexOf('/'));
const GET = 'GET / HTTP/1.1\r\nHost: Other\r\n\r\n';
const START = `Server: ${NAME}|Date: D`;
const TEXT = 'Content-Type: text/plain|Content-Length: 2';
const LIVES = 'Connection: keep-alive';

describe('an answer of our own', () => {
  it.each([
    ['return 200 ok;', GET, `HTTP/1.1 200 OK|${START}|${TEXT}|${LIVES}||ok`],
    ['return 200 ok;', 'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n', `HTTP/1.1 200 OK|${START}|${TEXT}|${LIVES}||`],
    ['return 200 ok;', 'GET /\r\n', 'ok'],
    ['return 200 ok;', 'GET / HTTP/1.0\r\n\r\n', `HTTP/1.1 200 OK|${START}|${TEXT}|Connection: close||ok`],
    [
      'return 200 ok;',
      'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
      `HTTP/1.1 200 OK|${START}|${TEXT}|${LIVES}||ok`,
    ],
    ['return 204;', GET, `HTTP/1.1 204 No Content|${START}|${LIVES}||`],
    ['keepalive_timeout 0; return 200 ok;', GET, `HTTP/1.1 200 OK|${START}|${TEXT}|Connection: close||ok`],
    [
      'keepalive_timeout 9s 7s; return 200 ok;',
      GET,
      `HTTP/1.1 200 OK|${START}|${TEXT}|${LIVES}|Keep-Alive: timeout=7||ok`,
    ],
    [
      'server_tokens on; default_type ""; return 200 ok;',
      GET,
      `HTTP/1.1 200 OK|Server: ${PRODUCT}|Date: D|Content-Length: 2|${LIVES}||ok`,
    ],
    [
      'add_header A 1; add_header B 2; return 200 ok;',
      GET,
      `HTTP/1.1 200 OK|${START}|${TEXT}|${LIVES}|A: 1|B: 2||ok`,
    ],
  ])('%s to %j', async (location, request, answer) => {
    expect(await answerTo(location, request)).toBe(answer);
  });
});

describe('a redirect', () => {
  const PAGE = /\|HTML\|Content-Length: \d+\|(.*)\|\|/;

  it.each([
    ['return 302 /b;', GET, `Location: http://other:8080/b|${LIVES}`],
    [
      'return 302 /b;',
      'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
      `Location: http://127.0.0.1:8080/b|${LIVES}`,
    ],
    ['port_in_redirect off; return 302 /b;', GET, `Location: http://other/b|${LIVES}`],
    ['server_name_in_redirect on; return 302 /b;', GET, `Location: http://first:8080/b|${LIVES}`],
    ['absolute_redirect off; return 302 /b;', GET, `${LIVES}|Location: /b`],
    ['return 302 https://c/d;', GET, `${LIVES}|Location: https://c/d`],
  ])('%s to %j', async (location, request, lines) => {
    expect(PAGE.exec(await answerTo(location, request))?.[1]).toBe(lines);
  });
});

describe("a peer's answer", () => {
  const PASS = 'proxy_pass http://127.0.0.1:8010;';
  const OLD = 'HTTP/1.0 200 Fine so\r\nServer: its\r\nDate: then\r\nX-A: 1\r\nETag: "e"\r\n\r\nok';

  it.each([
    [
      PASS,
      GET,
      `HTTP/1.1 200 Fine so|${START}|Transfer-Encoding: chunked|${LIVES}|X-A: 1|ETag: "e"||2|ok|0||`,
    ],
    [
      `chunked_transfer_encoding off; ${PASS}`,
      GET,
      `HTTP/1.1 200 Fine so|${START}|Connection: close|X-A: 1|ETag: "e"||ok`,
    ],
    [
      PASS,
      'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
      `HTTP/1.1 200 Fine so|${START}|Connection: close|X-A: 1|ETag: "e"||ok`,
    ],
    [
      `proxy_pass_header Server; proxy_pass_header Date; proxy_hide_header X-A; ${PASS}`,
      'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n',
      `HTTP/1.1 200 Fine so|${LIVES}|Server: its|Date: D|ETag: "e"||`,
    ],
  ])('with the head of HTTP/1.0, through %s to %j', async (location, request, answer) => {
    expect(await answerTo(location, request, OLD)).toBe(answer);
  });
});
