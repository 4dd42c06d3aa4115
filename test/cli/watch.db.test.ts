import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { reportProgress } from '../../src/ledger/progress.ts';
import { claimSome, inTransaction, settleAll } from '../support/leases.ts';
import { testLedger } from '../support/ledger.ts';
import { runCli, spawnCli } from './run-cli.ts';

interface Watched {
  readonly child: ChildProcess;
  readonly lines: readonly string[];
  /** Resolves once a line holds `text`. */
  shows(text: string): Promise<void>;
  readonly exited: Promise<number | null>;
}

function watch(url: string, ...args: string[]): Watched {
  const child = spawnCli(['watch', ...args], { url });
  const exited = once(child, 'close').then(([status]) => status as number | null);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const lines: string[] = [];
  let news: () => void = () => undefined;
  createInterface({ input: child.stdout! }).on('line', (line) => {
    lines.push(line);
    news();
  });
  const shows = async (text: string): Promise<void> => {
    while (!lines.some((line) => line.includes(text))) await new Promise<void>((resolve) => (news = resolve));
  };
  return { child, lines, shows, exited };
}

test('watch shows what happens to all tasks, one that commits late too, each once, until told to stop', async () => {
  const t = await testLedger();
  await t.ledger.submit('before.it', 1);
  const watched = watch(t.url);
  await watched.shows('before.it');
  await inTransaction(t.pool, 'commit', async (client) => {
    await t.ledger.submit('late.one', 'drawn first', { tx: client });
    await t.ledger.submit('early.one', '\u001b[2J');
    await watched.shows('early.one');
  });
  await watched.shows('late.one');
  expect(watched.lines.map((line) => /(\w+\.\w+) +\w+ at ams submitted/.exec(line)?.[1])).toEqual([
    'before.it',
    'early.one',
    'late.one',
  ]);
  expect(watched.lines.join('')).not.toContain('\u001b');
  watched.child.kill('SIGINT');
  expect(await watched.exited).toBe(0);
});

test('watch ID tells one task to its end, and exits with 0 when it completed', async () => {
  const t = await testLedger();
  const { id } = await t.ledger.submit('some.task', 1);
  const watched = watch(t.url, id);
  await watched.shows('submitted some.task');
  const claim = await claimSome(t.pool, 1);
  await reportProgress(t.pool, { ...claim, taskId: id }, { fraction: 0.5, message: 'half way' });
  await watched.shows('50 % done, half way');
  await settleAll(t.pool, claim, 'completed');
  expect(await watched.exited).toBe(0);
  expect(watched.lines.at(-1)).toContain('Attempt 1 completed');
  expect(watched.lines).toHaveLength(4);
});

test('watch ID exits with 1 when the task ended otherwise; with --json each event is an object', async () => {
  const t = await testLedger();
  const { id } = await t.ledger.submit('some.task', 1);
  await t.ledger.abort(id, { reason: 'not needed' });
  const { status, objects } = await runCli(['watch', id, '--json'], { url: t.url });
  expect([status, objects().map(({ type }) => type)]).toEqual([
    1,
    ['task.submitted', 'task.abort_requested', 'task.aborted'],
  ]);
});

test('watch of a task nobody knows is status 1, and of no id status 2', async () => {
  const t = await testLedger();
  const unknown = await runCli(['watch', '019a3b5c-0e8f-7c1a-9d2e-3f4a5b6c7d8e', '--json'], { url: t.url });
  expect([unknown.status, unknown.error()['error']]).toEqual([1, 'TASKLEDGER_NOT_FOUND']);
  expect((await runCli(['watch', '17', '--json'], { url: t.url })).status).toBe(2);
});
