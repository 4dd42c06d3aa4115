import { expect, test } from 'vitest';
import { differencesFromLog, testLedger } from '../support/ledger.ts';
import { claimSome, eventCount, inTransaction, settleAll, waitsForLock } from '../support/leases.ts';

test('the same key and input answer the first task, also when its fields come in another order', async () => {
  const t = await testLedger();
  const first = await t.ledger.submit('some.task', { a: 1, b: [2] }, { key: 'k' });
  const before = await eventCount(t.pool);
  const again = await t.ledger.submit('some.task', { b: [2], a: 1 }, { key: 'k', priority: 5 });
  expect(again).toEqual({ ...first, created: false });
  expect(await eventCount(t.pool)).toBe(before);
});

test('a key belongs to its task for as long as the log is kept, finished or not', async () => {
  const t = await testLedger();
  const first = await t.ledger.submit('some.task', 1, { key: 'k' });
  await settleAll(t.pool, await claimSome(t.pool, 1), 'completed');
  expect(await t.ledger.submit('some.task', 1, { key: 'k' })).toEqual({ ...first, created: false });
});

test('the same key with another input is refused, naming the key and the task', async () => {
  const t = await testLedger();
  const first = await t.ledger.submit('some.task', { a: 1 }, { key: 'pay-17' });
  const before = await eventCount(t.pool);
  const error: unknown = await t.ledger.submit('some.task', { a: 2 }, { key: 'pay-17' }).catch((e: unknown) => e);
  expect(error).toMatchObject({ code: 'TASKLEDGER_KEY_CONFLICT' });
  expect((error as Error).message).toContain('pay-17');
  expect((error as Error).message).toContain(first.id);
  expect(await eventCount(t.pool)).toBe(before);
});

test('tasks of another name may use the same key', async () => {
  const t = await testLedger();
  await t.ledger.submit('some.task', 1, { key: 'k' });
  expect(await t.ledger.submit('other.task', 2, { key: 'k' })).toMatchObject({ created: true });
});

test('a key that comes twice in one batch makes one task, and both answers name it', async () => {
  const t = await testLedger();
  const items = [{ input: 1, key: 'k' }, { input: 2 }, { input: 1, key: 'k' }, { input: 1, key: 'k' }];
  const answers = await t.ledger.submitMany('some.task', items);
  expect(answers.map(({ created }) => created)).toEqual([true, true, false, false]);
  expect(new Set(answers.map(({ id }) => id)).size).toBe(2);
  expect(answers[2]!.id).toBe(answers[0]!.id);
  const before = await eventCount(t.pool);
  const contradictory = [
    { input: 1, key: 'new' },
    { input: 2, key: 'new' },
  ];
  await expect(t.ledger.submitMany('some.task', contradictory)).rejects.toMatchObject({
    code: 'TASKLEDGER_KEY_CONFLICT',
  });
  expect(await eventCount(t.pool)).toBe(before);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('two calls with the same key in one transaction make one task', async () => {
  const t = await testLedger();
  const [first, second] = await inTransaction(t.pool, 'commit', async (tx) => [
    await t.ledger.submit('some.task', 1, { tx, key: 'k' }),
    await t.ledger.submit('some.task', 1, { tx, key: 'k' }),
  ]);
  expect(second).toEqual({ ...first, created: false });
});

test('the key of a transaction that was rolled back is free again', async () => {
  const t = await testLedger();
  await inTransaction(t.pool, 'rollback', (tx) => t.ledger.submit('some.task', 1, { tx, key: 'k' }));
  expect(await t.ledger.submit('some.task', 2, { key: 'k' })).toMatchObject({ created: true });
});

test.each(['commit', 'rollback'] as const)(
  "a second submitter of a key waits for the first one's transaction, which ends in a %s",
  async (end) => {
    const t = await testLedger();
    const { first, second } = await inTransaction(t.pool, end, async (tx) => {
      const first = await t.ledger.submit('some.task', 1, { tx, key: 'k' });
      const second = t.ledger.submit('some.task', 1, { key: 'k' });
      await waitsForLock(t, 'taskledger.submit');
      return { first, second };
    });
    if (end === 'commit') expect(await second).toEqual({ ...first, created: false });
    else expect((await second).created).toBe(true);
    expect(await differencesFromLog(t)).toEqual([]);
  },
);

test('a batch that waited for one key learns of a task that took another of its keys meanwhile', async () => {
  const t = await testLedger();
  const { batch, b } = await inTransaction(t.pool, 'rollback', async (tx) => {
    await t.ledger.submit('some.task', 'a', { tx, key: 'a' });
    const batch = t.ledger.submitMany('some.task', [
      { input: 'a', key: 'a' },
      { input: 'b', key: 'b' },
    ]);
    await waitsForLock(t, 'taskledger.submit_many');
    return { batch, b: await t.ledger.submit('some.task', 'b', { key: 'b' }) };
  });
  const answers = await batch;
  expect(answers[0]).toMatchObject({ created: true });
  expect(answers[1]).toEqual({ ...b, created: false });
});

test('batches take their keys in one order, whatever order they come in: held up by a third, they do not deadlock', async () => {
  const t = await testLedger();
  const batch = (keys: string): Promise<unknown> =>
    t.ledger.submitMany(
      'some.task',
      [...keys].map((key) => ({ input: key, key })),
    );
  const { both } = await inTransaction(t.pool, 'rollback', async (tx) => {
    await t.ledger.submit('some.task', 'm', { tx, key: 'm' });
    const answers = Promise.all([batch('zma'), batch('amz')]);
    answers.catch(() => undefined);
    await waitsForLock(t, 'submit_many', 2);
    return { both: answers };
  });
  await expect(both).resolves.toHaveLength(2);
});

test('batches that hold the same keys in different orders do not deadlock', async () => {
  const t = await testLedger();
  const items = Array.from({ length: 40 }, (_, i) => ({ input: i, key: `k${i}` }));
  const batches = [items, items.toReversed(), items, items.toReversed()];
  const answers = await Promise.all(batches.map((batch) => t.ledger.submitMany('some.task', batch)));
  expect(answers.flat().filter(({ created }) => created)).toHaveLength(40);
  expect(new Set(answers.flat().map(({ id }) => id)).size).toBe(40);
});
