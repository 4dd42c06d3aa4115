import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { expect, test } from 'vitest';
import { runCli } from '../cli/run-cli.ts';
import { scaled } from '../support/scale.ts';
import { testDirectory } from './audit-ledger.ts';
import { largeBundle } from './proof-vectors.ts';

test('a bundle of 100 MB is verified in a heap of 40 MB', async () => {
  const directory = await testDirectory();
  const file = await directory.file('large.ndjson');
  const blocks = Math.min(scaled(20), 200);
  await pipeline(Readable.from(largeBundle(blocks, 7500)), createWriteStream(file));
  expect((await stat(file)).size).toBeGreaterThan(blocks * 5_000_000);
  const verified = await runCli(['verify-bundle', file, '--json'], {
    env: { NODE_OPTIONS: '--max-old-space-size=40' },
  });
  expect([verified.status, verified.objects()]).toMatchObject([0, [{ verified: true, blocks, events: blocks * 500 }]]);
});
