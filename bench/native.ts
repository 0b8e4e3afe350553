// The parts in C (load, echo, relay): compiled with `cc` into a folder of the run, or the reason why not.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout that this file is of, whether it runs from bench/ or bundled from dist/bench/. */
export const ROOT = rootAbove(dirname(fileURLToPath(import.meta.url)));

export interface Native {
  readonly load: string;
  readonly echo: string;
  readonly relay: string;
}

export function compileNative(folder: string): Native | string {
  const native = { load: join(folder, 'load'), echo: join(folder, 'echo'), relay: join(folder, 'relay') };
  for (const [name, binary] of Object.entries(native)) {
    const source = join(ROOT, 'bench', 'native', `${name}.c`);
    const compiled = spawnSync('cc', ['-O2', '-o', binary, source], { encoding: 'utf8' });
    if (compiled.error !== undefined) return `cc is not there (${compiled.error.message})`;
    if (compiled.status !== 0) return `cc does not take ${name}.c: ${compiled.stderr.trim()}`;
  }
  return native;
}

function rootAbove(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : rootAbove(dirname(folder));
}
