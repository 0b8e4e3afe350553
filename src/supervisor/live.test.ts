import { expect, it } from 'vitest';
import { planOf } from '../../test/support/balancer.ts';
import { seededRandom } from '../base/random.ts';
import type { Plan } from '../plan/plan.ts';
import type { Generation } from '../proxy/generation.ts';
import { collectGarbage } from './garbage.ts';
import { type LiveSources, makeGeneration } from './live.ts';

const ZONE = new ArrayBuffer(65_536);
const SOURCES: LiveSources = {
  random: seededRandom(1),
  pid: 4711,
  stamp: () => '',
  openLog: () => ({ write: () => undefined }) as never,
  openZone: () => ZONE,
};

function text(peers: string, more = ''): string {
  return `http { upstream app { ${more} ${peers} } server { listen 80; location / { proxy_pass http://app; } } }`;
}

it('peers keep their state over reloads, whatever stands beside them', () => {
  const first = makeGeneration(
    1,
    planOf(text('server 127.0.0.1:1; server 127.0.0.1:2;')),
    undefined,
    SOURCES,
  );
  const second = (generation: Generation) =>
    generation.upstreams[0]?.peers.find(({ name }) => name === '127.0.0.1:2');
  const peer = second(first);
  if (peer === undefined) throw new Error('no peer');
  peer.table.fails[peer.row] = 3;
  const next = makeGeneration(2, planOf(text('server 127.0.0.1:3; server 127.0.0.1:2;')), first, SOURCES);
  const same = second(next);
  expect(same?.table).toBe(peer.table);
  expect(same?.row).toBe(peer.row);
  const zoned = second(
    makeGeneration(3, planOf(text('server 127.0.0.1:2; server 127.0.0.1:4;', 'zone z 64k;')), next, SOURCES),
  );
  expect(zoned?.table).not.toBe(peer.table);
  expect(zoned?.table.fails[zoned.row]).toBe(3);
});

it('a generation that nobody uses is collected with its plan, however many came after it', async () => {
  const plans: WeakRef<Plan>[] = [];
  let current: Generation | undefined;
  for (let number = 1; number <= 5; number++) {
    const plan = planOf(text(`server 127.0.0.1:${number};`));
    plans.push(new WeakRef(plan));
    current = makeGeneration(number, plan, current, SOURCES);
    current.errorLogOf(plan.servers[0]?.root.core.errorLogs ?? []);
  }
  await new Promise((resolve) => setTimeout(resolve, 0)); // a WeakRef that was made in this turn holds until its end
  collectGarbage();
  expect(plans.filter((plan) => plan.deref() !== undefined)).toHaveLength(1);
  expect(current?.number).toBe(5);
});
