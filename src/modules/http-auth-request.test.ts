import { afterEach, describe, expect, it } from 'vitest';
import { type Balancer, balancer, compileText } from '../../test/support/balancer.ts';
import { headerOf } from '../../test/support/wire-reader.ts';

let subject: Balancer;

afterEach(async () => {
  expect(await subject?.close()).toEqual([]);
});

describe('auth_request', () => {
  it('asks once, with the headers and without the body, before the request goes on with both', async () => {
    subject = await balancer(`http { server { listen 127.0.0.1:80;
      location / { auth_request /auth; auth_request_set $who $upstream_http_x_who; proxy_set_header X-Who $who; proxy_pass http://127.0.0.1:8010; }
      location /auth { internal; proxy_pass http://127.0.0.1:8011; proxy_pass_request_body off; proxy_set_header Content-Length ""; } } }`);
    const peer = await subject.peer(8010);
    const judge = await subject.peer(
      8011,
      () => 'HTTP/1.1 200 OK\r\nX-Who: ann\r\nContent-Length: 3\r\n\r\nnot',
    );
    const answer = await subject
      .client(80)
      .get('/page', { method: 'POST', body: 'sent along', headers: { 'X-Key': 'k' } });
    expect([answer.status, answer.body]).toEqual([200, 'ok']);
    expect(
      judge.requests.map((each) => [each.method, each.target, each.body, headerOf(each, 'x-key')]),
    ).toEqual([['GET', '/auth', '', 'k']]);
    expect(peer.requests.map((each) => [each.method, each.body, headerOf(each, 'x-who')])).toEqual([
      ['POST', 'sent along', 'ann'],
    ]);
  });

  it('passes on what a 401 asks for, and no other header of it', async () => {
    subject = await balancer(`http { server { listen 127.0.0.1:80; auth_request /auth;
      location /auth { internal; proxy_pass http://127.0.0.1:8011; } } }`);
    await subject.peer(
      8011,
      () => 'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="r"\r\nX-Other: 1\r\nContent-Length: 0\r\n\r\n',
    );
    const answer = await subject.client(80).get('/');
    expect(answer.status).toBe(401);
    expect(headerOf(answer, 'www-authenticate')).toBe('Basic realm="r"');
    expect(headerOf(answer, 'x-other')).toBeUndefined();
  });

  it('answers 500 to what is neither yes nor no, and to a judge that is not there', async () => {
    subject =
      await balancer(`error_log logs/error.log; http { server { listen 127.0.0.1:80; auth_request /auth;
      location /auth { internal; proxy_pass http://127.0.0.1:8011; } } }`);
    expect((await subject.client(80).get('/')).status).toBe(500);
    await subject.peer(8011, () => 'HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n');
    expect((await subject.client(80).get('/')).status).toBe(500);
    await subject.stage.until(() =>
      subject.errorLog.some((line) => line.includes('auth request unexpected status: 302')),
    );
    expect(subject.errorLog.some((line) => line.includes('auth request unexpected status: 502'))).toBe(true);
  });

  it('ends with its client', async () => {
    subject = await balancer(`http { server { listen 127.0.0.1:80; auth_request /auth;
      location /auth { internal; proxy_pass http://127.0.0.1:8011; } } }`);
    const judge = await subject.peer(8011, () => undefined);
    const client = subject.client(80).request('/');
    await subject.stage.until(() => judge.requests.length === 1);
    client.reset();
    await subject.stage.settle();
  });

  it("sets one of nginx's own variables where that can be set", async () => {
    subject = await balancer(`http { server { listen 127.0.0.1:80;
      location / { auth_request /auth; auth_request_set $args seen=$uri; try_files /none @end; }
      location @end { return 200 $args; }
      location /auth { return 204; } } }`);
    expect((await subject.client(80).get('/?x=1')).body).toBe('seen=/auth');
  });
});

describe('auth_request_set', () => {
  it('makes no variable of a name that is taken', () => {
    const { errors } = compileText('http { auth_request_set $host x; }');
    expect(errors.map(({ message }) => message)).toEqual(['the duplicate "host" variable']);
  });
});
