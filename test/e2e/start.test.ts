// `npm start` as a person meets it: the page in two tabs, its buttons, and that everything ends, however it is ended.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openBrowser } from './clients.ts';
import { canBind, descendantsOf, type Ended, endOf, freePort, isAlive, ROOT, until } from './program.ts';

const PAGE_MS = 10_000;

interface Started {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly url: string;
  readonly ports: readonly number[];
  readonly said: () => string;
  readonly ended: Promise<Ended>;
}

describe('npm start', () => {
  it('shows a page whose tabs chat, survive a reload and see the other node restart', async () => {
    const { url } = await start();
    const browser = await openBrowser();
    const context = await browser.newContext();
    const [first, second] = [
      await openTab(await context.newPage(), url),
      await openTab(await context.newPage(), url),
    ];

    await first.fill('#say', 'hello, second tab');
    await first.click('#send');
    await shows(second, '#log', 'hello, second tab');
    await shows(first, '#messages', '1');
    await shows(second, '#messages', '0');

    const home = (await first.textContent('#node')) ?? '';
    const other = home === 'node-a' ? 'node-b' : 'node-a';
    expect(await second.textContent('#node')).toBe(home);
    await shows(first, `[data-node=${home}]`, '2 sessions');
    await shows(first, `[data-node=${other}]`, '1 session');

    await shows(first, '#reloads', '0');
    await first.click('#reload');
    await shows(first, '#reloads', '1');
    await shows(second, '#reloads', '1');
    await second.click('#restart');
    await shows(second, '#told', `${other} was restarted`);
    await shows(first, `[data-node=${other}]`, 'restarted 1×');
    await shows(first, `[data-node=${other}]`, '1 session');

    for (const tab of [first, second]) expect(await tab.textContent('#reconnects')).toBe('0');
    await second.fill('#say', 'still here');
    await second.click('#send');
    await shows(first, '#log', 'still here');
  });

  it('prints the three lines in which its configuration differs from the seed', async () => {
    const { said, ports } = await start();
    const [port, ...peers] = ports;
    const added = [...said().matchAll(/^ +\d+ \+ (.*)$/gm)].map((line) => line[1]);
    expect(added).toEqual([
      ...peers.map((peer) => `server localhost:${peer};`),
      `listen       ${port};`,
      expect.stringMatching(/^access_log .*yourdomain\.log;$/),
    ]);
  });

  it('ends everything when the terminal interrupts the whole group', async () => {
    await endsWith(await start(), (started) => process.kill(-started.pid, 'SIGINT'), 0);
  });

  it('ends everything when it alone is told to end', async () => {
    await endsWith(await start(), (started) => process.kill(started.pid, 'SIGTERM'), 0);
  });

  it('says which child failed at the start, ends the others and fails', async () => {
    const child = spawnStart({ HOLDFAST_BINARY: '/bin/false', ...(await somePorts()).env });
    const ended = await endOf(child);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain('holdfast ended with 1');
    const kept = / are kept in (.*)/.exec(ended.stderr)?.[1] ?? '';
    expect(existsSync(join(kept, 'nginx.conf'))).toBe(true);
    await rm(kept, { recursive: true });
  });
});

async function start(): Promise<Started> {
  const { env, ports } = await somePorts();
  const child = spawnStart(env);
  const pid = child.pid ?? 0;
  let said = '';
  child.stdout?.on('data', (text: string) => {
    said += text;
  });
  const ended = endOf(child);
  onTestFinished(async () => {
    if (child.exitCode === null) child.kill('SIGTERM');
    await ended;
  });
  let over = false;
  void ended.then(() => {
    over = true;
  });
  await until(() => over || said.includes('Ctrl-C ends everything'), 'the start');
  if (over) throw new Error((await ended).stderr);
  return { child, pid, url: `http://localhost:${ports[0]}/`, ports, said: () => said, ended };
}

/** In a group of its own, as a terminal starts it. */
function spawnStart(env: Readonly<Record<string, string>>): ChildProcess {
  return spawn(process.execPath, [join(ROOT, 'scripts', 'start.mjs')], {
    detached: true,
    env: { ...process.env, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function somePorts(): Promise<{ env: Record<string, string>; ports: readonly number[] }> {
  const port = await freePort(3);
  const node = port + 1;
  return { env: { PORT: String(port), NODE_PORT: String(node) }, ports: [port, node, node + 1] };
}

async function endsWith(started: Started, tell: (started: Started) => void, code: number): Promise<void> {
  const processes = descendantsOf(started.pid);
  expect(processes.length).toBeGreaterThan(4);
  tell(started);
  const ended = await started.ended;
  expect(ended).toMatchObject({ code, stdout: expect.stringContaining('everything has ended') });
  expect(processes.filter(isAlive)).toEqual([]);
  for (const port of started.ports) expect(await canBind(port)).toBe(true);
}

async function openTab(page: Page, url: string): Promise<Page> {
  page.setDefaultTimeout(PAGE_MS);
  await page.goto(url);
  await page.waitForSelector('[data-node]');
  return page;
}

async function shows(page: Page, selector: string, text: string): Promise<void> {
  await page.locator(selector).filter({ hasText: text }).first().waitFor({ timeout: PAGE_MS });
}
