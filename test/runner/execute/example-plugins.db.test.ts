import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import type { Handler } from '../../../src/ledger/define-task.ts';
import { differencesFromLog, testLedger } from '../../support/ledger.ts';
import { repositoryRoot } from '../../support/repository.ts';
import { pluginHandler, python } from './python-behaviours.ts';
import { runHandler } from './run-attempt.ts';

/** The programs of examples/plugins, as their manifests describe them. */

interface Manifest {
  readonly runtime: 'node' | 'python' | 'exec';
  readonly command?: readonly string[];
  readonly tasks: Readonly<Record<string, { readonly function?: string; readonly isolation?: 'process' | 'pool' }>>;
}

const examples = path.join(repositoryRoot, 'examples/plugins');

function handlersOf(plugin: string): Handler[] {
  const directory = path.join(examples, plugin);
  const {
    runtime,
    tasks,
    command = runtime === 'python' ? [python] : [],
  } = JSON.parse(readFileSync(path.join(directory, 'taskledger.plugin.json'), 'utf8')) as Manifest;
  return Object.entries(tasks).map(([name, { function: called, isolation }]) =>
    pluginHandler(
      name,
      { runtime, command, directory, ...(called === undefined ? {} : { function: called }) },
      isolation,
    ),
  );
}

async function emptyDirectory(): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'plugins-example-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  return directory;
}

test('a report in Python, a compressed file in Node and an archive by tar are made by one runner', async () => {
  const t = await testLedger();
  const directory = await emptyDirectory();
  await t.run(['statements', 'compress', 'archive'].flatMap(handlersOf));
  const of = async (name: string, input: unknown): Promise<unknown> => {
    const { id } = await t.ledger.submit(name, input);
    return await t.ledger.result(id, { timeoutMs: 20_000 });
  };
  const [report, compressed, archive] = ['report.csv', 'a.gz', 'a.tgz'].map((name) => path.join(directory, name));
  const transactions = path.join(examples, 'statements/transactions.csv');
  await Promise.all([
    expect(of('statements.settle', { transactions, report })).resolves.toEqual({
      report,
      transactions: 5,
      accounts: 3,
    }),
    expect(of('files.compress', { path: transactions, to: compressed })).resolves.toMatchObject({ to: compressed }),
    expect(of('files.archive', { directory: path.join(examples, 'archive'), to: archive })).resolves.toBeNull(),
  ]);
  expect(await readFile(report!, 'utf8')).toBe(
    'currency,merchant,total\nEUR,"Ada, Books",0.25\nEUR,Grace Coffee,7.95\nUSD,Grace Coffee,12.50\n',
  );
  expect(gunzipSync(await readFile(compressed!)).equals(await readFile(transactions))).toBe(true);
  expect(execFileSync('tar', ['--list', '--file', archive!], { encoding: 'utf8' })).toContain('taskledger.plugin.json');
  expect(await differencesFromLog(t)).toEqual([]);
});

test('the report goes on from the last checkpoint, and a line that is wrong is not tried again', async () => {
  const directory = await emptyDirectory();
  const [transactions, report] = [path.join(directory, 'in.csv'), path.join(directory, 'out.csv')];
  const line = (i: number): string => `${i},m${i % 3},EUR,0.01\n`;
  const lines = Array.from({ length: 45_000 }, (_, i) => line(i)).join('');
  await writeFile(transactions, `id,merchant,currency,amount\n${lines}`);
  const [settle] = handlersOf('statements');
  const saved: unknown[] = [];
  const input = { transactions, report };
  const onProgress = ({ checkpoint }: { checkpoint?: unknown }): void => {
    if (checkpoint !== undefined) saved.push(checkpoint);
  };
  await runHandler(settle!, { input, onProgress });
  const first = await readFile(report, 'utf8');
  expect(saved).toHaveLength(2);
  const again = await runHandler(settle!, { input, lease: { checkpoint: saved[1] } });
  expect(again.output).toMatchObject({ transactions: 45_000, accounts: 3 });
  expect(await readFile(report, 'utf8')).toBe(first);
  await writeFile(transactions, 'id,merchant,currency,amount\n1,m,EUR,1.5.0\n');
  expect(await runHandler(settle!, { input })).toMatchObject({ kind: 'failed', error: { name: 'FatalError' } });
});
