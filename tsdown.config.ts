import { defineConfig } from 'tsdown';

// Two bundles: dist/ is the release (asserts of per-byte code cut), dist/checked/ keeps every assert.
const shared = {
  entry: {
    index: 'src/index.ts',
    cli: 'src/cli/main.ts',
    worker: 'src/supervisor/worker-main.ts',
  },
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  fixedExtension: false,
  hash: false,
  external: ['koffi'] as string[],
} as const;

export default defineConfig([
  { ...shared, outDir: 'dist', dts: { entry: 'src/index.ts' }, define: { HOLDFAST_DEBUG: 'false' } },
  { ...shared, outDir: 'dist/checked', dts: false, clean: false, define: { HOLDFAST_DEBUG: 'true' } },
  {
    ...shared,
    entry: 'scripts/*.ts',
    outDir: 'dist/scripts',
    dts: false,
    clean: false,
    define: { HOLDFAST_DEBUG: 'true' },
  },
]);
