// Packs the package as npm would publish it and looks at the tarball: its size, publint, arethetypeswrong.
// Part of `npm run check`; runs after the build. Asks no registry.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const UNPACKED_BYTES_MAX = 1_000_000;

interface Packed {
  readonly filename: string;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

const folder = mkdtempSync(join(tmpdir(), 'holdfast-pack-'));
try {
  const listed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    encoding: 'utf8',
  });
  const packed = (JSON.parse(listed) as Packed[])[0];
  if (packed === undefined) throw new Error('npm pack made nothing');
  const tarball = join(folder, packed.filename);
  refuseBadContents(packed);
  run('publint', ['run', tarball, '--strict']);
  run('attw', [tarball, '--profile', 'node16', '--ignore-rules', 'cjs-resolves-to-esm', '--no-color']);
  const kilobytes = Math.ceil(packed.unpackedSize / 1024);
  console.log(
    `package: ${packed.files.length} files, ${kilobytes} KiB unpacked; publint and attw are content`,
  );
} catch (error) {
  console.error(`package: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function refuseBadContents(packed: Packed): void {
  if (packed.unpackedSize >= UNPACKED_BYTES_MAX) {
    throw new Error(`${packed.unpackedSize} bytes unpacked; the limit is ${UNPACKED_BYTES_MAX}`);
  }
  const paths = new Set(packed.files.map((file) => file.path));
  for (const needed of [
    'bin/holdfast',
    'dist/index.js',
    'dist/index.d.ts',
    'dist/cli.js',
    'README.md',
    'LICENSE',
  ]) {
    if (!paths.has(needed)) throw new Error(`${needed} is not in the tarball`);
  }
  for (const path of paths) {
    if (/^dist\/(checked|scripts|examples)\//.test(path))
      throw new Error(`${path} must not be in the tarball`);
  }
}

function run(tool: string, args: readonly string[]): void {
  execFileSync(join('node_modules', '.bin', tool), args, { stdio: ['ignore', 'inherit', 'inherit'] });
}
