import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runHandler } from 'taskledger/testing';
import { gzip } from './gzip.mjs';

let directory;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'gzip-example-'));
});
afterEach(() => rm(directory, { recursive: true }));

const input = () => ({ path: path.join(directory, 'a.log'), to: path.join(directory, 'a.log.gz') });

test('a file is compressed under its new name, as often as it is asked for', async () => {
  await writeFile(input().path, 'line\n'.repeat(1000));
  for (const attempt of [1, 2]) {
    const run = await runHandler(gzip, input(), { attempt });
    expect(run).toMatchObject({ outcome: 'completed', output: { bytes: 5000 } });
  }
  expect(gunzipSync(await readFile(input().to)).length).toBe(5000);
  expect(await readdir(directory)).toEqual(['a.log', 'a.log.gz']);
});

test('a file that is not there is not asked for again', async () => {
  expect(await runHandler(gzip, input())).toMatchObject({ outcome: 'failed', error: { name: 'FatalError' } });
});

test('an attempt that is stopped leaves nothing behind', async () => {
  await writeFile(input().path, 'line\n');
  expect(await runHandler(gzip, input(), { signal: AbortSignal.abort() })).toMatchObject({ outcome: 'aborted' });
  expect(await readdir(directory)).toEqual(['a.log']);
});
