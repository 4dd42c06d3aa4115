import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    watch: false,
    teardownTimeout: 30_000,
    projects: [
      {
        // No input or output: no server is started for these.
        test: { name: 'unit', include: ['test/**/*.unit.test.ts'], testTimeout: 20_000 },
      },
      {
        test: {
          name: 'db',
          include: ['test/**/*.db.test.ts', 'test/**/*.sites.test.ts'],
          globalSetup: 'test/support/global-setup.ts',
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
