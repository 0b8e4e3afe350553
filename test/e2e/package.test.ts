// The packed package in an empty project: README's sample runs, `require` takes it, its program runs, and its types hold for an
// ES module and a CommonJS module. Asks no registry: the tarball is unpacked and koffi is linked from here.
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { emptyFolder, ROOT } from './program.ts';

const run = promisify(execFile);
const TIMEOUT_MS = 60_000;

/** An empty project into which the package was installed. */
async function emptyProject(): Promise<string> {
  const folder = emptyFolder();
  const flags = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const { stdout } = await run('npm', flags, { cwd: ROOT });
  const [packed] = JSON.parse(stdout) as { readonly filename: string }[];
  if (packed === undefined) throw new Error('npm pack made nothing');
  const installed = join(folder, 'node_modules', 'holdfast');
  mkdirSync(installed, { recursive: true });
  await run('tar', ['-xzf', join(folder, packed.filename), '-C', installed, '--strip-components=1']);
  for (const name of ['koffi', '@koromix']) {
    symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
  }
  await writeFile(join(folder, 'package.json'), '{ "name": "empty", "private": true }');
  return folder;
}

describe('the package', () => {
  it(
    "runs README's sample",
    async () => {
      const folder = await emptyProject();
      const sample = /```js\n(.*?)```/s.exec(readFileSync(join(ROOT, 'README.md'), 'utf8'))?.[1] ?? '';
      expect(sample).toContain('finally');
      await writeFile(join(folder, 'sample.mjs'), sample);
      const { stdout, stderr } = await run(process.execPath, ['sample.mjs'], {
        cwd: folder,
        timeout: TIMEOUT_MS,
      });
      expect({ stdout, stderr }).toEqual({ stdout: '200 hello\n', stderr: '' });
    },
    TIMEOUT_MS,
  );

  it(
    'is taken by require, and by its name in bin',
    async () => {
      const folder = await emptyProject();
      const script = "console.log(typeof require('holdfast').createBalancer)";
      const { stdout } = await run(process.execPath, ['--no-warnings', '-e', script], { cwd: folder });
      expect(stdout).toBe('function\n');
      const program = join(folder, 'node_modules', 'holdfast', 'bin', 'holdfast');
      expect((await run(process.execPath, [program, '-v'], { cwd: folder })).stderr).toMatch(
        /^holdfast version: /,
      );
    },
    TIMEOUT_MS,
  );

  it(
    'has types that hold for both kinds of modules',
    async () => {
      const folder = await emptyProject();
      cpSync(join(ROOT, 'test', 'check-types'), folder, { recursive: true });
      const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
      const result = await run(process.execPath, [compiler, '-p', folder]).catch(
        (error: { stdout: string }) => error,
      );
      expect(result.stdout).toBe('');
    },
    TIMEOUT_MS,
  );
});
