import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { needsLinux } from '../../test/support/skip.ts';
import { parseFlags } from './flags.ts';
import { needsWorkerSoon } from './foreground.ts';

const folder = mkdtempSync(join(tmpdir(), 'holdfast-foreground-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function asked(text: string, ...more: string[]): boolean {
  writeFileSync(join(folder, 'nginx.conf'), text);
  return needsWorkerSoon(parseFlags(['-p', folder, '-c', 'nginx.conf', ...more]));
}

describe('a worker is started before the configuration is read', () => {
  needsLinux('the portable engine, which other systems have, runs without workers');

  it.each([
    ['daemon off;', true],
    ['user nobody;\ndaemon\toff ;', true],
    ['worker_processes 1;', false],
    ['daemon on;', false],
    ['daemon off; master_process off;', false],
  ])('%j: %s', (text, wanted) => {
    expect(asked(text)).toBe(wanted);
  });

  it('where -g says that the program stays in the foreground', () => {
    expect(asked('', '-g', 'daemon off;')).toBe(true);
    expect(asked('daemon off;', '-g', 'master_process off;')).toBe(false);
  });

  it.each([['-t'], ['-T'], ['-v'], ['-V'], ['-h'], ['-s', 'stop'], ['-x']])('not for %s', (...flags) => {
    expect(asked('daemon off;', ...flags)).toBe(false);
  });

  it('not where the configuration is missing, or is no plain file: what a FIFO gives is not there a second time', () => {
    expect(needsWorkerSoon(parseFlags(['-p', folder, '-c', 'missing.conf']))).toBe(false);
    expect(needsWorkerSoon(parseFlags(['-c', folder]))).toBe(false);
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    expect(needsWorkerSoon(parseFlags(['-p', folder, '-c', 'fifo']))).toBe(false);
  });
});
