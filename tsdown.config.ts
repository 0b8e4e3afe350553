// How the build bundles: dist/ is the release (asserts of per-byte code cut), dist/checked/ keeps every assert,
// dist/scripts/, dist/examples/ and dist/bench/ are for the checkout alone and are not packed.
import { readdirSync } from 'node:fs';
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
  inputOptions: { checks: { pluginTimings: false } },
};

const program = {
  index: 'src/index.ts',
  cli: 'src/cli/main.ts',
  worker: 'src/supervisor/worker-main.ts',
};
const scripts = typeScriptIn('scripts');
const bench = {
  main: 'bench/main.ts',
  compare: 'bench/compare.ts',
  'http-proxy-3': 'bench/http-proxy-3.ts',
  'net-pipe': 'bench/net-pipe.ts',
};
const examples = {
  'chat-node': 'examples/chat-node/main.ts',
  visitor: 'examples/chat-node/visitor.ts',
};

export default defineConfig([
  {
    ...shared,
    entry: program,
    outDir: 'dist',
    dts: { entry: 'src/index.ts' },
    banner: { dts: '/// <reference lib="esnext.disposable" />' }, // whoever compiles against it need not say so
    outputOptions: { comments: false },
    define: { HOLDFAST_DEBUG: 'false' },
  },
  { ...shared, entry: program, outDir: 'dist/checked', clean: false, define: { HOLDFAST_DEBUG: 'true' } },
  { ...shared, entry: scripts, outDir: 'dist/scripts', clean: false, define: { HOLDFAST_DEBUG: 'true' } },
  { ...shared, entry: bench, outDir: 'dist/bench', clean: false },
  {
    ...shared,
    entry: examples,
    outDir: 'dist/examples',
    clean: false,
    deps: { neverBundle: ['ws'] },
    copy: [{ from: 'examples/chat-node/page.html', to: 'dist/examples' }],
  },
]);

function typeScriptIn(folder: string): Record<string, string> {
  const names = readdirSync(folder).filter((name) => name.endsWith('.ts'));
  return Object.fromEntries(names.map((name) => [name.slice(0, -'.ts'.length), `${folder}/${name}`]));
}
