// `daemon off`: a worker is started before the configuration is read. It serves where it fits, and nobody meets it where it does not.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { needsLinux, skipCasesWhere } from '../support/skip.ts';
import {
  descendantsOf,
  type Ended,
  emptyFolder,
  endOf,
  freePort,
  IS_NGINX,
  isAlive,
  ROOT,
  until,
} from './program.ts';

interface Foreground {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly ended: Promise<Ended>;
  /** Every descendant that was seen so far. */
  readonly seen: ReadonlySet<number>;
}

function inForeground(text: string, ...flags: readonly string[]): Foreground {
  const folder = emptyFolder();
  mkdirSync(join(folder, 'logs'));
  writeFileSync(join(folder, 'nginx.conf'), text);
  const args = [join(ROOT, 'bin', 'holdfast'), '-p', `${folder}/`, '-c', 'nginx.conf', ...flags];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, HOLDFAST_CHECKED: '1', SHORE: 'rocky' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const pid = child.pid ?? -1;
  const seen = new Set<number>();
  const watch = setInterval(() => {
    for (const each of descendantsOf(pid)) seen.add(each);
  }, 1);
  const ended = endOf(child);
  void ended.then(() => clearInterval(watch));
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  return { child, pid, ended, seen };
}

async function answer(port: number): Promise<string> {
  let text = '';
  await until(async () => {
    text = await fetch(`http://127.0.0.1:${port}/`).then(
      (response) => response.text(),
      () => '',
    );
    return text !== '';
  }, 'an answer');
  return text;
}

const server = (port: number): string =>
  `http { access_log off; server { listen 127.0.0.1:${port}; return 200 "here\\n"; } }`;

describe('a worker that was started ahead', () => {
  needsLinux('the portable engine, which other systems have, runs without workers');
  skipCasesWhere(IS_NGINX, 'nginx starts no worker ahead');

  it('is the one that serves, and ends with the program', async () => {
    const port = await freePort();
    const { child, pid, ended, seen } = inForeground(server(port), '-g', 'daemon off; worker_processes 1;');
    expect(await answer(port)).toBe('here\n');
    expect(descendantsOf(pid)).toHaveLength(1);
    child.kill('SIGTERM');
    expect((await ended).code).toBe(0);
    expect(seen.size).toBe(1);
    expect([...seen].filter(isAlive)).toEqual([]);
  });

  it('gives way to one with the environment that the file asks for', async () => {
    const port = await freePort();
    const { pid } = inForeground(`env SHORE;\n${server(port)}`, '-g', 'daemon off; worker_processes 1;');
    await answer(port);
    await until(() => descendantsOf(pid).length === 1, 'the end of the one that does not fit');
    const environments = descendantsOf(pid).map((worker) => readFileSync(`/proc/${worker}/environ`, 'utf8'));
    expect(environments).toEqual([expect.stringContaining('SHORE=rocky')]);
  });

  it('ends with a program that refuses its configuration', async () => {
    const { ended, seen } = inForeground('daemon off;\ntide high;\n');
    const { code, stderr } = await ended;
    expect(code).toBe(1);
    expect(stderr).toContain('unknown directive "tide"');
    await until(() => ![...seen].some(isAlive), 'its end');
  });
});
