// Reloads under load, two workers: numbered messages on 200 sockets through 50 HUPs, with the same file, a changed one and a
// broken one by turns. None is closed, lost or out of order, and there are as many processes and descriptors after as before.
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { curl, openSocket, type Talker } from './clients.ts';
import { startNode } from './nodes.ts';
import { freePort, type Program, startProgram, until } from './program.ts';

const SOCKETS = 200;
const RELOADS = 50;
const DESCRIPTORS_MS = 5_000;

describe('50 reloads', () => {
  it('touch none of 200 sockets that exchange numbered messages', async () => {
    const port = await freePort();
    const node = await startNode('node-a', await freePort());
    const program = await startProgram(textOf(port, node.port, 'answer-0'));
    const talkers = await Promise.all(
      Array.from({ length: SOCKETS }, () => openSocket(`ws://127.0.0.1:${port}/chat`)),
    );
    for (const talker of talkers) await talker.hear();
    const before = countsOf(program);

    const talk = { going: true };
    const talking = Promise.all(talkers.map((talker) => exchange(talker, talk)));
    for (let reload = 1; reload <= RELOADS; reload++) await reloadOnce(program, port, node.port, reload);
    talk.going = false;
    const counts = await talking;

    expect(Math.min(...counts)).toBeGreaterThan(RELOADS / 2);
    expect(talkers.filter((talker) => talker.closed !== undefined)).toEqual([]);
    await until(
      () => countsOf(program).descriptors <= before.descriptors,
      `descriptors as before: ${JSON.stringify(before)}`,
      DESCRIPTORS_MS,
    );
    expect(countsOf(program)).toEqual(before);
  }, 120_000);
});

/** Says a number and waits for it to come back, again and again; how many there were. */
async function exchange(talker: Talker, talk: { readonly going: boolean }): Promise<number> {
  let count = 0;
  while (talk.going) {
    talker.say(String(count));
    const heard = await talker.hear();
    if (heard !== String(count)) throw new Error(`heard ${heard} in place of ${count}`);
    count++;
  }
  return count;
}

/** By turns: another answer, which must come; a broken file, which must be refused; the same file again. */
async function reloadOnce(program: Program, port: number, nodePort: number, reload: number): Promise<void> {
  const errors = (): number => program.read('logs/error.log').split('unknown directive "nonsense"').length;
  const was = errors();
  const answer = `answer-${reload - (reload % 3)}`;
  const broken = reload % 3 === 1;
  await program.configure(textOf(port, nodePort, answer, broken ? 'nonsense on;' : ''));
  program.signal('SIGHUP');
  if (broken) return until(() => errors() > was, `the refusal of reload ${reload}`);
  await until(
    async () => (await curl(`http://127.0.0.1:${port}/`)) === answer,
    `the answer of reload ${reload}`,
  );
}

function textOf(port: number, nodePort: number, answer: string, extra = ''): string {
  return `worker_processes 2;
    http {
      access_log off;
      server {
        listen ${port};
        ${extra}
        location / { return 200 ${answer}; }
        location /chat {
          proxy_pass http://127.0.0.1:${nodePort};
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection upgrade;
        }
      }
    }`;
}

function countsOf(program: Program): { readonly processes: number; readonly descriptors: number } {
  const processes = program.processes();
  const descriptors = processes.reduce((sum, pid) => sum + readdirSync(`/proc/${pid}/fd`).length, 0);
  return { processes: processes.length, descriptors };
}
