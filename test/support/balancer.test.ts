// The kit itself, and with it the shortest ways through the driver: the same cases on simulated and on real sockets.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Balancer, balancer } from './balancer.ts';
import { portableStage, type Stage, simulatedStage } from './stage.ts';
import { headerOf } from './wire-reader.ts';

const STAGES: readonly (readonly [string, () => Stage | Promise<Stage>])[] = [
  ['simulated', () => simulatedStage()],
  ['portable', portableStage],
];

describe.each(STAGES)('a balancer on a %s stage', (_name, makeStage) => {
  let stage: Stage;
  let subject: Balancer;

  beforeEach(async () => {
    stage = await makeStage();
    const text = `
      error_log logs/error.log info;
      http {
        upstream nodes { server 127.0.0.1:${stage.port(8010)}; }
        server {
          listen 127.0.0.1:${stage.port(80)};
          location / {
            proxy_pass http://nodes;
            proxy_set_header Host $host;
            proxy_set_header Connection $http_connection;
            proxy_set_header Upgrade $http_upgrade;
          }
        }
      }`;
    subject = await balancer(text, { stage });
  });

  afterEach(async () => {
    expect(await subject.close()).toEqual([]);
  });

  it('passes requests of one connection on and answers in order', async () => {
    const peer = await subject.peer(8010, ({ target }) => ({ body: `you asked for ${target}` }));
    const client = subject
      .client(80)
      .request('/one')
      .request('/two', { method: 'POST', body: 'x'.repeat(9) });
    expect((await client.answer()).body).toBe('you asked for /one');
    expect((await client.answer()).body).toBe('you asked for /two');
    expect(peer.requests.map(({ body }) => body)).toEqual(['', 'xxxxxxxxx']);
    expect(headerOf(peer.requests[0]!, 'host')).toBe('localhost');
  });

  it('relays what follows an upgrade, both ways, and ends when both have ended', async () => {
    const peer = await subject.peer(8010, ({ connection }) => connection.upgrade() as undefined);
    const client = subject.client(80).request('/', { headers: { Connection: 'upgrade', Upgrade: 'echo' } });
    expect((await client.answer()).status).toBe(101);
    client.send('to the peer');
    await stage.until(() => peer.connections[0]?.raw === 'to the peer');
    peer.connections[0]!.send('to the client');
    expect(await client.tunneled(13)).toBe('to the client');
    client.shutdown();
    await client.closed();
  });

  it('answers 502 where nobody listens', async () => {
    const answer = await subject.client(80).get('/');
    expect(answer.status).toBe(502);
    await stage.until(() => subject.errorLog.some((line) => line.includes('Connection refused')));
  });

  it('drains', async () => {
    await subject.peer(8010);
    const client = subject.client(80);
    expect((await client.get('/')).body).toBe('ok');
    subject.drain();
    await client.closed();
    await subject.drained();
  });
});
