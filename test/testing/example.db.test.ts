// The example of docs/testing.md; `page.unit.test.ts` proves them equal.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { defineTask } from '../../src/index.ts';
import { startTestLedger, stateAfter, type TestLedger } from '../../src/testing/index.ts';

const settlePayout = defineTask({
  name: 'payouts.settle',
  input: z.object({ payoutId: z.string() }),
  output: z.object({ reference: z.string() }),
  // No pause between attempts, so that a retry is due at once.
  retry: { attempts: 3, backoff: { kind: 'fixed', delay: 0 } },
});

let bankIsAway = false;
const handlers = [
  settlePayout.handle(({ input }) => {
    if (bankIsAway) throw new Error('the bank is away');
    return { reference: `R-${input.payoutId}` };
  }),
];

let t: TestLedger;
beforeAll(async () => {
  t = await startTestLedger({ handlers });
}, 60_000);
afterAll(() => t.stop());

test('a payout is settled', async () => {
  const { id } = await t.ledger.submit(settlePayout, { payoutId: '7' });
  await t.runUntilIdle();
  expect(await t.ledger.result(id)).toEqual({ reference: 'R-7' });
});

test('a payout is tried three times while the bank is away, and settled when an operator retries it', async () => {
  const { id } = await t.ledger.submit(settlePayout, { payoutId: '8' });
  bankIsAway = true;
  await t.runUntilIdle();
  expect(await t.ledger.get(id)).toMatchObject({ state: 'failed', attempt: 3, error: { message: 'the bank is away' } });

  bankIsAway = false;
  await t.ledger.retry(id, { reason: 'the bank is back' });
  await t.runUntilIdle();
  const history = await t.ledger.history(id);
  expect(stateAfter(history)).toMatchObject({ state: 'completed', output: { reference: 'R-8' } });
  expect(stateAfter(history.slice(0, 3))).toMatchObject({ state: 'pending', attempt: 1 });
});
