import { expect, test } from 'vitest';
import { claimSome, eventCount, settleAll } from '../support/leases.ts';
import { reportProgress } from '../../src/ledger/progress.ts';
import { differencesFromLog, testLedger } from '../support/ledger.ts';
import { runCli } from './run-cli.ts';

test('retry with filters: a dry run tells which and writes nothing, then the same command runs them again, page by page', async () => {
  const t = await testLedger();
  const count = 1100;
  await t.ledger.submitMany(
    'some.task',
    Array.from({ length: count }, (_, input) => ({ input })),
  );
  await settleAll(t.pool, await claimSome(t.pool, count), 'failed');
  await t.ledger.submit('some.task', 'still pending');
  const args = ['retry', '--state', 'failed', '--name', 'some.task', '--reason', 'the bank is back', '--json'];
  const before = await eventCount(t.pool);
  const dry = (await runCli([...args, '--dry-run'], { url: t.url })).objects();
  expect(dry.at(-1)).toEqual({ summary: true, dry_run: true, matched: count, granted: 0, refused: 0 });
  expect([dry.length, await eventCount(t.pool)]).toEqual([count + 1, before]);

  const wet = await runCli(args, { url: t.url });
  const objects = wet.objects();
  expect([wet.status, objects.length]).toEqual([0, count + 1]);
  expect(objects[0]).toEqual({ id: dry[0]!['id'], state: 'pending', granted: true });
  expect(objects.at(-1)).toEqual({ summary: true, dry_run: false, matched: count, granted: count, refused: 0 });
  expect(await eventCount(t.pool)).toBe(before + 2 * count);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('abort with filters asks only about tasks that can be aborted, and no more than the limit', async () => {
  const t = await testLedger();
  const ids = (await t.ledger.submitMany('some.task', [{ input: 1 }, { input: 2 }, { input: 3 }])).map(({ id }) => id);
  await settleAll(t.pool, await claimSome(t.pool, 1), 'completed');
  const run = (...args: string[]) => runCli(['abort', ...args, '--reason', 'x'], { url: t.url });
  const dry = await run('--name', 'some.task', '--dry-run');
  expect([dry.status, dry.stdout.trimEnd().split('\n').length]).toEqual([0, 2]);
  expect(dry.stdout).toMatch(/^[0-9a-f-]{36} {2}some\.task {2}is pending; abort would be asked for\n/);
  expect(dry.stderr).toBe('2 tasks matched. Nothing was written.\n');
  const one = await run('--name', 'some.task', '--limit', '1');
  expect([one.status, one.stdout]).toEqual([0, `${ids[2]!}  aborted\n`]);
  expect(one.stderr).toBe('1 task matched: 1 granted, 0 refused.\n');
  expect((await run('--queue', 'other')).stderr).toBe('0 tasks matched: 0 granted, 0 refused.\n');
});

test.concurrent.each([
  ['neither ids nor filters', ['abort']],
  ['a limit alone', ['abort', '--limit', '5']],
  ['ids together with filters', ['retry', '019a3b5c-0e8f-7c1a-9d2e-3f4a5b6c7d8e', '--state', 'failed']],
  ['a dry run of ids', ['abort', '019a3b5c-0e8f-7c1a-9d2e-3f4a5b6c7d8e', '--dry-run']],
  ['a state it is never granted in', ['abort', '--state', 'completed']],
])('refuses %s with status 2, before it connects', async (_name, args) => {
  const nowhere = 'postgres://app@127.0.0.1:1/app';
  const { status, error } = await runCli([...args, '--reason', 'x', '--json'], { url: nowhere });
  expect([status, error()['error']]).toEqual([2, 'TASKLEDGER_USAGE']);
});

test('list shows how far running attempts are', async () => {
  const t = await testLedger();
  const { id } = await t.ledger.submit('some.task', 1);
  const claim = await claimSome(t.pool, 1);
  const listed = async (...args: string[]) => await runCli(['list', ...args], { url: t.url });
  expect((await listed('--json')).objects()).toMatchObject([{ id, progress: null }]);
  await reportProgress(t.pool, { ...claim, taskId: id }, { fraction: 0.999, message: 'nearly\u001b[2J' });
  expect((await listed('--json')).objects()).toMatchObject([
    { id, progress: { fraction: 0.999, message: 'nearly\u001b[2J' } },
  ]);
  expect((await listed()).stdout).toMatch(/leased +1 {2}– +99 %/);
});
