// How the build bundles: dist/ is the release (asserts of per-byte code cut), dist/checked/ keeps every assert,
// dist/scripts/ and dist/examples/ are for the checkout alone and are not packed.
import { existsSync, readdirSync } from 'node:fs';
import { defineConfig, type UserConfig } from 'tsdown';

const shared: UserConfig = {
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  fixedExtension: false,
  hash: false,
  dts: false,
  report: false,
  logLevel: 'warn',
  failOnWarn: true,
};

const program = present({
  index: 'src/index.ts',
  cli: 'src/cli/main.ts',
  worker: 'src/supervisor/worker-main.ts',
});
const scripts = typeScriptIn('scripts');
const examples = {
  'chat-node': 'examples/chat-node/main.ts',
  visitor: 'examples/chat-node/visitor.ts',
};

export default defineConfig(
  [
    {
      ...shared,
      entry: program,
      outDir: 'dist',
      dts: { entry: 'src/index.ts' },
      banner: { dts: '/// <reference lib="esnext.disposable" />' },
      define: { HOLDFAST_DEBUG: 'false' },
    },
    { ...shared, entry: program, outDir: 'dist/checked', clean: false, define: { HOLDFAST_DEBUG: 'true' } },
    { ...shared, entry: scripts, outDir: 'dist/scripts', clean: false, define: { HOLDFAST_DEBUG: 'true' } },
    {
      ...shared,
      entry: examples,
      outDir: 'dist/examples',
      clean: false,
      deps: { neverBundle: ['ws'] },
      copy: [{ from: 'examples/chat-node/page.html', to: 'dist/examples' }],
    },
  ].filter((bundle) => Object.keys(bundle.entry).length > 0),
);

/** What is written already: while the rooms are being built, the others must be able to build theirs. */
function present(entries: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(entries).filter(([, file]) => existsSync(file)));
}

function typeScriptIn(folder: string): Record<string, string> {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return Object.fromEntries(
    names
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
      .map((name) => [name.slice(0, -3), `${folder}/${name}`]),
  );
}
