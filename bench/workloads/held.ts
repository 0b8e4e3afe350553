// Idle WebSockets: what one costs in memory, what thousands cost in CPU, and what the program needs with nothing connected.
import { SEED_FILE } from '../config-text.ts';
import { descriptorsMax, FLOOR } from '../contenders.ts';
import { privateBytes } from '../meter.ts';
import { pause, type Stand } from '../stand.ts';
import { type Case, less, type Turn, type Workload } from '../workload.ts';

/** A tunnel is two descriptors of a process that has some besides. */
const OTHER_DESCRIPTORS = 400;
const IDLE_MS = 10_000;
const PING_MS = 25_000;
/** Memory that a start or a rush leaves is given back meanwhile. */
const SETTLE_MS = { full: 3000, quick: 500, tiny: 50 };

export const heldMemory: Workload = {
  name: 'memory',
  title: 'Memory of held WebSockets',
  method:
    'A fresh process on the seed’s file. Private memory (Private_Clean + Private_Dirty of smaps_rollup, master and workers) is read with nothing connected, again once the sockets have been idle for a while, and the difference divided by their number. What the kernel keeps for the sockets is not in it.',
  suits: (contender) => contender.name !== FLOOR, // one table of fixed size, and nothing to measure
  cases: (scale) => {
    const most = Math.floor((descriptorsMax() - OTHER_DESCRIPTORS) / 2);
    const counts = { full: [1000, 8000, most], quick: [1000], tiny: [50] }[scale];
    return [...new Set(counts.map((count) => Math.min(count, most)))].map((count) =>
      memoryCase(count, scale === 'full' ? 3 : 1),
    );
  },
};

export const idleCpu: Workload = {
  name: 'idle',
  title: 'CPU of idle WebSockets',
  method:
    'WebSockets held through the seed’s file for ten seconds, silent or with a ping from each every 25 s (answered by the peer). The CPU of all the contender’s processes in that time.',
  cases: (scale) => {
    if (scale !== 'full') return []; // ten seconds a turn
    const count = Math.min(8000, Math.floor((descriptorsMax() - OTHER_DESCRIPTORS) / 2));
    return [idleCase(count, 0), idleCase(count, PING_MS)];
  },
};

function memoryCase(count: number, roundsMax: number): Case {
  return {
    name: `${count.toLocaleString('en')} held`,
    measures: [
      less('private memory per socket', 'B'),
      less('with nothing connected', 'MiB'),
      less('in all', 'MiB'),
    ],
    isWarmed: false,
    roundsMax,
    run: async (turn) => {
      const stand = await turn.freshStand(SEED_FILE);
      await pause(SETTLE_MS[turn.scale]);
      const before = privateBytes(stand.pid);
      const after = await whileHeld(turn, stand, count, 0, async () => {
        await pause(SETTLE_MS[turn.scale]);
        return privateBytes(stand.pid);
      });
      return {
        'private memory per socket': (after - before) / count,
        'with nothing connected': before / 2 ** 20,
        'in all': after / 2 ** 20,
      };
    },
  };
}

function idleCase(count: number, pingMs: number): Case {
  const pinged = pingMs > 0 ? `each with a ping every ${pingMs / 1000} s` : 'silent';
  return {
    name: `${count.toLocaleString('en')}, ${pinged}`,
    measures: [less('CPU in ten seconds', 'ms')],
    isWarmed: false,
    roundsMax: 3,
    run: async (turn) => {
      const stand = await turn.freshStand(SEED_FILE);
      const cpu = await whileHeld(turn, stand, count, pingMs, async () => {
        await pause(SETTLE_MS[turn.scale]);
        const before = stand.meter.sample();
        await pause(IDLE_MS);
        return stand.meter.sample() - before;
      });
      return { 'CPU in ten seconds': cpu / 1e6 };
    },
  };
}

async function whileHeld<T>(
  turn: Turn,
  stand: Stand,
  conns: number,
  pingMs: number,
  work: () => Promise<T>,
): Promise<T> {
  const load = turn.startLoad('hold', { port: stand.port, conns, ping_ms: pingMs });
  try {
    await load.opened;
    load.go();
    return await work();
  } finally {
    await load.end();
    await load.figures; // a socket that was closed meanwhile is a failure
  }
}
