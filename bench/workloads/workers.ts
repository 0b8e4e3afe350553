// Several workers: what a second one brings on this machine, and how evenly the kernel spreads the clients over both.
import { SEED_FILE } from '../config-text.ts';
import { processTree, socketsOf } from '../meter.ts';
import type { Stand } from '../stand.ts';
import { figureOf, less, more, type Turn, type Workload } from '../workload.ts';

const WORKERS = 2;
const CONNECTIONS = 200;

export const workers: Workload = {
  name: 'workers',
  title: 'From one worker to two',
  method:
    'Echoes of 64 B on 200 connections with one worker and with two. Load, peer and contender share the machine’s cores, so two cores cannot show what a second worker brings where there are more. The smallest share is that of the worker with the fewest sockets, of all that were opened (50 % would be even).',
  suits: (contender) => contender.isNginxLike && contender.name !== 'holdfast-portable', // which runs one worker
  cases: (scale) => [
    {
      name: `${CONNECTIONS} connections`,
      measures: [
        more('echoes per second, one worker', '/s'),
        more('echoes per second, two workers', '/s'),
        more('times one worker', '×'),
        less('CPU per echo, two workers', 'µs'),
        more('smallest share', '%'),
      ],
      run: async (turn) => {
        const messages = { full: 60_000, quick: 20_000, tiny: 500 }[scale];
        const one = await echoes(turn, await turn.freshStand(SEED_FILE), messages);
        const two = await echoes(turn, await turn.freshStand(SEED_FILE, { workers: WORKERS }), messages);
        return {
          'echoes per second, one worker': one.perSecond,
          'echoes per second, two workers': two.perSecond,
          'times one worker': two.perSecond / one.perSecond,
          'CPU per echo, two workers': two.cpu,
          'smallest share': two.smallestShare,
        };
      },
    },
  ],
};

async function echoes(
  turn: Turn,
  stand: Stand,
  messages: number,
): Promise<{ perSecond: number; cpu: number; smallestShare: number }> {
  const processes = [...processTree(stand.pid).keys()].filter((pid) => pid !== stand.pid);
  const idle = processes.map(socketsOf);
  const load = turn.startLoad('echo', { port: stand.port, conns: CONNECTIONS, messages, size: 64 });
  try {
    await load.opened;
    const opened = processes.map((pid, index) => socketsOf(pid) - (idle[index] ?? 0));
    const before = stand.meter.sample();
    load.go();
    const line = await load.figures;
    const cpu = (stand.meter.sample() - before) / 1000 / messages;
    const all = opened.reduce((sum, count) => sum + count, 0);
    return { perSecond: figureOf(line, 'perSecond'), cpu, smallestShare: (100 * Math.min(...opened)) / all };
  } finally {
    await load.end();
  }
}
