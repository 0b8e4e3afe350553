// A peer that answers before it has had the whole request: what it does not take of it any more is no fault of its answer.
import { afterEach, expect, it } from 'vitest';
import { type Balancer, balancer } from '../../test/support/balancer.ts';
import type { PeerTalk } from '../../test/support/peer.ts';
import { type Conn, SEND_FAILED } from '../io/engine.ts';

let subject: Balancer;

afterEach(async () => {
  expect(await subject.close()).toEqual([]);
});

const BODY = 'x'.repeat(1_000_000);

/** A peer that has answered with its head and half of its body and reads no further, and what the client has in the end. */
async function halfAnswered(): Promise<{ connection: PeerTalk; answer: () => Promise<string> }> {
  subject = await balancer(`error_log logs/error.log info; http { client_max_body_size 2m; server { listen 80;
    location / { proxy_send_timeout 2s; proxy_read_timeout 60s; proxy_pass http://127.0.0.1:8010; } } }`);
  const peer = await subject.peer(8010, () => undefined);
  peer.onHead = ({ connection }) => {
    connection.end.pause();
    connection.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nda');
  };
  const client = subject.client(80).request('/', { method: 'POST', body: BODY });
  await subject.stage.until(() => client.text.endsWith('da'));
  const [connection] = peer.connections;
  if (connection === undefined) throw new Error('no connection came');
  return { connection, answer: async () => (await client.answer()).body };
}

it('it has proxy_read_timeout for the rest of its answer', async () => {
  const { connection, answer } = await halfAnswered();
  await subject.stage.elapse(30_000);
  connection.send('ta');
  expect(await answer()).toBe('data');
  expect(subject.errorLog.filter((line) => line.includes('timed out'))).toEqual([]);
});

it('the rest of its answer is read though nothing can be sent to it', async () => {
  const { connection, answer } = await halfAnswered();
  const { engine } = subject.stage;
  const send = engine.send.bind(engine);
  let asked: Conn = -1;
  engine.send = (conn, bytes, start, end) => {
    if (end - start < 60_000) return send(conn, bytes, start, end);
    asked = conn;
    return SEND_FAILED;
  };
  connection.end.resume();
  await subject.stage.until(() => asked !== -1, 'more of the request');
  connection.send('ta');
  expect(await answer()).toBe('data');
});

it('it is sent the rest of a stored body all the same', async () => {
  const { connection, answer } = await halfAnswered();
  connection.end.resume();
  await subject.stage.until(() => connection.reader.messages[0]?.state === 'complete', 'the whole request');
  expect(connection.reader.messages[0]?.body.length).toBe(BODY.length);
  connection.send('ta');
  expect(await answer()).toBe('data');
});
