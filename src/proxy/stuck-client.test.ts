// A client that takes nothing of its answer has send_timeout, whatever it sends meanwhile.
import { afterEach, expect, it } from 'vitest';
import { type Balancer, balancer } from '../../test/support/balancer.ts';

let subject: Balancer;

afterEach(async () => {
  expect(await subject.close()).toEqual([]);
});

it('what it sends of its body gives it no more time', async () => {
  subject = await balancer(`error_log logs/error.log info; http { send_timeout 10s; server { listen 80;
    location / { proxy_request_buffering off; proxy_max_temp_file_size 0; proxy_pass http://127.0.0.1:8010; } } }`);
  const peer = await subject.peer(8010);
  peer.onHead = ({ connection }) =>
    connection.send(`HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(1_000_000)}`);
  const client = subject.client(80);
  client.end.pause();
  client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n');
  await subject.stage.settle();
  for (let second = 0; second < 20; second += 4) {
    client.send('1\r\nx\r\n');
    await subject.stage.elapse(4000);
  }
  expect(subject.driver.clientCount).toBe(0);
  expect(subject.errorLog.at(-1)).toContain(
    'client timed out (110: Connection timed out) while sending to client',
  );
});
