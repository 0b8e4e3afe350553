// What an exchange waits for wakes it once, and never one that has gone another way meanwhile.
import { afterEach, describe, expect, it } from 'vitest';
import { type Balancer, balancer } from '../../test/support/balancer.ts';

let subject: Balancer;

afterEach(async () => {
  expect(await subject.close()).toEqual([]);
});

const POST = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n';

describe('an exchange that is sent elsewhere by its body while it waits', () => {
  it('takes no answer to a question that it does not ask any more', async () => {
    subject = await balancer(
      `http { resolver 127.0.0.1; server { listen 80; error_page 400 = @other;
        location / { set $h first; proxy_request_buffering off; proxy_http_version 1.1; proxy_pass http://$h:8010; }
        location @other { set $h second; proxy_pass http://$h:8010; } } }`,
      { names: { first: ['127.0.0.2'], second: ['127.0.0.3'] }, nameDelayMs: 1000 },
    );
    const first = await subject.peer({ family: 4, host: '127.0.0.2', port: 8010 });
    const second = await subject.peer({ family: 4, host: '127.0.0.3', port: 8010 }, () => ({
      body: 'second',
    }));
    const client = subject.client(80).expect('POST').send(POST);
    await subject.stage.elapse(500);
    client.send('broken\r\n');
    expect((await client.answer()).body).toBe('second');
    expect([first.connections.length, second.connections.length]).toEqual([0, 1]);
  });

  it('is not asked again by a delay that it does not wait for any more', async () => {
    subject = await balancer(
      `error_log logs/error.log info; http { limit_req_zone $server_name zone=one:1m rate=1r/s; recursive_error_pages on; server { listen 80; server_name a;
        location / { proxy_request_buffering off; proxy_http_version 1.1; proxy_intercept_errors on; error_page 404 = @slow;
          error_page 400 = @other; proxy_pass http://127.0.0.1:8010; }
        location @slow { limit_req zone=one burst=9; error_page 400 = @other; proxy_pass http://127.0.0.1:8010; }
        location @other { proxy_pass http://127.0.0.1:8011; } } }`,
    );
    const first = await subject.peer(8010);
    first.onHead = ({ connection }) => connection.send('HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n');
    const second = await subject.peer(8011, () => undefined);
    const filler = subject.client(80).expect('POST').send(POST);
    await subject.stage.elapse(100);
    const client = subject.client(80).expect('POST').send(POST);
    await subject.stage.elapse(100);
    client.send('broken\r\n');
    await subject.stage.elapse(5000);
    expect(second.connections).toHaveLength(1);
    filler.close();
  });
});
