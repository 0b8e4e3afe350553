// A fresh bundle of the simulation with everything under test, from the source as it stands or from a copy in which a fault is planted.
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PlantedFault } from './faults.ts';

export interface Bundle {
  /** What Node is to run: test/simulation/main.ts, bundled. */
  readonly script: string;
  dispose(): void;
}

export async function bundle(fault?: PlantedFault): Promise<Bundle> {
  const root = rootFolder();
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-simulation-'));
  const dispose = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    for (const each of [
      'src',
      'test/simulation',
      'test/support',
      'test/engines',
      'package.json',
      'tsconfig.json',
    ]) {
      cpSync(join(root, each), join(folder, each), { recursive: true });
    }
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    if (fault !== undefined) plant(folder, fault);
    writeFileSync(join(folder, 'tsdown.config.mjs'), CONFIG);
    await run(join(root, 'node_modules/tsdown/dist/run.mjs'), folder);
  } catch (error) {
    dispose();
    throw error;
  }
  return { script: join(folder, 'out/main.js'), dispose };
}

const CONFIG = `export default {
  entry: ['test/simulation/main.ts'],
  outDir: 'out',
  format: 'esm',
  fixedExtension: false,
  dts: false,
  report: false,
  logLevel: 'error',
  sourcemap: 'inline',
  define: { HOLDFAST_DEBUG: 'true' },
};
`;

/** The one textual change of a fault; throws where the text it changes is not there just once. */
function plant(folder: string, { file, from, to }: PlantedFault): void {
  const path = join(folder, file);
  const text = readFileSync(path, 'utf8');
  const parts = text.split(from);
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times ${JSON.stringify(from)}`);
  writeFileSync(path, parts.join(to));
}

/** How often the text of a fault stands in the source: once, if it can be planted. */
export function placesOf({ file, from }: PlantedFault): number {
  return readFileSync(join(rootFolder(), file), 'utf8').split(from).length - 1;
}

function run(script: string, cwd: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script], { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk) => {
      said += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`tsdown ended with ${code}: ${said}`)),
    );
  });
}

/** The checkout, from wherever this file was bundled to. */
function rootFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'tsdown.config.ts'))) {
    const above = dirname(folder);
    if (above === folder) throw new Error('this is no checkout');
    folder = above;
  }
  return folder;
}
