// The packed package in an empty project: README's sample runs, `require` takes it, its program runs, its processes end by themselves,
// and its types hold for an ES module, a CommonJS module and the samples of docs/library.md. Asks no registry: the tarball is unpacked
// and koffi is linked from here.
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from './program.ts';

const run = promisify(execFile);
const TIMEOUT_MS = 60_000;
const CONFIGURATION = 'http { server { listen 127.0.0.1:0; return 200 hello; } }';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-package-')));
/** An empty project into which the package was installed, and one in which koffi is missing. */
const project = join(folder, 'project');
const bare = join(folder, 'bare');

beforeAll(async () => {
  const flags = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const { stdout } = await run('npm', flags, { cwd: ROOT });
  const [packed] = JSON.parse(stdout) as { readonly filename: string }[];
  if (packed === undefined) throw new Error('npm pack made nothing');
  for (const each of [project, bare]) {
    mkdirSync(packageIn(each), { recursive: true });
    await run('tar', ['-xzf', join(folder, packed.filename), '-C', packageIn(each), '--strip-components=1']);
    await writeFile(join(each, 'package.json'), '{ "name": "empty", "private": true }');
  }
  for (const name of ['koffi', '@koromix']) {
    symlinkSync(join(ROOT, 'node_modules', name), join(project, 'node_modules', name));
  }
}, TIMEOUT_MS);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function packageIn(where: string): string {
  return join(where, 'node_modules', 'holdfast');
}

/** Runs a script to its end and returns its lines; one that does not end by itself fails. */
async function linesOf(name: string, script: string, where = project): Promise<readonly string[]> {
  await writeFile(join(where, name), script);
  const { stdout, stderr } = await run(process.execPath, [name], { cwd: where, timeout: TIMEOUT_MS });
  expect(stderr).toBe('');
  return stdout.trimEnd().split('\n');
}

describe('the package', { timeout: TIMEOUT_MS }, () => {
  it("runs README's sample", async () => {
    const sample = /```js\n(.*?)```/s.exec(readFileSync(join(ROOT, 'README.md'), 'utf8'))?.[1] ?? '';
    expect(sample).toContain('finally');
    expect(await linesOf('sample.mjs', sample)).toEqual(['200 hello']);
  });

  it('has its program in bin', async () => {
    const program = join(packageIn(project), 'bin', 'holdfast');
    const { stderr } = await run(process.execPath, [program, '-v'], { cwd: project });
    expect(stderr).toMatch(/^holdfast version: /);
  });

  it('is taken by require, and changes nothing by that', async () => {
    const script = `
      process.env.HOLDFAST_LAUNCHER = String(process.ppid);
      process.removeAllListeners('warning'); // of Node's own, where require of an ES module is still an experiment
      const state = () => JSON.stringify([process.title, process.eventNames(), process.env]);
      const before = state();
      const { createBalancer, version } = require('holdfast');
      const same = state() === before;
      (async () => {
        const balancer = await createBalancer('${CONFIGURATION}');
        console.log(version, same, await (await fetch(balancer.url)).text());
        await balancer.close();
      })();`;
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    expect(await linesOf('required.cjs', script)).toEqual([`${version} true hello`]);
  });

  it('runs on the portable engine where koffi is missing, and says so', async () => {
    const script = `
      import { createBalancer } from 'holdfast';
      const balancer = await createBalancer('${CONFIGURATION}');
      const heard = new Promise((resolve) => balancer.once('error-log', resolve));
      console.log(balancer.engine, (await heard).level, await (await fetch(balancer.url)).text());
      await balancer.close();`;
    expect(await linesOf('bare.mjs', script, bare)).toEqual(['portable warn hello']);
  });

  it('runs in a worker thread on the portable engine, beside one on the main thread', async () => {
    const script = `
      import { isMainThread, Worker } from 'node:worker_threads';
      import { createBalancer } from 'holdfast';
      const balancer = await createBalancer('${CONFIGURATION}');
      const text = await (await fetch(balancer.url)).text();
      if (isMainThread) {
        console.log('main', balancer.engine, text);
        await new Promise((resolve) => new Worker(new URL(import.meta.url)).once('exit', resolve));
      } else {
        const refused = await createBalancer('', { engine: 'epoll' }).catch(({ code, message }) => code + ' ' + message);
        console.log('worker', balancer.engine, text, refused);
      }
      await balancer.close();`;
    const [main, worker] = await linesOf('threads.mjs', script);
    expect(main).toMatch(/^main (epoll|portable) hello$/);
    expect(worker).toBe(
      'worker portable hello ERR_HOLDFAST_ENGINE the epoll engine cannot run: it runs on the main thread only and this is a worker thread',
    );
  });

  it.each(['epoll', 'portable'])('lets the process end once all are closed: %s', async (engine) => {
    const script = `
      import { createServer } from 'node:http';
      import { createBalancer } from 'holdfast';
      const node = createServer((_, response) => response.end('from the node'));
      await new Promise((resolve) => node.listen(0, '127.0.0.1', resolve));
      const proxying = \`http { server { listen 127.0.0.1:0; location / { proxy_pass http://127.0.0.1:\${node.address().port}; } } }\`;
      const options = '${engine}' === 'portable' ? { engine: 'portable' } : {};
      const balancers = await Promise.all([1, 2, 3].map(() => createBalancer(proxying, options)));
      console.log(...(await Promise.all(balancers.map(async ({ url }) => (await fetch(url)).status))));
      await createBalancer('nonsense;', options).catch(({ code }) => console.log(code));
      await Promise.all(balancers.map((balancer, i) => balancer.close({ drain: [0, 60_000, true][i] })));
      node.close();
      const { getActiveResourcesInfo: left } = process;
      setImmediate(() => console.log('left', left().filter((each) => /Wrap$/.test(each) && !/^(TTY|Pipe)/.test(each)).join()));`;
    expect(await linesOf(`${engine}.mjs`, script)).toEqual(['200 200 200', 'ERR_HOLDFAST_CONFIG', 'left']);
  });
});

describe('its types', { timeout: TIMEOUT_MS }, () => {
  const compile = async (...flags: readonly string[]): Promise<string> => {
    const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const running = run(process.execPath, [compiler, ...flags], { cwd: project });
    return (await running.catch((error: { readonly stdout: string }) => error)).stdout;
  };

  it('hold for both kinds of modules, without any library beside ES2022', async () => {
    const types = join(project, 'check-types');
    cpSync(join(ROOT, 'test', 'check-types'), types, { recursive: true });
    expect(await compile('-p', types)).toBe('');
  });

  it('hold for the samples of docs/library.md', async () => {
    const page = readFileSync(join(ROOT, 'docs', 'library.md'), 'utf8');
    const names: string[] = [];
    for (const [, sample = ''] of page.matchAll(/```ts\n(.*?)```/gs)) {
      names.push(`sample-${names.length}.mts`);
      await writeFile(join(project, names.at(-1) ?? ''), sample);
    }
    expect(names.length).toBeGreaterThan(2);
    const flags = ['--noEmit', '--strict', '--module', 'node20', '--target', 'es2022', '--lib', 'es2022,dom'];
    expect(await compile(...flags, ...names)).toBe('');
  });
});
