import { expect, test } from 'vitest';
import { sweepOnce } from '../../src/ledger/sweep.ts';
import { differencesFromLog, testLedger, typesOf } from '../support/ledger.ts';
import {
  claimRows,
  claimSome,
  eventCount,
  expireLeases,
  inTransaction,
  outcomeOf,
  settleAll,
  settleThese,
} from '../support/leases.ts';

const nothing = { expired: 0, missed: 0, overdue: 0 };
const ago = (ms: number): Date => new Date(Date.now() - ms);

test('a sweep with nothing due changes nothing', async () => {
  const t = await testLedger();
  await t.ledger.submitMany('some.task', [
    { input: 1 },
    { input: 2, startBefore: ago(-60_000), deadline: ago(-60_000) },
  ]);
  await claimSome(t.pool, 1);
  const before = await eventCount(t.pool);
  expect(await t.ledger.sweep()).toEqual(nothing);
  expect(await eventCount(t.pool)).toBe(before);
});

test('a lost lease puts its task back, the attempt counts, and fencing tokens grow (I2)', async () => {
  const t = await testLedger();
  const { id } = await t.ledger.submit('some.task', 1);
  const claim = await claimSome(t.pool, 1, { runner: 'gone' });
  await expireLeases(t);
  expect(await t.ledger.sweep()).toEqual({ ...nothing, expired: 1 });
  const expired = (await t.ledger.history(id)).at(-1)!;
  expect(expired).toMatchObject({
    type: 'task.lease_expired',
    data: { lease: [1, 2], attempt: 1, runner: 'gone', next: 'pending' },
  });
  expect(await t.ledger.get(id)).toMatchObject({ state: 'pending', attempt: 1, error: { code: 'LEASE_EXPIRED' } });
  expect(await claimRows(t.pool)).toEqual([]);
  const again = await claimSome(t.pool, 1);
  expect(again.leases[0]).toMatchObject({ attempt: 2, epoch: 1, version: 4 });
  expect(again.leases[0]!.version).toBeGreaterThan(claim.leases[0]!.version);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('I3: a task whose last attempt lost its lease has failed, for good', async () => {
  const t = await testLedger();
  const { id } = await t.ledger.submit('some.task', 1, { retry: { attempts: 2 } });
  await settleAll(t.pool, await claimSome(t.pool, 1), 'retry', { retryInMs: 0 });
  await claimSome(t.pool, 1);
  await expireLeases(t);
  expect(await t.ledger.sweep()).toEqual({ ...nothing, expired: 1 });
  expect(await t.ledger.get(id)).toMatchObject({ state: 'failed', attempt: 2, error: { code: 'LEASE_EXPIRED' } });
  expect(typesOf(await t.ledger.history(id)).at(-1)).toBe('lease_expired');
  expect(await t.ledger.sweep()).toEqual(nothing);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a protected task whose lease was lost is in doubt, and is not leased again', async () => {
  const t = await testLedger();
  const { id } = await t.ledger.submit('some.task', 1, { protected: true, deadline: ago(-3_600_000) });
  const lost = await claimSome(t.pool, 1);
  await expireLeases(t);
  await t.ledger.sweep();
  expect((await t.ledger.get(id)).state).toBe('in_doubt');
  await claimSome(t.pool, 0, { maxTasks: 10 });
  expect(await settleAll(t.pool, lost, 'completed')).toMatchObject([{ verdict: 'refused' }]);
  expect(await t.ledger.get(id)).toMatchObject({ state: 'in_doubt', refused_results: 1 });
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a task that was asked to stop and then lost its lease is aborted, on its last attempt too', async () => {
  const t = await testLedger();
  const [first, last] = await t.ledger.submitMany('some.task', [{ input: 1 }, { input: 2, retry: { attempts: 1 } }]);
  await claimSome(t.pool, 2);
  await t.ledger.abort(first!.id);
  await t.ledger.abort(last!.id);
  await expireLeases(t);
  expect(await t.ledger.sweep()).toEqual({ ...nothing, expired: 2 });
  for (const { id } of [first!, last!]) {
    expect(await t.ledger.get(id)).toMatchObject({ state: 'aborted', open_requests: [] });
    expect(typesOf(await t.ledger.history(id)).slice(-2)).toEqual(['lease_expired', 'aborted']);
  }
  expect(await differencesFromLog(t)).toEqual([]);
});

test('only the leases that are not settled yet are lost with their claim', async () => {
  const t = await testLedger();
  const [done, lost] = await t.ledger.submitMany('some.task', [{ input: 1 }, { input: 2 }]);
  const claim = await claimSome(t.pool, 2);
  const settled = claim.leases.find((lease) => lease.taskId === done!.id)!;
  await settleThese(t.pool, [claim], [outcomeOf(settled, 'completed')]);
  await expireLeases(t);
  expect(await t.ledger.sweep()).toEqual({ ...nothing, expired: 1 });
  expect((await t.ledger.get(done!.id)).state).toBe('completed');
  expect((await t.ledger.get(lost!.id)).state).toBe('pending');
  expect(await claimRows(t.pool)).toEqual([]);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a lease that is being settled while its claim is swept belongs to whoever settles it', async () => {
  const t = await testLedger();
  const [settled, lost] = await t.ledger.submitMany('some.task', [{ input: 1 }, { input: 2 }]);
  const claim = await claimSome(t.pool, 2);
  await expireLeases(t);
  await inTransaction(t.pool, 'commit', async (settling) => {
    await settling.query('select from taskledger.open_tasks where task_id = $1 for update', [settled!.id]);
    expect(await sweepOnce(t.pool, 500)).toEqual({ ...nothing, expired: 1 });
    const lease = claim.leases.find(({ taskId }) => taskId === settled!.id)!;
    expect(await settleThese(settling, [claim], [outcomeOf(lease, 'completed')])).toEqual([]);
  });
  expect((await t.ledger.get(settled!.id)).state).toBe('completed');
  expect((await t.ledger.get(lost!.id)).state).toBe('pending');
  expect(await claimRows(t.pool)).toEqual([]);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('several sweeps at once expire each lease once', async () => {
  const t = await testLedger();
  await t.ledger.submitMany(
    'some.task',
    Array.from({ length: 100 }, (_, input) => ({ input })),
  );
  for (let i = 0; i < 10; i += 1) await claimSome(t.pool, 10);
  await expireLeases(t);
  const swept = await Promise.all([1, 2, 3, 4].map(() => t.ledger.sweep()));
  const again = await t.ledger.sweep();
  expect([...swept, again].reduce((sum, { expired }) => sum + expired, 0)).toBe(100);
  expect(await claimRows(t.pool)).toEqual([]);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('I10: however many claims were lost, one sweep to its end puts all their tasks back', async () => {
  const t = await testLedger();
  await t.ledger.submitMany(
    'some.task',
    Array.from({ length: 120 }, (_, input) => ({ input })),
  );
  for (let i = 0; i < 120; i += 1) await claimSome(t.pool, 1);
  await expireLeases(t);
  expect(await t.ledger.sweep()).toEqual({ ...nothing, expired: 120 });
  expect(await claimRows(t.pool)).toEqual([]);
});

test('one sweep ends no more tasks than it may, and the next goes on', async () => {
  const t = await testLedger();
  await t.ledger.submitMany(
    'some.task',
    Array.from({ length: 12 }, (_, input) => ({ input })),
  );
  await claimSome(t.pool, 12);
  await expireLeases(t);
  const expired: number[] = [];
  for (let i = 0; i < 4; i += 1) expired.push((await sweepOnce(t.pool, 5)).expired);
  expect(expired).toEqual([5, 5, 2, 0]);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('I3: a start window nobody used is missed, and a task leased within it is not', async () => {
  const t = await testLedger();
  const missed = await t.ledger.submit('some.task', 1, { startBefore: ago(1000) });
  await claimSome(t.pool, 0, { maxTasks: 10 });
  const used = await t.ledger.submit('some.task', 2, { startBefore: ago(-400) });
  const claim = await claimSome(t.pool, 1);
  expect((await t.ledger.sweep()).missed).toBe(1);
  expect(await t.ledger.get(missed.id)).toMatchObject({ state: 'missed', lease: null });
  // Its window is over by the time the first attempt fails: the retry is no new start.
  await expect.poll(() => Date.now() > Date.parse(claim.leases[0]!.runAt) + 400, { interval: 20 }).toBe(true);
  await settleAll(t.pool, claim, 'retry', { retryInMs: 0 });
  expect(await t.ledger.sweep()).toEqual(nothing);
  await settleAll(t.pool, await claimSome(t.pool, 1), 'completed');
  expect((await t.ledger.get(used.id)).state).toBe('completed');
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a pending task whose deadline passed has failed, whether or not it was ever started', async () => {
  const t = await testLedger();
  const never = await t.ledger.submit('some.task', 1, { deadline: ago(1000) });
  await claimSome(t.pool, 0, { maxTasks: 10 });
  const tried = await t.ledger.submit('some.task', 2, { deadline: ago(-400), retry: { attempts: 5 } });
  const claim = await claimSome(t.pool, 1);
  await expect.poll(() => Date.now() > Date.parse(claim.leases[0]!.runAt) + 400, { interval: 20 }).toBe(true);
  // While it is leased its attempt may still complete.
  expect(await t.ledger.sweep()).toEqual({ ...nothing, overdue: 1 });
  await settleAll(t.pool, claim, 'retry', { retryInMs: 0 });
  await claimSome(t.pool, 0, { maxTasks: 10 });
  expect(await t.ledger.sweep()).toEqual({ ...nothing, overdue: 1 });
  expect(await t.ledger.get(tried.id)).toMatchObject({ state: 'failed', attempt: 1, error: { code: 'DEADLINE' } });
  expect(await t.ledger.get(never.id)).toMatchObject({ state: 'failed', attempt: 0, error: { code: 'DEADLINE' } });
  expect(await differencesFromLog(t)).toEqual([]);
});
