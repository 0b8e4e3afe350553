// What becomes of a request body that nobody wants.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Balancer, balancer } from '../../test/support/balancer.ts';
import { simulatedStage } from '../../test/support/stage.ts';

const POST = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';

describe('a body that is read away', () => {
  let subject: Balancer;

  beforeEach(async () => {
    const stage = simulatedStage();
    subject = await balancer(`http { server { listen 127.0.0.1:${stage.port(80)}; return 200 fine; } }`, {
      stage,
    });
  });

  afterEach(async () => {
    expect(await subject.close()).toEqual([]);
  });

  it('is answered with 400 where what came with the head is broken', async () => {
    const client = subject.client(80).expect('POST').send(`${POST}4\r\nlonger\r\n0\r\n\r\n`);
    expect((await client.answer()).status).toBe(400);
    await client.closed();
  });

  it('leaves the next request to be read', async () => {
    const client = subject
      .client(80)
      .expect('POST', 'POST')
      .send(`${POST}4\r\nfour\r\n0\r\n\r\n${POST}0\r\n\r\n`);
    expect([(await client.answer()).body, (await client.answer()).body]).toEqual(['fine', 'fine']);
  });

  it('closes the connection where it breaks after the answer', async () => {
    const client = subject.client(80).expect('POST').send(POST);
    expect((await client.answer()).status).toBe(200);
    client.send('what');
    await client.closed();
  });
});
