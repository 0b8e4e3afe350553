// Reloads: what a HUP does to echoes that are on their way, and what a hundred of them leave behind.
import { type ConfigFile, SEED_FILE, seedOf } from '../config-text.ts';
import { privateBytes, processTree } from '../meter.ts';
import { type Load, pause, type Stand } from '../stand.ts';
import { type Case, figureOf, less, type Turn, type Workload } from '../workload.ts';

const HUPS_DURING_ECHOES = 10;
const HUPS = 100;
const HELD_AT_FIRST = 1000;
/** Opened before each HUP, so that every generation of nginx's workers has somebody to wait for. */
const HELD_PER_HUP = 10;
/** Longer than a process waits until it collects what reloads have left behind. */
const SETTLE_MS = 9000;

export const reloadEchoes: Workload = {
  name: 'reload',
  title: 'Echoes during reloads',
  method:
    '100 WebSockets through the seed’s file, one message of 64 bytes each every 50 ms, evenly spread; first undisturbed, then with ten HUPs to the master, each after the one before it has come to its end. A message that is late counts from when it was due, and so do those that it kept waiting. The longest gap is the longest time in which no echo of any socket came.',
  suits: (contender) => contender.isNginxLike,
  cases: (scale) => {
    const ms = { full: 6000, quick: 2000, tiny: 300 }[scale];
    return [
      {
        name: 'ten HUPs',
        measures: [
          less('p99 undisturbed', 'µs'),
          less('p99 during HUPs', 'µs'),
          less('p99 during HUPs, times undisturbed', '×'),
          less('longest gap during HUPs', 'ms'),
        ],
        roundsMax: 7,
        run: (turn) => echoesDuringHups(turn, ms),
      },
    ];
  },
};

export const reloadLeft: Workload = {
  name: 'reloads-left',
  title: 'What a hundred reloads leave',
  method:
    '1,000 WebSockets are held; before each of a hundred HUPs ten more are opened, 2,000 at the end, and none is closed; each HUP waits until the one before it has come to its end. Processes and private memory of the whole program after 50 and after 100.',
  suits: (contender) => contender.isNginxLike,
  cases: (scale) =>
    scale === 'full' ? [leftCase('the seed’s file', SEED_FILE), leftCase('1,000 servers', seedOf(1000))] : [],
};

async function echoesDuringHups(turn: Turn, ms: number): Promise<Record<string, number>> {
  const stand = await turn.freshStand(SEED_FILE);
  await paced(turn, stand, ms / 2, 0);
  const calm = await paced(turn, stand, ms, 0);
  const during = await paced(turn, stand, ms, HUPS_DURING_ECHOES);
  return {
    'p99 undisturbed': calm.p99,
    'p99 during HUPs': during.p99,
    'p99 during HUPs, times undisturbed': during.p99 / calm.p99,
    'longest gap during HUPs': during.longestGap / 1000,
  };
}

async function paced(
  turn: Turn,
  stand: Stand,
  ms: number,
  hups: number,
): Promise<{ p99: number; longestGap: number }> {
  const load = turn.startLoad('pace', { port: stand.port, conns: 100, every_ms: 50, ms });
  try {
    await load.opened;
    load.go();
    for (let hup = 0; hup < hups; hup++) {
      await pause(ms / (hups + 2));
      await stand.reload();
    }
    const line = await load.figures;
    return { p99: figureOf(line, 'p99'), longestGap: figureOf(line, 'longestGap') };
  } finally {
    await load.end();
  }
}

function leftCase(name: string, file: ConfigFile): Case {
  return {
    name,
    measures: [
      less('processes before', ''),
      less('processes after 100', ''),
      less('private memory after 50', 'MiB'),
      less('private memory after 100', 'MiB'),
      less('more after 100 than after 50, per process', 'MiB'),
    ],
    isWarmed: false,
    roundsMax: 1,
    run: async (turn) => {
      const stand = await turn.freshStand(file);
      const loads: Load[] = [];
      try {
        await hold(turn, stand, HELD_AT_FIRST, loads);
        const before = processTree(stand.pid).size;
        await hupsWithHolds(turn, stand, loads);
        const half = await settledMiB(stand);
        await hupsWithHolds(turn, stand, loads);
        const end = await settledMiB(stand);
        const processes = processTree(stand.pid).size;
        return {
          'processes before': before,
          'processes after 100': processes,
          'private memory after 50': half,
          'private memory after 100': end,
          'more after 100 than after 50, per process': (end - half) / before,
        };
      } finally {
        for (const load of loads) await load.end();
        for (const load of loads) await load.figures; // a socket that was closed meanwhile is a failure
      }
    },
  };
}

async function hupsWithHolds(turn: Turn, stand: Stand, loads: Load[]): Promise<void> {
  for (let hup = 0; hup < HUPS / 2; hup++) {
    await hold(turn, stand, HELD_PER_HUP, loads);
    await stand.reload();
  }
}

async function hold(turn: Turn, stand: Stand, conns: number, loads: Load[]): Promise<void> {
  const load = turn.startLoad('hold', { port: stand.port, conns });
  loads.push(load);
  await load.opened;
  load.go();
}

async function settledMiB(stand: Stand): Promise<number> {
  await pause(SETTLE_MS);
  return privateBytes(stand.pid) / 2 ** 20;
}
