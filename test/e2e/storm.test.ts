// Signals faster than they can be obeyed, and processes that are killed in the midst: in the end the last file counts, with as many
// processes and descriptors as before.
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { needsLinux } from '../support/skip.ts';
import { curl, openSocket } from './clients.ts';
import { startNode } from './nodes.ts';
import { freePort, type Program, startProgram, until } from './program.ts';

const BROKEN = 'http { server { nonsense; } }';

function workersOf(program: Program): number[] {
  return program.processes().filter((pid) => pid !== program.pid);
}

function descriptorsOf(program: Program): number {
  return program.processes().reduce((sum, pid) => sum + readdirSync(`/proc/${pid}/fd`).length, 0);
}

describe('a storm', { timeout: 60_000 }, () => {
  needsLinux('descriptors are counted in /proc');

  it('of 50 HUPs, a broken file in the midst, closes nothing and ends with the last file', async () => {
    const { port, text, program } = await begin();
    const talker = await openSocket(`ws://127.0.0.1:${port}/chat`);
    await talker.hear();
    const answers = async (answer: string): Promise<void> =>
      until(async () => (await curl(`http://127.0.0.1:${port}/`)) === answer, answer);
    program.signal('SIGHUP');
    await until(() => program.read('logs/error.log').includes('is in force'), 'a first reload');
    const before = descriptorsOf(program);
    for (let i = 1; i <= 50; i++) {
      await program.configure(i % 5 === 0 ? BROKEN : text(`answer-${i}`));
      program.signal('SIGHUP');
      await new Promise((resolve) => setImmediate(resolve));
    }
    await program.configure(text('last'));
    program.signal('SIGHUP');
    await answers('last');
    talker.say('still here');
    expect(await talker.hear()).toBe('still here');
    await until(() => descriptorsOf(program) === before, `${before} descriptors`);
    expect(workersOf(program)).toHaveLength(2);
  });

  it('of HUPs under which each worker is killed ends with workers of the last file', async () => {
    const { port, text, program } = await begin();
    for (let i = 0; i < 3; i++) {
      await program.configure(text(`answer-${i}`));
      program.signal('SIGHUP');
      const [victim] = workersOf(program);
      if (victim !== undefined) process.kill(victim, 'SIGKILL');
    }
    await program.configure(text('last'));
    program.signal('SIGHUP');
    let good = 0;
    await until(async () => {
      const answer = await curl('--max-time', '2', `http://127.0.0.1:${port}/`).catch(() => '');
      good = answer === 'last' ? good + 1 : 0;
      return good === 20;
    }, 'the last file from all workers');
    await until(() => workersOf(program).length === 2, 'two workers');
  });
});

async function begin(): Promise<{ port: number; text(answer: string): string; program: Program }> {
  const port = await freePort();
  const node = await startNode('node-a', await freePort());
  const text = (answer: string): string => `worker_processes 2;
    error_log logs/error.log notice;
    http {
      server {
        listen ${port};
        location / { return 200 ${answer}; }
        location /chat {
          proxy_pass http://127.0.0.1:${node.port};
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection upgrade;
        }
      }
    }`;
  return { port, text, program: await startProgram(text('first')) };
}
