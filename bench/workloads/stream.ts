// One-way streams on one WebSocket: from the client to the peer and back, in frames of 64 KiB.
import { SEED_FILE } from '../config-text.ts';
import { type Case, less, measureLoad, more, type Scale, type Workload } from '../workload.ts';

export const stream: Workload = {
  name: 'stream',
  title: 'One-way stream',
  method:
    'One WebSocket through the seed’s file carries binary frames of 64 KiB as fast as the slowest of client, contender and peer allows; the end is a text message that comes back (up) or the last byte (down).',
  cases: (scale) => [streamCase('client to peer', 'up', scale), streamCase('peer to client', 'down', scale)],
};

function streamCase(name: string, way: 'up' | 'down', scale: Scale): Case {
  const bytes = { full: 2 ** 30, quick: 2 ** 28, tiny: 2 ** 22 }[scale];
  return {
    name,
    measures: [less('CPU per GB', 'ms'), more('throughput', 'GB/s')],
    run: async (turn) => {
      const stand = await turn.stand(SEED_FILE);
      const { cpuMicros, figure } = await measureLoad(turn, stand, 'stream', { way, bytes });
      return { 'CPU per GB': cpuMicros / 1000 / (bytes / 1e9), throughput: figure('gigabytesPerSecond') };
    },
  };
}
