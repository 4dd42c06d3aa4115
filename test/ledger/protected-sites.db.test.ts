import { expect, test } from 'vitest';
import { eventCount } from '../support/leases.ts';
import { testLedger, type TestLedger } from '../support/ledger.ts';

async function learnOfPeer({ pool }: TestLedger): Promise<void> {
  await pool.query(`select taskledger.add_peer('fra', gen_random_uuid(), 'postgres://fra.example/ledger', 'pull')`);
}

const needsOneSite = { code: 'TASKLEDGER_PROTECTED_NEEDS_ONE_SITE' };

test('a protected task is taken while there is one site, and refused as soon as there is another', async () => {
  const t = await testLedger();
  await t.ledger.submit('some.task', 1, { protected: true });
  await learnOfPeer(t);
  const before = await eventCount(t.pool);
  const protectedItems = [{ input: 1 }, { input: 2, protected: true }];
  await expect(t.ledger.submit('some.task', 1, { protected: true })).rejects.toMatchObject(needsOneSite);
  await expect(t.ledger.submitMany('some.task', protectedItems)).rejects.toMatchObject({
    ...needsOneSite,
    message: expect.stringContaining('task 2 of the batch'),
  });
  expect(await eventCount(t.pool)).toBe(before);
});

test.each([`'{"protected":true}'`, `'{"\\u0070rotected":true}'`])('SQL is refused with %s', async (options) => {
  const t = await testLedger();
  await learnOfPeer(t);
  const submitting = t.pool.query(`select * from taskledger.submit('some.task', '1', ${options})`);
  await expect(submitting).rejects.toMatchObject({ code: 'TL012' });
});

test('tasks that are not protected are taken at any number of sites', async () => {
  const t = await testLedger();
  await learnOfPeer(t);
  await t.ledger.submit('some.task', 1);
  await t.ledger.submit('some.task', 1, { priority: 1 });
  await t.ledger.submit('some.task', 1, { protected: false });
  expect(await t.ledger.list()).toHaveLength(3);
});
