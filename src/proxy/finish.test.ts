// How a request ends by a status, and the ways to other locations that end in a circle. The tables' facts are nginx's.
import { afterEach, describe, expect, it } from 'vitest';
import { type Balancer, balancer } from '../../test/support/balancer.ts';

let subject: Balancer;

afterEach(async () => {
  expect(await subject.close()).toEqual([]);
});

const CONFIG = `error_log logs/error.log info; http { log_format m '$status $uri'; access_log logs/access.log m;
  server { listen 80; server_name s;
    location / { return 404; }
    location ~ ^/code/(?<code>\\d+)$ { if ($code = 204) { return 204; } if ($code = 400) { return 400; }
      if ($code = 403) { return 403; } if ($code = 413) { return 413; } if ($code = 444) { return 444; }
      if ($code = 500) { return 500; } if ($code = 503) { return 503; } }
    location /page { error_page 404 /sorry?a=b; return 404; }
    location /kept { error_page 404 = /sorry; return 404; }
    location /other { error_page 404 =418 /sorry; return 404; }
    location /away { error_page 404 http://elsewhere/; return 404; }
    location /moved { error_page 404 =301 http://elsewhere/; return 404; }
    location /named { error_page 404 = @there; return 404; }
    location /nowhere { error_page 404 = @none; return 404; }
    location @there { return 200 $request_method; }
    location /sorry { return 200 "$request_method $uri $args"; }
    location /once { error_page 404 /once; return 404; }
    location /circle { recursive_error_pages on; error_page 404 /circle; return 404; }
    location /rewrites { rewrite ^ /rewrites; }
    location /inside { internal; return 200 no; }
  } }`;

describe('a status that ends a request', () => {
  it.each<readonly [target: string, status: number, connection: string]>([
    ['/code/204', 204, 'keep-alive'],
    ['/code/400', 400, 'close'],
    ['/code/403', 403, 'keep-alive'],
    ['/code/413', 413, 'close'],
    ['/code/500', 500, 'close'],
    ['/code/503', 503, 'keep-alive'],
    ['/inside', 404, 'keep-alive'],
  ])('%s: %i, %s', async (target, status, connection) => {
    subject = await balancer(CONFIG);
    const answer = await subject.client(80).get(target);
    expect(answer.status).toBe(status);
    expect(answer.headers).toContainEqual(['Connection', connection]);
    expect(answer.body === '').toBe(status === 204);
  });

  it('444 is no answer, but a line', async () => {
    subject = await balancer(CONFIG);
    const client = subject.client(80).request('/code/444');
    await client.closed();
    expect(client.text).toBe('');
    expect(await subject.line('logs/access.log')).toBe('444 /code/444');
  });
});

describe('error_page', () => {
  it.each<readonly [target: string, status: number, body: string, location: string]>([
    ['/page', 404, 'GET /sorry a=b', ''],
    ['/kept', 200, 'GET /sorry ', ''],
    ['/other', 418, 'GET /sorry ', ''],
    ['/named', 200, 'POST', ''],
    ['/away', 302, '302 Found', 'http://elsewhere/'],
    ['/moved', 301, '301 Moved Permanently', 'http://elsewhere/'],
    ['/once', 404, '404 Not Found', ''],
  ])('%s: %i, %j', async (target, status, body, location) => {
    subject = await balancer(CONFIG);
    const answer = await subject.client(80).get(target, { method: 'POST', body: '' });
    expect([answer.status, answer.body.includes(body)]).toEqual([status, true]);
    expect(answer.headers.find(([name]) => name === 'Location')?.[1] ?? '').toBe(location);
  });

  it.each<readonly [target: string, why: string]>([
    ['/nowhere', 'could not find named location "@none"'],
    ['/circle', 'rewrite or internal redirection cycle while internally redirecting to "/circle"'],
    ['/rewrites', 'rewrite or internal redirection cycle while processing "/rewrites"'],
  ])('%s ends with 500 and says why', async (target, why) => {
    subject = await balancer(CONFIG);
    expect((await subject.client(80).get(target)).status).toBe(500);
    expect(await subject.line('logs/error.log')).toContain(`[error] 4711#4711: *1 ${why}, client: `);
  });
});
