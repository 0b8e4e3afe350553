// Back pressure: what a tunnel holds for a side that does not read is bounded, and comes in the end.
import { expect, it } from 'vitest';
import { type Balancer, balancer } from '../../test/support/balancer.ts';
import { TUNNEL_PENDING_BYTES_MAX } from '../base/limits.ts';

const FLOOD = 'every byte comes, and in order; '.repeat(65_536);

const CONFIG = `http { server { listen 80; server_name a; location / { proxy_pass http://127.0.0.1:8010;
  proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; } } }`;

function waiting({ driver }: Balancer, side: 'client' | 'upstream'): number {
  const [row = -1] = driver.tunnels.rows();
  return driver.tunnels.view(row)?.[side].waiting ?? -1;
}

it.each(['client', 'upstream'] as const)('holds little for the %s when it does not read', async (slow) => {
  const subject = await balancer(CONFIG);
  const peer = await subject.peer(8010, ({ connection }) => connection.upgrade() as undefined);
  const client = subject.client(80);
  await client.get('/', { headers: { Upgrade: 'x', Connection: 'upgrade' } });
  const { connection } = await peer.request(1);
  const { end } = slow === 'client' ? client : connection;
  end.pause();
  if (slow === 'client') connection.send(FLOOD);
  else client.send(FLOOD);
  await subject.stage.settle();
  expect(waiting(subject, slow)).toBeGreaterThan(0);
  expect(waiting(subject, slow)).toBeLessThanOrEqual(TUNNEL_PENDING_BYTES_MAX);
  end.resume();
  const heard = (): string => (slow === 'client' ? client.text.slice(-FLOOD.length) : connection.raw);
  await subject.stage.until(() => end.got >= FLOOD.length && heard().length === FLOOD.length);
  await subject.stage.settle();
  expect(heard() === FLOOD).toBe(true);
  expect(await subject.close()).toEqual([]);
});
