import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { Meter, parseStat, privateBytes } from './meter.ts';

const LINE =
  '42 (a ) b) S 7 42 42 0 -1 4194304 102 0 0 0 29 1 5 2 20 0 7 0 1253854 948350976 11649 18446744073709551615 0';

describe('the meter', () => {
  it('reads a stat line whose name holds brackets and spaces', () => {
    expect(parseStat(LINE)).toEqual({
      parent: 7,
      startedAt: '1253854',
      ticksNs: 300_000_000,
      childrenNs: 70_000_000,
    });
    expect(parseStat('')).toBeUndefined();
    expect(parseStat(LINE.replace(') S', ') Z'))).toBeUndefined();
  });

  it('counts a process, its threads and its children, those that have ended too (needs /proc)', async (context) => {
    context.skip(process.platform !== 'linux', 'the case needs Linux: CPU is read from /proc');
    const spin = 'const end = Date.now() + 150; while (Date.now() < end);';
    const program = `
      const { Worker } = require('node:worker_threads');
      const { spawnSync } = require('node:child_process');
      process.stdin.once('data', () => {
        spawnSync(process.execPath, ['-e', ${JSON.stringify(spin)}]);
        new Worker(${JSON.stringify(spin)}, { eval: true }).once('exit', () => console.log('spun'));
      });
      console.log('ready');`;
    const child = spawn(process.execPath, ['-e', program], { stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      await once(child.stdout, 'data');
      const meter = new Meter(child.pid ?? 0);
      const before = meter.sample();
      child.stdin.write('go\n');
      await once(child.stdout, 'data');
      const usedMs = (meter.sample() - before) / 1e6;
      expect(usedMs).toBeGreaterThan(50); // each of both spins 150 ms of time, of which a busy machine gives them a part
      expect(privateBytes(child.pid ?? 0)).toBeGreaterThan(1e6);
    } finally {
      child.kill('SIGKILL');
    }
  });
});
