// Runs of many seeds in as many processes as are asked for.
import { spawn } from 'node:child_process';
import type { Failed, Sums } from './main.ts';

export interface PlayOptions {
  readonly first: number;
  readonly count: number;
  readonly processes: number;
  /** Each process stops after so many failed runs. */
  readonly failuresMax: number;
  readonly failed?: (failed: Failed) => void;
}

export interface Result extends Sums {
  readonly failures: readonly Failed[];
}

export async function play(script: string, options: PlayOptions): Promise<Result> {
  const { first, count, processes } = options;
  const share = Math.ceil(count / processes);
  const parts: Promise<Result>[] = [];
  for (let from = first; from < first + count; from += share) {
    parts.push(playPart(script, from, Math.min(share, first + count - from), options));
  }
  const results = await Promise.all(parts);
  const sum = (key: keyof Sums): number => results.reduce((total, each) => total + each[key], 0);
  return {
    runs: sum('runs'),
    exchanges: sum('exchanges'),
    sockets: sum('sockets'),
    perfect: sum('perfect'),
    steps: sum('steps'),
    failures: results.flatMap(({ failures }) => failures),
  };
}

function playPart(script: string, first: number, count: number, options: PlayOptions): Promise<Result> {
  return new Promise((resolve, reject) => {
    const args = [script, 'play', String(first), String(count), String(options.failuresMax)];
    const child = spawn(process.execPath, ['--enable-source-maps', ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const failures: Failed[] = [];
    let sums: Sums | undefined;
    let rest = '';
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const parsed = JSON.parse(line) as Failed | Sums;
        if ('runs' in parsed) sums = parsed;
        else {
          failures.push(parsed);
          options.failed?.(parsed);
        }
      }
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (sums === undefined)
        reject(new Error(`seeds ${first} to ${first + count - 1}: the process ended with ${code}`));
      else resolve({ ...sums, failures });
    });
  });
}
