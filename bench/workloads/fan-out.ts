// Fan-out: one client's message that the peer sends to every socket.
import { SEED_FILE } from '../config-text.ts';
import { descriptorsMax } from '../contenders.ts';
import { less, measureLoad, type Workload } from '../workload.ts';

export const fanOut: Workload = {
  name: 'fan-out',
  title: 'Fan-out',
  method:
    'One of the held sockets sends 64 bytes, the peer sends them to every socket; the next message goes out when all have it. First to last is the time between the first and the last socket that has it, the median of the messages of a turn.',
  cases: (scale) => {
    const conns = Math.min(
      { full: 5000, quick: 1000, tiny: 20 }[scale],
      Math.floor(descriptorsMax() / 2) - 200,
    );
    const messages = { full: 10, quick: 5, tiny: 2 }[scale];
    return [
      {
        name: `to ${conns.toLocaleString('en')}`,
        measures: [less('CPU per delivery', 'µs'), less('first to last', 'ms')],
        run: async (turn) => {
          const stand = await turn.stand(SEED_FILE);
          const { cpuMicros, figure } = await measureLoad(turn, stand, 'fan', { conns, messages, size: 64 });
          return {
            'CPU per delivery': cpuMicros / figure('deliveries'),
            'first to last': figure('firstToLast') / 1000,
          };
        },
      },
    ];
  },
};
