// What clients that stay for long hold of the plans that were current when they came: nothing.
import { afterEach, expect, it } from 'vitest';
import { type Balancer, balancer, planOf } from '../../test/support/balancer.ts';
import type { Plan } from '../plan/plan.ts';
import { collectGarbage } from '../supervisor/garbage.ts';

let subject: Balancer;

afterEach(async () => {
  expect(await subject.close()).toEqual([]);
});

const UPGRADE = { headers: { Upgrade: 'websocket', Connection: 'upgrade' } };

/** `marks` differ from reload to reload, as files that people edit do. */
function config(marks = 0, more = ''): string {
  return `http { access_log logs/access.log; upstream u { server 127.0.0.1:8010; }
    server { listen 80; location /${marks} { return 200; } location /idle { return 200 ok; }
      location / { ${more} proxy_pass http://u; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; } } }`;
}

async function tunnel(): Promise<void> {
  expect((await subject.client(80).get('/', UPGRADE)).status).toBe(101);
}

it('tunnels of a thousand reloads share one row of settings, and those of other settings have their own while they live', async () => {
  subject = await balancer(config());
  const { tunnels } = subject.driver;
  await subject.peer(8010, ({ connection }) => connection.upgrade() as undefined);
  await tunnel();
  const plans = [1, 2, 3].map((marks) => planOf(config(marks)));
  for (let reload = 1; reload <= 1000; reload++) {
    subject.swap(plans[reload % plans.length] ?? planOf(''));
    if (reload % 20 === 0) await tunnel();
  }
  expect([tunnels.count, tunnels.settingsCount]).toEqual([51, 1]);
  for (const more of [
    'proxy_read_timeout 7s;',
    'error_log logs/other.log;',
    'error_log logs/other.log info;',
  ]) {
    subject.swap(planOf(config(0, more)));
    await tunnel();
  }
  expect(tunnels.settingsCount).toBe(4);
  tunnels.endOlderThan(subject.generation.number);
  await subject.stage.settle();
  expect([tunnels.count, tunnels.settingsCount]).toEqual([1, 1]);
});

it('neither a tunnel nor a client that lies idle holds the plan that it came under', async () => {
  const plans: WeakRef<Plan>[] = [];
  subject = await balancer(config());
  await subject.peer(8010, ({ connection }) => connection.upgrade() as undefined);
  const idle = subject.client(80);
  for (let reload = 1; reload <= 3; reload++) {
    plans.push(new WeakRef(subject.generation.plan));
    await tunnel();
    expect((await idle.get('/idle')).status).toBe(200);
    expect((await subject.client(80).get('/idle')).status).toBe(200);
    subject.client(80).send('GET /idle HTTP/1.1\r\nHos'); // a head that has begun waits for its end
    await subject.stage.settle();
    subject.swap(planOf(config(reload)));
  }
  subject.generations.splice(0, subject.generations.length - 1);
  await new Promise((resolve) => setImmediate(resolve)); // a WeakRef that was made in this turn holds until its end
  collectGarbage();
  expect(plans.map((plan) => plan.deref() !== undefined)).toEqual([false, false, false]);
  expect([subject.driver.tunnels.count, subject.driver.clientCount]).toEqual([3, 7]);
});
