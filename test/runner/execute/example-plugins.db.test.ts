import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { repositoryRoot } from '../../support/repository.ts';
import { pluginHandler } from './python-behaviours.ts';
import { runHandler } from './run-attempt.ts';

/** What the settlement report promises; test/examples/plugins.db.test.ts runs all of them by their manifests. */
const examples = path.join(repositoryRoot, 'examples/plugins');

async function emptyDirectory(): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'plugins-example-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  return directory;
}

test('the report goes on from the last checkpoint, and a line that is wrong is not tried again', async () => {
  const directory = await emptyDirectory();
  const [transactions, report] = [path.join(directory, 'in.csv'), path.join(directory, 'out.csv')];
  const statements = path.join(examples, 'statements');
  const settle = pluginHandler('statements.settle', { function: 'statements:settle', directory: statements });
  const few = path.join(statements, 'transactions.csv');
  await runHandler(settle, { input: { transactions: few, report } });
  expect(await readFile(report, 'utf8')).toBe(
    'currency,merchant,total\nEUR,"Ada, Books",0.25\nEUR,Grace Coffee,7.95\nUSD,Grace Coffee,12.50\n',
  );
  const line = (i: number): string => `${i},m${i % 3},EUR,0.01\n`;
  const lines = Array.from({ length: 205_000 }, (_, i) => line(i)).join('');
  await writeFile(transactions, `id,merchant,currency,amount\n${lines}`);
  const saved: unknown[] = [];
  const input = { transactions, report };
  const onProgress = ({ checkpoint }: { checkpoint?: unknown }): void => {
    if (checkpoint !== undefined) saved.push(checkpoint);
  };
  await runHandler(settle, { input, onProgress });
  const first = await readFile(report, 'utf8');
  expect(saved).toHaveLength(2);
  const again = await runHandler(settle, { input, lease: { checkpoint: saved[1] } });
  expect(again.output).toMatchObject({ transactions: 205_000, accounts: 3 });
  expect(await readFile(report, 'utf8')).toBe(first);
  await writeFile(transactions, 'id,merchant,currency,amount\n1,m,EUR,1.5.0\n');
  expect(await runHandler(settle, { input })).toMatchObject({ kind: 'failed', error: { name: 'FatalError' } });
});
