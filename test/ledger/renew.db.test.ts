import { expect, test } from 'vitest';
import { renewClaims } from '../../src/ledger/renew.ts';
import { differencesFromLog, testLedger, type TestLedger } from '../support/ledger.ts';
import {
  claimSome,
  eventCount,
  expireLeases,
  inTransaction,
  outcomeOf,
  settleAll,
  settleThese,
} from '../support/leases.ts';

const msLeft = async ({ pool }: TestLedger): Promise<number[]> => {
  const { rows } = await pool.query<{ ms: number }>(
    'select (extract(epoch from lease_until - clock_timestamp()) * 1000)::int as ms from taskledger.claims order by claim_id',
  );
  return rows.map(({ ms }) => ms);
};

test('a renewal moves the end of every claim by its own TTL, and is no event', async () => {
  const t = await testLedger();
  await t.ledger.submitMany('some.task', [{ input: 1 }, { input: 2 }, { input: 3 }]);
  const short = await claimSome(t.pool, 1, { ttlMs: 1000 });
  const long = await claimSome(t.pool, 2, { ttlMs: 60_000 });
  await expireLeases(t);
  const before = await eventCount(t.pool);
  expect(await renewClaims(t.pool, [long, short])).toEqual(new Set([short.claimId, long.claimId]));
  const [shortMs, longMs] = await msLeft(t);
  expect(shortMs).toBeGreaterThan(0);
  expect(shortMs).toBeLessThanOrEqual(1000);
  expect(longMs).toBeGreaterThan(50_000);
  expect(await eventCount(t.pool)).toBe(before);
  expect(await t.ledger.sweep()).toEqual({ expired: 0, missed: 0, overdue: 0 });
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a claim that is unknown, or shown with a wrong secret, is missing from the answer and not renewed', async () => {
  const t = await testLedger();
  await t.ledger.submitMany('some.task', [{ input: 1 }, { input: 2 }]);
  const mine = await claimSome(t.pool, 1);
  const other = await claimSome(t.pool, 1);
  await expireLeases(t);
  const held = [mine, { ...other, secret: mine.secret }, { claimId: '999999', secret: mine.secret }];
  expect(await renewClaims(t.pool, held)).toEqual(new Set([mine.claimId]));
  const [mineMs, otherMs] = await msLeft(t);
  expect(mineMs).toBeGreaterThan(0);
  expect(otherMs).toBeLessThan(0);
  expect(await renewClaims(t.pool, [])).toEqual(new Set());
});

test('a claim whose leases are all settled, or were lost, cannot be renewed', async () => {
  const t = await testLedger();
  await t.ledger.submitMany('some.task', [{ input: 1 }, { input: 2 }]);
  const done = await claimSome(t.pool, 1);
  const lost = await claimSome(t.pool, 1);
  await settleAll(t.pool, done, 'completed');
  await expireLeases(t);
  await t.ledger.sweep();
  expect(await renewClaims(t.pool, [done, lost])).toEqual(new Set());
  expect(await differencesFromLog(t)).toEqual([]);
});

test('renewing does not wait for a lease of the same claim that is being settled', async () => {
  const t = await testLedger();
  await t.ledger.submitMany('some.task', [{ input: 1 }, { input: 2 }]);
  const claim = await claimSome(t.pool, 2);
  await inTransaction(t.pool, 'commit', async (third) => {
    await third.query('select from taskledger.open_tasks for update');
    expect(await renewClaims(t.pool, [claim])).toEqual(new Set([claim.claimId]));
  });
  expect(
    await settleThese(
      t.pool,
      [claim],
      claim.leases.map((lease) => outcomeOf(lease, 'completed')),
    ),
  ).toEqual([]);
  expect(await differencesFromLog(t)).toEqual([]);
});
