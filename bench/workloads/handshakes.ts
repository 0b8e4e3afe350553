// Handshakes: connections that are opened, upgraded and closed, 32 at a time.
import { SEED_FILE } from '../config-text.ts';
import { less, measureLoad, more, type Workload } from '../workload.ts';

export const handshakes: Workload = {
  name: 'handshakes',
  title: 'Handshakes',
  method:
    'Connections through the seed’s file, 32 at a time, each closed by the client when its 101 is there; a log line each. CPU per handshake holds the accept, both heads, the connection to the peer, both closes and the log line.',
  cases: (scale) => {
    const count = { full: 6000, quick: 1000, tiny: 100 }[scale];
    return [
      {
        name: '32 at a time',
        measures: [less('CPU per handshake', 'µs'), more('handshakes per second', '/s'), less('p99', 'µs')],
        run: async (turn) => {
          const stand = await turn.stand(SEED_FILE);
          const { cpuMicros, figure } = await measureLoad(turn, stand, 'handshakes', { count });
          return {
            'CPU per handshake': cpuMicros / count,
            'handshakes per second': figure('perSecond'),
            p99: figure('p99'),
          };
        },
      },
    ];
  },
};
