// `npm run docs` writes what is made from the source: docs/directives/, docs/limits.md, the moves in ARCHITECTURE.md and the types of a
// configuration as an object. With --check it writes nothing and fails when one is stale.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { limits } from '../src/base/limits.ts';
import { modules } from '../src/modules/index.ts';
import { blockDirectives } from '../src/plan/block-directives.ts';
import { MOVES } from '../src/proxy/exchange.ts';
import { isRefused } from '../src/supervisor/embedded-modules.ts';
import { generatedPages, movesDiagram, withSection } from './docs/pages.ts';
import { configurationTypes } from './docs/types.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DIRECTIVES = join(ROOT, 'docs', 'directives');

const wanted = wantedFiles();
const stale = [...wanted].filter(([path, text]) => textOf(path) !== text).map(([path]) => path);
const left = pagesThere().filter((path) => !wanted.has(path));
if (process.argv.includes('--check')) check();
else write();

function wantedFiles(): ReadonlyMap<string, string> {
  const pages = generatedPages([{ name: 'blocks', directives: blockDirectives }, ...modules], limits());
  const files = new Map([...pages].map(([name, text]) => [join(ROOT, 'docs', name), text]));
  const architecture = join(ROOT, 'ARCHITECTURE.md');
  files.set(architecture, withSection(readFileSync(architecture, 'utf8'), 'moves', movesDiagram(MOVES)));
  const directives = [...blockDirectives, ...modules.flatMap((module) => module.directives)];
  const types = configurationTypes(directives.filter(({ name }) => !isRefused(name)));
  files.set(join(ROOT, 'src', 'supervisor', 'configuration-types.ts'), types);
  return files;
}

function pagesThere(): string[] {
  return existsSync(DIRECTIVES) ? readdirSync(DIRECTIVES).map((name) => join(DIRECTIVES, name)) : [];
}

function textOf(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

function check(): void {
  for (const path of stale) console.error(`docs: ${relative(ROOT, path)} is stale`);
  for (const path of left) console.error(`docs: ${relative(ROOT, path)} describes nothing any more`);
  if (stale.length + left.length === 0)
    return console.log(`docs: ${wanted.size} pages are as the source says`);
  console.error('docs: `npm run docs` writes them');
  process.exitCode = 1;
}

function write(): void {
  for (const path of stale) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, wanted.get(path) ?? '');
    console.log(`docs: wrote ${relative(ROOT, path)}`);
  }
  for (const path of left) rmSync(path);
}
