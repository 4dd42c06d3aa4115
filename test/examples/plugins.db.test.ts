import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openLedger, type Ledger } from '../../src/open-ledger.ts';
import { runCli, spawnCli } from '../cli/run-cli.ts';
import { emptyDirectory, startDev } from '../cli/start-dev.ts';
import { repositoryRoot } from '../support/repository.ts';

const plugins = path.join(repositoryRoot, 'examples/plugins');

/** `taskledger dev`, and `taskledger run --plugins examples/plugins` against it, as two processes. */
async function runningExamples(): Promise<{
  readonly ledger: Ledger;
  readonly url: string;
  readonly directory: string;
}> {
  const directory = await emptyDirectory();
  const { ready } = await startDev([], { cwd: directory });
  const url = ready.sites[0]?.url ?? '';
  const run = spawnCli(['run', '--plugins', plugins], { url, cwd: directory });
  const exited = once(run, 'exit');
  onTestFinished(async () => {
    run.kill('SIGKILL');
    await exited;
  });
  const ledger = await openLedger({ connectionString: url, maxConnections: 2 });
  onTestFinished(() => ledger.close());
  return { ledger, url, directory };
}

test('the examples run by their manifests, one is aborted half-way, one is over its memory limit, and show explains each', async () => {
  const { ledger, url, directory } = await runningExamples();
  const submit = async (name: string, input: unknown): Promise<string> => (await ledger.submit(name, input)).id;
  const finished = { timeoutMs: 60_000 };
  const show = async (id: string): Promise<string> => (await runCli(['show', id], { url })).stdout;
  const file = (name: string): string => path.join(directory, name);

  const archive = await submit('files.archive', { directory: plugins, to: file('examples.tar.gz') });
  const compress = await submit('files.compress', {
    path: path.join(repositoryRoot, 'LICENSE'),
    to: file('license.gz'),
  });
  const transactions = path.join(plugins, 'statements/transactions.csv');
  const settle = await submit('statements.settle', { transactions, report: file('report.csv') });
  await Promise.all([archive, compress, settle].map((id) => ledger.result(id, finished)));
  expect((await stat(file('examples.tar.gz'))).size).toBeGreaterThan(100);
  expect((await stat(file('license.gz'))).size).toBeGreaterThan(100);
  expect((await readFile(file('report.csv'), 'utf8')).split('\n').length).toBeGreaterThan(1);
  expect(await show(settle)).toMatch(/state +completed[^]*run by +statements@1\.0\.0/);
  expect(await show(archive)).toMatch(/state +completed[^]*run by +archive@1\.0\.0/);

  const lines = Array.from({ length: 1_000_000 }, (_, i) => `${i},m${i % 100},EUR,${i % 900}.50`);
  await writeFile(file('many.csv'), `id,merchant,currency,amount\n${lines.join('\n')}\n`);
  const many = await submit('statements.settle', { transactions: file('many.csv'), report: file('many-report.csv') });
  await expect
    .poll(async () => (await ledger.get(many)).progress?.fraction ?? 0, { timeout: 30_000 })
    .toBeGreaterThan(0);
  await ledger.abort(many, { reason: 'the wrong file' });
  await expect.poll(async () => (await ledger.get(many)).state, { timeout: 20_000 }).toBe('aborted');
  const aborted = await show(many);
  expect(aborted).toMatch(/state +aborted/);
  expect(aborted).toMatch(/progress +\d/);
  expect(aborted).toMatch(/run by +statements@1\.0\.0/);

  const input = JSON.stringify({ transactions: file('many.csv'), report: '' });
  // By its manifest it has one attempt.
  const submitted = await runCli(['submit', 'statements.largest', '--input', input, '--plugins', plugins, '--json'], {
    url,
  });
  const largest = String(submitted.objects()[0]?.['id']);
  await expect(ledger.result(largest, finished)).rejects.toMatchObject({ code: 'TASKLEDGER_TASK_NOT_COMPLETED' });
  const explained = await show(largest);
  expect(explained).toMatch(/state +failed, attempt 1 of 1/);
  expect(explained).toMatch(/error +the attempt took more memory than its limit of 64MB.*\[MEMORY_LIMIT\]/);
  expect(explained).toMatch(/means +The attempt took more memory/);
  expect(explained).toMatch(/look at +Let the handler hold less at a time/);
  expect(explained).toMatch(/limits +memory 64MB/);
  expect(explained).toMatch(/used +.+ of processor time, \d+ MB of memory at most/);
}, 120_000);
