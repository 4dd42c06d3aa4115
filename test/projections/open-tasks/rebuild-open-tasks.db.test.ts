import { expect, test } from 'vitest';
import { defineTask } from '../../../src/ledger/define-task.ts';
import { reportProgress } from '../../../src/ledger/progress.ts';
import { renewClaims } from '../../../src/ledger/renew.ts';
import { withSnapshot } from '../../../src/postgres/snapshot.ts';
import { compareOpenTasks } from '../../../src/projections/open-tasks/compare-open-tasks.ts';
import type { Difference } from '../../../src/projections/open-tasks/difference.ts';
import { rebuildOpenTasks } from '../../../src/projections/open-tasks/rebuild-open-tasks.ts';
import { claimSome, inTransaction, outcomeOf, settleAll, settleThese, waitsForLock } from '../../support/leases.ts';
import { differencesFromLog, testLedger, type TestLedger } from '../../support/ledger.ts';

const nothing = {
  ...{ tasksWritten: 0, tasksRemoved: 0, claimsWritten: 0, claimsRemoved: 0 },
  ...{ doubtsWritten: 0, doubtsRemoved: 0, keysWritten: 0, keysRemoved: 0 },
};

async function compared({ pool }: TestLedger): Promise<Difference[]> {
  return await withSnapshot(pool, async (db) => {
    const differences: Difference[] = [];
    for await (const difference of compareOpenTasks(db)) differences.push(difference);
    return differences;
  });
}

const columnsOf = (differences: readonly Difference[]): string[] => [
  ...new Set(differences.map(({ what, column }) => (what === 'task' ? column : `${what}.${column}`))),
];

/** One task of every kind that has a hot row, and one that has none; `held` runs, and has told everything a runner can tell. */
async function everyKind(t: TestLedger) {
  const submit = async (name: string, options: Parameters<typeof t.ledger.submit>[2] = {}): Promise<string> =>
    (await t.ledger.submit(name, { a: 1 }, options)).id;
  const inAnHour = new Date(Date.now() + 3_600_000);
  const windowed = await submit('kind.windowed', {
    ...{ key: 'k1', startAfter: inAnHour, startBefore: new Date(Date.now() + 7_200_000) },
    deadline: new Date(Date.now() + 9_000_000),
  });
  await t.ledger.reschedule(windowed, { priority: 7, reason: 'sooner' });
  const doubted = await submit('kind.doubted', { protected: true });
  await settleAll(t.pool, await claimSome(t.pool, 1, { names: ['kind.doubted'] }), 'in_doubt');
  const retried = await submit('kind.retried', { deadline: inAnHour });
  await settleAll(t.pool, await claimSome(t.pool, 1, { names: ['kind.retried'] }), 'failed');
  await t.ledger.retry(retried, { reason: 'mended' });
  const waiting = await submit('kind.waiting', { group: 'acme' });
  await settleAll(t.pool, await claimSome(t.pool, 1, { names: ['kind.waiting'] }), 'retry', { retryInMs: 60_000 });
  await submit('kind.done', { key: 'k2' });
  await settleAll(t.pool, await claimSome(t.pool, 1, { names: ['kind.done'] }), 'completed');
  const held = await submit('kind.held');
  const claim = await claimSome(t.pool, 1, { names: ['kind.held'], ttlMs: 60_000 });
  await reportProgress(t.pool, { ...claim, taskId: held }, { fraction: 0.5, message: 'half', checkpoint: { row: 7 } });
  await t.ledger.abort(held, { reason: 'told to' });
  return { windowed, doubted, retried, waiting, held, claim };
}

