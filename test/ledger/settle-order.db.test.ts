import { expect, test } from 'vitest';
import { claimSome, inTransaction, outcomeOf, settleAll, settleThese, waitsForLock } from '../support/leases.ts';
import { differencesFromLog, testLedger } from '../support/ledger.ts';

test('the same leases settled twice at once with different outcomes wait for each other in one order: no deadlock', async () => {
  const t = await testLedger();
  const submitted = await t.ledger.submitMany('some.task', [{ input: 1 }, { input: 2 }]);
  const [low] = submitted.map(({ id }) => id).toSorted();
  const claim = await claimSome(t.pool, 2);
  const [first, second] = claim.leases.toSorted((a, b) => (a.taskId < b.taskId ? -1 : 1));
  const { both } = await inTransaction(t.pool, 'commit', async (holder) => {
    // Both stop at the lower row; if it took closed tasks first, the later one would have the upper row by then.
    await holder.query('select from taskledger.open_tasks where task_id = $1 for update', [low]);
    const one = settleThese(t.pool, [claim], [outcomeOf(first!, 'completed'), outcomeOf(second!, 'retry')]);
    await waitsForLock(t, 'taskledger.settle', 1);
    const other = settleThese(t.pool, [claim], [outcomeOf(first!, 'retry'), outcomeOf(second!, 'completed')]);
    await waitsForLock(t, 'taskledger.settle', 2);
    return { both: Promise.allSettled([one, other]) };
  });
  expect((await both).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
  expect(await differencesFromLog(t)).toEqual([]);
});

test.each(['retry', 'released'] as const)(
  'an attempt that is %s while somebody asks for an abort, not committed yet, ends with the abort: its outcome is not lost',
  async (kind) => {
    const t = await testLedger();
    const { id } = await t.ledger.submit('some.task', 1);
    const claim = await claimSome(t.pool, 1);
    const { settled } = await inTransaction(t.pool, 'commit', async (holder) => {
      await holder.query('select taskledger.request_abort($1)', [id]);
      const settling = settleAll(t.pool, claim, kind);
      await waitsForLock(t, 'taskledger.settle');
      return { settled: settling };
    });
    expect(await settled).toEqual([]);
    expect(await t.ledger.get(id)).toMatchObject({ state: 'aborted', open_requests: [] });
    expect(await differencesFromLog(t)).toEqual([]);
  },
);
