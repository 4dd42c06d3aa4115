import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { testScale } from './test/support/scale.ts';

const source = (file: string): string => fileURLToPath(new URL(`./src/${file}`, import.meta.url));

/** The examples import the package as its users do; here that is the source. */
const alias = [
  { find: /^taskledger$/, replacement: source('index.ts') },
  { find: /^taskledger\/testing$/, replacement: source('testing/index.ts') },
];

/** What is waited for comes when it comes: only a test that fails waits that long. */
const expectOptions = { poll: { timeout: 10_000 } };

/** Half of the time of all tests: faults, several sites, and guides followed from top to bottom. */
const long = [
  'test/faults/**/*.test.ts',
  'test/**/*.sites.test.ts',
  'test/cli/{demo,dev-sites}.db.test.ts',
  'test/docs-guides.db.test.ts',
  'test/runner/execute/process-faults.db.test.ts',
];

const onDatabases = {
  globalSetup: 'test/support/global-setup.ts',
  // `npm run test:long` makes the tests of faults larger.
  testTimeout: 30_000 * Math.max(1, testScale),
  hookTimeout: 60_000,
  expect: expectOptions,
};

export default defineConfig({
  test: {
    watch: false,
    teardownTimeout: 30_000,
    // Most of a test of faults is waiting: on two processors two files at a time take two thirds of the time of one.
    maxWorkers: 2,
    projects: [
      {
        // No input or output: no server is started for these.
        // They share the modules that a worker has loaded: to load them anew for each file was half of the work.
        test: {
          name: 'unit',
          include: ['test/**/*.unit.test.ts'],
          testTimeout: 20_000,
          isolate: false,
          expect: expectOptions,
        },
      },
      {
        resolve: { alias },
        test: {
          name: 'db',
          // Left out here: an `exclude` of its own would take the place of the command line's.
          include: ['test/**/*.db.test.ts', 'examples/**/*.test.mjs', ...long.map((pattern) => `!${pattern}`)],
          ...onDatabases,
        },
      },
      { resolve: { alias }, test: { name: 'long', include: long, ...onDatabases } },
    ],
  },
});