/** What a superuser might do to a row of any column, and be found out. */
const damages: Readonly<Record<string, string>> = {
  run_at: "run_at + interval '1 hour'",
  submitted_seq: 'submitted_seq + 1',
  submitted_site: "'fra'",
  claim_id: 'case when claim_id is null then 17 end',
  start_before: "case when start_before is null then now() + interval '1 day' end",
  deadline: "case when deadline is null then now() + interval '1 day' end",
  version: 'version + 1',
  lease_epoch: 'case when lease_epoch is null then 1 else lease_epoch + 1 end',
  lease_version: 'case when lease_version is null then 1 else lease_version + 1 end',
  attempt: 'attempt + 1',
  attempts: 'attempts + 1',
  priority: 'priority + 1',
  protected: 'not protected',
  state: "case state when 'pending' then 'in_doubt' else 'pending' end",
  realm: "'fra'",
  name: "name || '.other'",
  queue: "'other'",
  rank: 'rank + 1',
  group: "'other'",
  pin: "'^9'",
  progress: `case when progress is null then '{"recorded_at":"2026-01-01T00:00:00Z"}' end::json`,
  checkpoint: `case when checkpoint is null then '{"row":8}' end::json`,
  abort_answers: `case when abort_answers is null then '[["ams","1"]]' end::json`,
};

