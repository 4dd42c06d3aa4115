import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { recallClaims } from '../../src/ledger/recall-claims.ts';
import {
  claimAs,
  claimRows,
  claimSome,
  expireLeases,
  inTransaction,
  settleAll,
  waitsForLock,
} from '../support/leases.ts';
import { differencesFromLog, testLedger } from '../support/ledger.ts';

const secretUsed = { code: 'TL014' };

test('a claim whose answer was lost is answered again by its secret: the same leases, with inputs and checkpoints', async () => {
  const t = await testLedger();
  await t.ledger.submitMany('some.task', [
    { input: 'low' },
    { input: 'high', priority: 5 },
    { input: 'after', startAfter: new Date(Date.now() - 5000) },
  ]);
  const first = await claimSome(t.pool, 1, { maxTasks: 1 });
  const saved = [first.claimId, first.secret, first.leases[0]!.taskId, '{"page":7}'];
  await t.pool.query('select taskledger.report_progress($1, $2, $3, checkpoint => $4)', saved);
  await settleAll(t.pool, first, 'retry', { retryInMs: 0 });
  const secret = randomUUID();
  const claim = await claimSome(t.pool, 3, { secret });
  expect(claim.secret).toBe(secret);
  expect(await recallClaims(t.pool, [secret])).toEqual([claim]);
  expect(await settleAll(t.pool, claim, 'completed')).toEqual([]);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('the answer renews the leases, and leaves out those that are settled', async () => {
  const t = await testLedger();
  await t.ledger.submitMany('some.task', [{ input: 1 }, { input: 2 }]);
  const secret = randomUUID();
  const claim = await claimSome(t.pool, 2, { secret });
  await settleAll(t.pool, { ...claim, leases: claim.leases.slice(0, 1) }, 'completed');
  await expireLeases(t);
  expect(await recallClaims(t.pool, [secret])).toMatchObject([{ leases: [claim.leases[1]] }]);
  expect(await t.ledger.sweep()).toMatchObject({ expired: 0 });
});

test('a claim that was never made never will be: the statement that comes late finds its secret used, and leases nothing', async () => {
  const t = await testLedger();
  await t.ledger.submit('some.task', 1);
  const secret = randomUUID();
  expect(await recallClaims(t.pool, [secret])).toEqual([]);
  await expect(claimAs(t.pool, { secret })).rejects.toMatchObject(secretUsed);
  expect(await recallClaims(t.pool, [secret])).toEqual([]);
  expect(await claimSome(t.pool, 1)).toMatchObject({ leases: [{ attempt: 1 }] });
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a secret is good for one claim', async () => {
  const t = await testLedger();
  await t.ledger.submitMany('some.task', [{ input: 1 }, { input: 2 }]);
  const secret = randomUUID();
  await claimSome(t.pool, 1, { secret });
  await expect(claimAs(t.pool, { secret, maxTasks: 1 })).rejects.toMatchObject(secretUsed);
  expect(await differencesFromLog(t)).toEqual([]);
});

test.each([
  ['commit', 1],
  ['rollback', 0],
] as const)('who asks while the claim is not decided waits for its %s', async (end, granted) => {
  const t = await testLedger();
  await t.ledger.submit('some.task', 1);
  const secret = randomUUID();
  const { asked } = await inTransaction(t.pool, end, async (claiming) => {
    await claimSome(claiming, 1, { secret });
    const answer = recallClaims(t.pool, [secret]);
    answer.catch(() => undefined);
    await waitsForLock(t, 'taskledger.recall_claims');
    return { asked: answer };
  });
  expect(await asked).toHaveLength(granted);
});

test('the mark of a claim that was never made goes with a sweep, once no statement can be on its way any more', async () => {
  const t = await testLedger();
  await recallClaims(t.pool, [randomUUID()]);
  expect(await claimRows(t.pool)).toHaveLength(1);
  await t.ledger.sweep();
  expect(await claimRows(t.pool)).toHaveLength(1);
  await expireLeases(t);
  await t.ledger.sweep();
  expect(await claimRows(t.pool)).toEqual([]);
});

test('a secret that can be guessed is refused, and is in no message, event or row', async () => {
  const t = await testLedger();
  const { id } = await t.ledger.submit('some.task', 1);
  const refused = claimAs(t.pool, { secret: 'guess-me' });
  await expect(refused).rejects.toMatchObject({ code: 'TL002' });
  await expect(refused).rejects.not.toThrow(/guess-me/);
  const secret = randomUUID();
  const claim = await claimSome(t.pool, 1, { secret });
  expect(
    JSON.stringify(await t.ledger.history(id), (_, v: unknown) => (typeof v === 'bigint' ? `${v}` : v)),
  ).not.toContain(secret);
  expect((await t.ledger.history(id)).at(-1)).toMatchObject({ data: { claim: claim.claimId } });
  const { rows } = await t.pool.query('select c::text from taskledger.claims c');
  expect(JSON.stringify(rows)).not.toContain(secret);
});

test('a caller that makes no secret gets one', async () => {
  const t = await testLedger();
  await t.ledger.submit('some.task', 1);
  const claim = await claimSome(t.pool, 1);
  expect(claim.secret).toMatch(/^[0-9a-f-]{36}$/);
  expect(await recallClaims(t.pool, [claim.secret])).toEqual([claim]);
});
