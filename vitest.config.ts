import { defineConfig } from 'vitest/config'

const wholeSystems = ['test/ledger.real.test.ts', 'test/real/p*.real.test.ts']

/** Lanes: `unit` runs from a clone alone; `data` reads SAMPLE_DATA_DIR; `e2e` starts the program; `fuzz` sends it a minute of hostile input; `real` starts real servers; each is an npm script. */
export default defineConfig({
  test: {
    // The default is one less than the cores, which on two leaves one idle half of the time. The lane of whole programs stays one by one; that of real
    // servers mostly waits for them.
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: 'unit',
          testTimeout: 30_000,
          hookTimeout: 60_000,
          include: [
            '{schemas,model,ingest,processors,query-api,adapters,runtime,app,agent}/**/*.test.ts',
            'bench/eval/*.test.ts',
            'test/*.test.ts',
            'test/any-moment/*.test.ts',
          ],
          exclude: ['**/*.data.test.ts', '**/*.real.test.ts', '**/*.e2e.test.ts', '**/node_modules/**'],
        },
      },
      { test: { name: 'e2e', include: ['test/**/*.e2e.test.ts'], testTimeout: 120_000, hookTimeout: 120_000, fileParallelism: false } },
      {
        // Real servers on loopback; `npm run test:real` says what is missing on the machine.
        test: {
          name: 'real',
          include: ['**/*.real.test.ts'],
          exclude: [...wholeSystems, '**/node_modules/**'],
          testTimeout: 300_000,
          hookTimeout: 180_000,
        },
      },
      {
        // Those of five programs and three servers each: one by one, after the others.
        test: {
          name: 'real-whole',
          include: wholeSystems,
          testTimeout: 300_000,
          hookTimeout: 180_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
      { test: { name: 'fuzz', include: ['test/fuzz/*.test.ts'], testTimeout: 240_000, hookTimeout: 120_000 } },
      {
        test: { name: 'data', include: ['**/*.data.test.ts'], exclude: ['**/node_modules/**'], testTimeout: 120_000, hookTimeout: 120_000 },
      },
    ],
  },
})
