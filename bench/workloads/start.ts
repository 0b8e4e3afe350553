// Starting: from the process's start to the first 101, and the check of a long file.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type ConfigFile, SEED_FILE, seedOf } from '../config-text.ts';
import type { Launch } from '../contenders.ts';
import { freePort, pause } from '../stand.ts';
import { less, NotPlayed, type Turn, type Workload } from '../workload.ts';

const START_MS = 20_000;
const REQUEST =
  'GET /chat HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n';
/** Five lines each. */
const SERVERS_OF_LONG_FILE = 1000;

export const start: Workload = {
  name: 'start',
  title: 'Start',
  method:
    'The time from the start of the process in the foreground, on the seed’s file, until a client that tries every millisecond has its first 101; the same as a multiple of “node -e 0”, timed just before.',
  cases: () => [
    {
      name: 'to the first 101',
      measures: [less('start to first 101', 'ms'), less('times “node -e 0”', '×')],
      run: async (turn) => {
        const bare = bareNodeMs();
        const ms = await untilFirst101(turn);
        return { 'start to first 101': ms, 'times “node -e 0”': ms / bare };
      },
    },
  ],
};

export const check: Workload = {
  name: 'check',
  title: 'Check of a long file',
  method: '“-t” of a file of 5,000 lines and 1,000 servers, from the start of the process to its end.',
  suits: (contender) => contender.isNginxLike && contender.name !== 'holdfast-portable', // no engine is started
  cases: (scale) =>
    scale === 'tiny'
      ? []
      : [
          {
            name: '5,000 lines',
            measures: [less('time of -t', 'ms')],
            run: async (turn) => {
              const { launch, folder } = await launchOf(turn, seedOf(SERVERS_OF_LONG_FILE));
              const begun = performance.now();
              const ended = spawnSync(launch.command, [...launch.flags, '-t'], {
                cwd: folder,
                encoding: 'utf8',
                env: { ...process.env, ...launch.env },
              });
              if (ended.status !== 0) throw new Error(`-t says ${ended.stderr.slice(-300)}`);
              return { 'time of -t': performance.now() - begun };
            },
          },
        ],
};

function bareNodeMs(): number {
  const begun = performance.now();
  spawnSync(process.execPath, ['-e', '0']);
  return performance.now() - begun;
}

async function untilFirst101(turn: Turn): Promise<number> {
  const { launch, folder, port } = await launchOf(turn, SEED_FILE);
  const begun = performance.now();
  const child = spawn(launch.command, launch.flags, {
    cwd: folder,
    stdio: 'ignore',
    env: { ...process.env, ...launch.env },
  });
  const ended = new Promise<void>((resolve) =>
    child.once('close', () => resolve()).once('error', () => resolve()),
  );
  try {
    while (!(await upgrades(port))) {
      if (child.exitCode !== null || performance.now() - begun > START_MS)
        throw new Error('it does not start');
      await pause(1);
    }
    return performance.now() - begun;
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}

function upgrades(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(REQUEST));
    socket.once('data', (bytes) => {
      resolve(bytes.toString('latin1').startsWith('HTTP/1.1 101'));
      socket.destroy();
    });
    socket.once('error', () => resolve(false)).once('close', () => resolve(false));
  });
}

async function launchOf(
  turn: Turn,
  file: ConfigFile,
): Promise<{ launch: Launch; folder: string; port: number }> {
  const folder = mkdtempSync(join(turn.folder, 'start-'));
  mkdirSync(join(folder, 'logs'));
  const port = await freePort();
  const launch = turn.contender.launch(file, { port, peers: turn.upstream.ports, folder }, 1);
  if (launch === undefined) throw new NotPlayed(`${turn.contender.title} does not play ${file.name}`);
  return { launch, folder, port };
}
