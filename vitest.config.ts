import { defineConfig } from 'vitest/config';

export default defineConfig({
  define: { HOLDFAST_DEBUG: 'true' },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'bench/**/*.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
