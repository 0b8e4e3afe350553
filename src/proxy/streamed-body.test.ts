// A request's body that is passed on while it comes: what the simulation found, each in the shortest way.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Balancer, balancer } from '../../test/support/balancer.ts';
import { type Stage, simulatedStage } from '../../test/support/stage.ts';

let stage: Stage;
let subject: Balancer;

beforeEach(async () => {
  stage = simulatedStage(1);
  const text = `
    error_log logs/error.log info;
    http {
      upstream nodes { server 127.0.0.1:8001; server 127.0.0.1:8002; }
      upstream one { server 127.0.0.1:8001; }
      client_body_timeout 5s;
      client_body_buffer_size 1k;
      proxy_request_buffering off;
      proxy_set_header Connection "";
      server {
        listen 80;
        location / { proxy_pass http://one; }
        location /two/ { proxy_pass http://nodes; proxy_next_upstream error http_503 non_idempotent; }
      }
    }`;
  subject = await balancer(text, { stage });
});

afterEach(async () => {
  expect(await subject.close()).toEqual([]);
});

it('what comes while the next peer is connected to reaches that peer', async () => {
  const first = await subject.peer(8001, () => undefined);
  const second = await subject.peer(8002);
  first.onHead = ({ connection }) => connection.close();
  const client = subject.client(80).expect('POST');
  client.send('POST /two/ HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc');
  await stage.until(() => stage.world?.links.length === 3, 'the connect to the second peer');
  client.send('def'); // arrives before that is answered
  expect((await client.answer()).body).toBe('ok');
  expect(second.requests[0]?.body).toBe('abcdef');
});

it('an early 503 leaves the body to the next peer', async () => {
  const first = await subject.peer(8001, () => undefined);
  const second = await subject.peer(8002);
  first.onHead = ({ connection }) =>
    connection.send('HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  const client = subject.client(80).expect('POST');
  client.send('POST /two/ HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n');
  await stage.until(() => subject.driver.facts.counters.accepted === 1 && first.connections.length === 1);
  await stage.settle();
  client.send('abcdef');
  expect((await client.answer()).body).toBe('ok');
  expect(second.requests[0]?.body).toBe('abcdef');
});

it("a client's time stands still while its peer makes no room", async () => {
  const peer = await subject.peer(8001);
  peer.onHead = ({ connection }) => connection.end.pause();
  const client = subject.client(80).expect('POST');
  const body = 'x'.repeat(1_000_000);
  client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  await stage.until(() => peer.connections.length === 1);
  await stage.elapse(10_000);
  peer.connections[0]?.end.resume();
  expect((await client.answer()).status).toBe(200);
  expect(peer.requests[0]?.body.length).toBe(body.length);
});

it('a connection that got half a request is not kept', async () => {
  const peer = await subject.peer(8001, ({ target }) => ({ body: target }));
  peer.onHead = ({ connection, target }) => {
    if (target !== '/early') return;
    connection.end.pause(); // so that the rest waits in the balancer
    connection.send('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n');
  };
  const client = subject.client(80).expect('POST');
  const body = 'x'.repeat(600_000);
  client.send(
    `POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 400_000)}`,
  );
  await stage.until(() => peer.connections.length === 1);
  await stage.settle();
  client.send(body.slice(400_000));
  await stage.settle();
  const [connection] = peer.connections;
  connection?.end.resume();
  await stage.settle();
  connection?.send('answer');
  expect((await client.answer()).body).toBe('answer');
  expect((await client.get('/next')).body).toBe('/next');
  expect(peer.connections.length).toBe(2);
});

it('a malformed chunk in the read that brought the head is answered once', async () => {
  await subject.peer(8001);
  const client = subject.client(80).expect('POST');
  client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n');
  expect((await client.answer()).status).toBe(400);
  await client.closed();
  expect(subject.accessLog.length).toBe(1);
});
