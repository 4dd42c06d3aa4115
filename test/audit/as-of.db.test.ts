import { expect, test } from 'vitest';
import { changesBetween, countsAsOf, stateAsOf, tasksChangedBetween } from '../../src/audit/as-of.ts';
import { cutsAt } from '../../src/audit/moments.ts';
import { runCli } from '../cli/run-cli.ts';
import { loginWith } from '../support/logins.ts';
import { auditLedger } from './audit-ledger.ts';

test('a task and the ledger as they were when a block was sealed, and what changed since', async () => {
  const t = await auditLedger();
  const cuts = await Promise.all([1n, 2n, 3n].map((block) => cutsAt(t.pool, { site: 'ams', block })));
  const [first = [], second = [], third = []] = cuts;
  expect(await stateAsOf(t.pool, t.task, first)).toMatchObject({ state: 'pending', version: 1 });
  expect(await stateAsOf(t.pool, t.task, second)).toMatchObject({ state: 'completed', version: 3 });
  expect(await countsAsOf(t.pool, first)).toEqual([{ name: 'some.task', state: 'pending', tasks: 1 }]);
  expect(await changesBetween(t.pool, first, second)).toEqual([
    { name: 'some.task', before: null, after: 'pending', tasks: 3 },
    { name: 'some.task', before: 'pending', after: 'completed', tasks: 1 },
  ]);
  expect(await tasksChangedBetween(t.pool, first, second, 1)).toEqual([
    { id: t.task, name: 'some.task', before: 'pending', after: 'completed' },
  ]);
  // I4: at the last block it is what the view of all tasks says.
  const { rows } = await t.pool.query(
    'select name, state, count(*)::int as tasks from taskledger.tasks group by 1, 2 order by 1, 2',
  );
  expect(await countsAsOf(t.pool, third)).toEqual(rows);
});

test('a time is the last block sealed by then, and what is in no block is told', async () => {
  const t = await auditLedger();
  const { rows } = await t.pool.query<{ number: string; sealed_at: Date }>(
    'select number::text, sealed_at from taskledger.blocks order by 1',
  );
  for (const { number, sealed_at } of rows) {
    expect(await cutsAt(t.pool, { at: sealed_at })).toEqual([
      { site: 'ams', block: BigInt(number), sealedAt: sealed_at, unsealed: 0 },
    ]);
  }
  const before = new Date((rows[0]?.sealed_at.getTime() ?? 0) - 1);
  const none = await cutsAt(t.pool, { at: before });
  expect(none).toEqual([{ site: 'ams', block: 0n, sealedAt: undefined, unsealed: 0 }]);
  expect(await countsAsOf(t.pool, none)).toEqual([]);
  await t.submit(2);
  expect(await cutsAt(t.pool, { site: 'ams', block: 3n })).toMatchObject([{ block: 3n, unsealed: 2 }]);
});

test('the commands print positions, states and changes', async () => {
  const t = await auditLedger();
  const { url } = await loginWith(t.url, 'taskledger_auditor');
  const one = await runCli(['audit', 'as-of', '--position', 'ams:1', t.task], { url });
  expect([one.status, one.stdout]).toEqual([
    0,
    expect.stringMatching(/^ams: ams:1, sealed at \S+Z\nTask \S+ \(some\.task\) was pending, at version 1\.\n/),
  ]);
  const two = await runCli(['audit', 'as-of', '--position', 'ams:1', '--and', '2100-01-01', '--json'], { url });
  expect(two.objects()).toMatchObject([
    { positions: [{ site: 'ams', block: '1' }] },
    { positions: [{ site: 'ams', block: '3' }] },
    { name: 'some.task', before: null, after: 'pending', tasks: 7 },
    { name: 'some.task', before: 'pending', after: 'completed', tasks: 1 },
    ...Array.from({ length: 8 }, () => ({ id: expect.any(String) })),
  ]);
  expect((await runCli(['audit', 'as-of', '--at', '2000-01-01', t.task], { url })).status).toBe(1);
  expect((await runCli(['audit', 'as-of', '--position', 'ams:99'], { url })).status).toBe(1);
  expect((await runCli(['audit', 'as-of'], { url })).status).toBe(2);
});

test('a history says of each event whether its block proves it', async () => {
  const t = await auditLedger();
  const { url } = await loginWith(t.url, 'taskledger_auditor');
  await t.pool.query(`select taskledger.request_abort($1::uuid, 'too late')`, [t.task]);
  const told = await runCli(['audit', 'history', t.task], { url });
  expect(told.status).toBe(0);
  expect(
    told.stdout
      .trimEnd()
      .split('\n')
      .map((line) => /\[[^[]*\]$/.exec(line)?.[0])
      .slice(0, 4),
  ).toEqual(['[sealed in block 1]', '[sealed in block 2]', '[sealed in block 2]', '[not sealed yet]']);
  await t.pool
    .query(`alter table taskledger.events_ams disable trigger all; alter table taskledger.events disable trigger all;
    update taskledger.events set actor = 'x' where task_id = '${t.task}' and version = 2`);
  const altered = await runCli(['audit', 'history', t.task, '--json'], { url });
  expect([altered.status, altered.objects()]).toMatchObject([
    1,
    [
      { proof: { status: 'sealed', block: '1' } },
      { proof: { status: 'not_verified', block: '2', altered: true } },
      { proof: { status: 'not_verified', block: '2', altered: false } },
      ...['task.abort_requested', 'task.request_refused'].map((type) => ({
        type,
        proof: { status: 'not_sealed', block: null },
      })),
    ],
  ]);
});