test('I4: a rebuild of tables that are right writes nothing', async () => {
  const t = await testLedger();
  await everyKind(t);
  expect(await compared(t)).toEqual([]);
  expect(await rebuildOpenTasks(t.pool)).toEqual(nothing);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('I4: damage to any column of any open task is named, and mended', async () => {
  const t = await testLedger();
  await everyKind(t);
  const { rows: columns } = await t.pool.query<{ name: string }>(
    "select attname as name from pg_attribute where attrelid = 'taskledger.open_tasks'::regclass and attnum > 0 and attname <> 'task_id'",
  );
  expect(columns.map(({ name }) => name).sort()).toEqual(Object.keys(damages).sort());
  for (const [column, value] of Object.entries(damages)) {
    const { rowCount } = await t.pool.query(`update taskledger.open_tasks set "${column}" = ${value}`);
    const tasks = (await compared(t)).filter((difference) => difference.what === 'task');
    expect(columnsOf(tasks), column).toEqual([column]);
    // When a doubt is asked about next is nobody's decision.
    expect(tasks, column).toHaveLength(column === 'run_at' ? rowCount! - 1 : rowCount!);
    await rebuildOpenTasks(t.pool);
    expect(await compared(t), column).toEqual([]);
  }
});

test('I4: rows that are missing or should not be there are named, and mended', async () => {
  const t = await testLedger();
  const { doubted, held, waiting } = await everyKind(t);
  const damage: readonly (readonly [string, readonly string[]])[] = [
    [`delete from taskledger.open_tasks where task_id = '${waiting}'`, ['row']],
    [`delete from taskledger.open_tasks where task_id = '${held}'`, ['claim.row', 'row']],
    ['truncate taskledger.open_tasks', ['claim.row', 'row', 'doubt.row']],
    [
      `insert into taskledger.open_tasks select (json_populate_record(t, '{"task_id":"019a3b5c-0e8f-7c1a-9d2e-3f4a5b6c7d8e"}')).*
         from taskledger.open_tasks t where t.task_id = '${waiting}'`,
      ['row'],
    ],
    ['truncate taskledger.claims', ['claim.row']],
    ['update taskledger.claims set open = open + 1', ['claim.open']],
    ["update taskledger.claims set task_ids = '{}'", ['claim.task_ids']],
    [
      "update taskledger.claims set runner = 'other', host = 'other', ttl_ms = 1",
      ['claim.runner', 'claim.host', 'claim.ttl_ms'],
    ],
    ['update taskledger.claims set claim_id = claim_id + 100', ['claim.row']],
    ['truncate taskledger.doubts', ['doubt.row']],
    [`update taskledger.doubts set name = 'other.name' where task_id = '${doubted}'`, ['doubt.row']],
    ['truncate taskledger.task_keys', ['key.row']],
    ["update taskledger.task_keys set task_id = gen_random_uuid() where key = 'k2'", ['key.task_id']],
    ["insert into taskledger.task_keys values ('ams', 'a.b', 'k3', gen_random_uuid())", ['key.row']],
  ];
  for (const [statement, names] of damage) {
    await t.pool.query(statement);
    expect(columnsOf(await compared(t)), statement).toEqual(names);
    await rebuildOpenTasks(t.pool);
    expect(await compared(t), statement).toEqual([]);
  }
});

test.each([
  'truncate taskledger.open_tasks, taskledger.claims',
  "update taskledger.claims set secret_digest = '\\x00'",
])('I2: a running attempt keeps its lease through a rebuild after: %s', async (damage) => {
  const t = await testLedger();
  const { held, claim } = await everyKind(t);
  await t.pool.query(damage);
  await rebuildOpenTasks(t.pool);
  expect(await renewClaims(t.pool, [claim])).toEqual(new Set([claim.claimId]));
  expect(
    await settleThese(
      t.pool,
      [claim],
      claim.leases.map((lease) => outcomeOf(lease, 'completed')),
    ),
  ).toEqual([]);
  expect((await t.ledger.get(held)).state).toBe('completed');
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a report that is newer than its event, and the end of a lease, are left as they are', async () => {
  const t = await testLedger();
  const { held, claim } = await everyKind(t);
  expect(await reportProgress(t.pool, { ...claim, taskId: held }, { fraction: 0.6 })).toBe('abort');
  const kept =
    'select o.progress, c.lease_until from taskledger.open_tasks o join taskledger.claims c using (claim_id)';
  const before = (await t.pool.query(kept)).rows;
  expect(before).toMatchObject([{ progress: { fraction: 0.6 } }]);
  await t.pool.query('update taskledger.open_tasks set priority = 3');
  await rebuildOpenTasks(t.pool);
  expect((await t.pool.query(kept)).rows).toEqual(before);
});

test('a rebuild waits for a submit under way, and others wait for the rebuild', async () => {
  const t = await testLedger();
  let rebuilding: Promise<unknown> = Promise.resolve();
  await inTransaction(t.pool, 'commit', async (client) => {
    await t.ledger.submit('some.task', 1, { tx: client });
    rebuilding = rebuildOpenTasks(t.pool);
    await waitsForLock(t, 'rebuild_open_tasks');
  });
  expect(await rebuilding).toEqual(nothing);
  let submitting: Promise<unknown> = Promise.resolve();
  await inTransaction(t.pool, 'commit', async (client) => {
    await rebuildOpenTasks(client);
    submitting = t.ledger.submit('some.task', 2);
    await waitsForLock(t, 'taskledger.submit');
  });
  await submitting;
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a rebuild gives up when an open transaction keeps it from beginning, and lets the others go on', async () => {
  const t = await testLedger();
  await t.pool.query("alter function taskledger.rebuild_open_tasks set lock_timeout = '50ms'");
  await inTransaction(t.pool, 'commit', async (client) => {
    await t.ledger.submit('some.task', 1, { tx: client });
    await expect(rebuildOpenTasks(t.pool)).rejects.toMatchObject({ code: 'TL030' });
    await t.ledger.submit('some.task', 2);
  });
  expect(await differencesFromLog(t)).toEqual([]);
});

test('rebuilds while tasks are submitted, run and aborted leave nothing different', async () => {
  const t = await testLedger();
  const handled = await t.run([defineTask({ name: 'some.task' }).handle(() => 'done')]);
  const submitting = (async () => {
    for (let batch = 0; batch < 20; batch += 1) {
      const tasks = await t.ledger.submitMany(
        'some.task',
        Array.from({ length: 20 }, (_, input) => ({ input })),
      );
      await t.ledger.abort(tasks[0]!.id, { reason: 'now and then' });
    }
  })();
  const rebuilds: unknown[] = [];
  let busy = true;
  void submitting.finally(() => (busy = false));
  while (busy) rebuilds.push(await rebuildOpenTasks(t.pool));
  await submitting;
  await t.settled();
  await handled.stop();
  expect(new Set(rebuilds.map((rebuilt) => JSON.stringify(rebuilt)))).toEqual(new Set([JSON.stringify(nothing)]));
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a rebuild that would see an old snapshot is refused', async () => {
  const t = await testLedger();
  const client = await t.pool.connect();
  try {
    await client.query('begin isolation level repeatable read');
    await expect(rebuildOpenTasks(client)).rejects.toMatchObject({ code: 'TL002' });
  } finally {
    await client.query('rollback');
    client.release();
  }
});
