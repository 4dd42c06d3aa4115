import { expect, test } from 'vitest';
import type { Claim } from '../../src/ledger/claim.ts';
import { differencesFromLog, testLedger, typesOf } from '../support/ledger.ts';
import { claimAs, claimRows, claimSome, eventCount, inTransaction, laneAfter, settleAll } from '../support/leases.ts';

const idsOf = (claim: Claim | undefined): string[] => (claim?.leases ?? []).map((lease) => lease.taskId);

test('larger priorities are claimed first, and earlier start times within a priority', async () => {
  const t = await testLedger();
  const at = (secondsAgo: number): Date => new Date(Date.now() - secondsAgo * 1000);
  const submitted = await t.ledger.submitMany('some.task', [
    { input: 'low', priority: -100, startAfter: at(90) },
    { input: 'later', startAfter: at(10) },
    { input: 'earlier', startAfter: at(60) },
    { input: 'high', priority: 100, startAfter: at(1) },
  ]);
  expect(submitted.every(({ created }) => created)).toBe(true);
  const order: unknown[] = [];
  for (let i = 0; i < 4; i += 1) order.push((await claimSome(t.pool, 1)).leases[0]?.submitted.input);
  expect(order).toEqual(['high', 'earlier', 'later', 'low']);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('one claim takes what it may from the highest priority before it looks at the next', async () => {
  const t = await testLedger();
  await t.ledger.submitMany('some.task', [
    { input: 1 },
    { input: 2 },
    { input: 3, priority: 5 },
    { input: 4, priority: 5 },
  ]);
  const claim = await claimSome(t.pool, 3);
  const priorities = claim.leases.map((lease) => lease.submitted.priority);
  expect(priorities).toEqual([5, 5, 0]);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a task is not claimable before its start time, and is after it', async () => {
  const t = await testLedger();
  const { id } = await t.ledger.submit('some.task', 1, { startAfter: new Date(Date.now() + 3_600_000) });
  expect(await claimAs(t.pool)).toBeUndefined();
  expect(await claimRows(t.pool)).toEqual([]);
  await t.ledger.reschedule(id, { startAfter: new Date(Date.now() - 1000) });
  expect(idsOf(await claimAs(t.pool))).toEqual([id]);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a claim takes tasks of its names only, and of its queues only', async () => {
  const t = await testLedger();
  const mine = await t.ledger.submit('some.task', 1, { queue: 'fast' });
  const slow = await t.ledger.submit('some.task', 2, { queue: 'slow' });
  await t.ledger.submit('other.task', 3, { queue: 'fast' });
  expect(await claimAs(t.pool, { queues: ['none'] })).toBeUndefined();
  expect(await claimAs(t.pool, { names: ['no.such'] })).toBeUndefined();
  expect(idsOf(await claimAs(t.pool, { queues: ['fast'] }))).toEqual([mine.id]);
  expect(idsOf(await claimAs(t.pool))).toEqual([slow.id]);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a lease says what the runner needs: input, token, attempt, policy and checkpoint', async () => {
  const t = await testLedger();
  const { id } = await t.ledger.submit('some.task', { n: 1 }, { timeoutMs: 5000, retry: { attempts: 7 } });
  const claim = await claimSome(t.pool, 1, { runner: 'r9', host: 'h9', ttlMs: 2000 });
  expect(claim.leases[0]).toMatchObject({
    taskId: id,
    claimId: claim.claimId,
    epoch: 1,
    version: 2,
    attempt: 1,
    submitted: { name: 'some.task', input: { n: 1 }, timeout_ms: 5000, retry: { attempts: 7 } },
    checkpoint: undefined,
  });
  const { lease } = await t.ledger.get(id);
  expect(lease).toMatchObject({ epoch: 1, version: 2, runner: 'r9', host: 'h9', ttl_ms: 2000 });
  // The secret itself is stored nowhere.
  expect(lease?.digest).not.toContain(claim.secret);
  const { rows } = await t.pool.query(
    `select 1 from taskledger.events e, taskledger.claims c where strpos(e::text || c::text, $1) > 0`,
    [claim.secret],
  );
  expect(rows).toEqual([]);
});

test('a low-water mark hides what committed late, and the wider look finds it', async () => {
  const t = await testLedger();
  const [late, lane] = await inTransaction(t.pool, 'commit', async (tx) => {
    const early = await t.ledger.submit('some.task', 'late', { tx, startAfter: new Date(Date.now() - 60_000) });
    await t.ledger.submit('some.task', 'in time');
    const first = await claimSome(t.pool, 1);
    expect(first.leases[0]?.submitted.input).toBe('in time');
    return [early.id, laneAfter(first)] as const;
  });
  expect(await claimAs(t.pool, { lanes: [lane] })).toBeUndefined();
  expect(idsOf(await claimAs(t.pool))).toEqual([late]);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('with lanes given, tasks after the mark are claimed and other lanes are left alone', async () => {
  const t = await testLedger();
  await t.ledger.submitMany('some.task', [{ input: 1 }, { input: 2 }, { input: 3, queue: 'other' }]);
  const first = await claimSome(t.pool, 1, { queues: ['default'] });
  const next = await claimAs(t.pool, { lanes: [laneAfter(first)] });
  expect(next?.leases.map((lease) => lease.submitted.input)).toEqual([2]);
  expect(await claimAs(t.pool, { lanes: [laneAfter(first)] })).toBeUndefined();
  // A lane of another name than the runner's own is no way round `names`.
  const foreign = { ...laneAfter(first), queue: 'other', from: '-infinity' };
  expect(await claimAs(t.pool, { names: ['no.such'], lanes: [foreign] })).toBeUndefined();
});

test('I2: two claimers at once get different tasks, and neither waits for the other', async () => {
  const t = await testLedger();
  await t.ledger.submitMany(
    'some.task',
    Array.from({ length: 6 }, (_, input) => ({ input })),
  );
  const [first, second] = await inTransaction(t.pool, 'commit', async (one) => {
    const mine = await claimSome(one, 3);
    // The first transaction is still open: a claim that waited for it would never return.
    return [mine, await claimAs(t.pool)];
  });
  expect(idsOf(second)).toHaveLength(3);
  expect(new Set([...idsOf(first), ...idsOf(second)]).size).toBe(6);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('I2: many claimers at once lease every task exactly once', async () => {
  const t = await testLedger();
  await t.ledger.submitMany(
    'some.task',
    Array.from({ length: 200 }, (_, input) => ({ input })),
  );
  const drain = async (): Promise<string[]> => {
    const got: string[] = [];
    for (let claim = await claimAs(t.pool); claim !== undefined; claim = await claimAs(t.pool))
      got.push(...idsOf(claim));
    return got;
  };
  const got = (await Promise.all(Array.from({ length: 4 }, drain))).flat();
  expect(got).toHaveLength(200);
  expect(new Set(got).size).toBe(200);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a row that somebody else has locked is skipped, not waited for', async () => {
  const t = await testLedger();
  const [held, free] = await t.ledger.submitMany('some.task', [{ input: 'held' }, { input: 'free' }]);
  await inTransaction(t.pool, 'rollback', async (third) => {
    await third.query('select from taskledger.open_tasks where task_id = $1 for update', [held!.id]);
    expect(idsOf(await claimAs(t.pool))).toEqual([free!.id]);
    expect(await claimAs(t.pool)).toBeUndefined();
  });
  expect(idsOf(await claimAs(t.pool))).toEqual([held!.id]);
});

test('a claim that is rolled back never happened', async () => {
  const t = await testLedger();
  const { id } = await t.ledger.submit('some.task', 1);
  const before = await eventCount(t.pool);
  await inTransaction(t.pool, 'rollback', (tx) => claimSome(tx, 1));
  expect(await eventCount(t.pool)).toBe(before);
  expect(await claimRows(t.pool)).toEqual([]);
  const claim = await claimSome(t.pool, 1);
  expect(await settleAll(t.pool, claim, 'completed')).toEqual([]);
  expect(typesOf(await t.ledger.history(id))).toEqual(['submitted', 'leased', 'completed']);
  expect(await differencesFromLog(t)).toEqual([]);
});

test.each([{ maxTasks: 0 }, { maxTasks: 10_001 }, { ttlMs: 999 }, { ttlMs: 3_600_001 }])(
  'a claim with %j is refused, and leases nothing',
  async (wrong) => {
    const t = await testLedger();
    await t.ledger.submit('some.task', 1);
    const before = await eventCount(t.pool);
    await expect(claimAs(t.pool, wrong)).rejects.toMatchObject({ code: 'TL002' });
    expect(await eventCount(t.pool)).toBe(before);
  },
);
