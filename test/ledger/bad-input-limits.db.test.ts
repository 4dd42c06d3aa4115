import { expect, test } from 'vitest';
import { MAX_PAYLOAD_BYTES } from '../../src/events/limits.ts';
import { defineTask } from '../../src/index.ts';
import { differencesFromLog, testLedger, typesOf } from '../support/ledger.ts';

const task = defineTask({ name: 'some.task', retry: { attempts: 2, backoff: { kind: 'fixed', delay: 1 } } });
/** JSON text of the largest size, quotes included; `more` bytes beyond it. */
const text = (more = 0): string => 'x'.repeat(MAX_PAYLOAD_BYTES - 2 + more);

test('the largest output is recorded; one byte more fails the attempt, saying so, and is no reason to lose the runner', async () => {
  const t = await testLedger();
  await t.run([task.handle(({ input }) => text(input as number))]);
  const fits = await t.ledger.submit(task, 0);
  expect(await t.ledger.result(fits.id, { timeoutMs: 10_000 })).toBe(text());
  const tooLarge = await t.ledger.submit(task, 1);
  await expect(t.ledger.result(tooLarge.id, { timeoutMs: 10_000 })).rejects.toMatchObject({
    code: 'TASKLEDGER_TASK_NOT_COMPLETED',
  });
  const { error, state } = await t.ledger.get(tooLarge.id);
  expect([state, error]).toMatchObject(['failed', { code: 'INVALID_OUTPUT' }]);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('the largest checkpoint reaches the next attempt; one byte more is told by a signal, and the attempt goes on', async () => {
  const t = await testLedger();
  const told = t.ledger.signals.next('service.failed', ({ service }) => service === 'progress');
  const handler = task.handle(async ({ attempt, checkpoint, progress }) => {
    if (attempt === 2) return (checkpoint as string).length;
    await progress({ checkpoint: text() });
    await progress({ checkpoint: text(1) });
    throw new Error('on to the next attempt');
  });
  await t.run([handler]);
  const { id } = await t.ledger.submit(task, 1);
  expect(await t.ledger.result(id, { timeoutMs: 10_000 })).toBe(text().length);
  expect(await told).toMatchObject({ code: 'TASKLEDGER_LIMIT_EXCEEDED' });
  expect(typesOf(await t.ledger.history(id)).filter((type) => type === 'progressed')).toHaveLength(1);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('an error with a message larger than a payload is recorded, cut', async () => {
  const t = await testLedger();
  await t.run([
    task.handle(() => {
      throw new Error(text(1));
    }),
  ]);
  const { id } = await t.ledger.submit(task, 1);
  await expect(t.ledger.result(id, { timeoutMs: 10_000 })).rejects.toMatchObject({
    code: 'TASKLEDGER_TASK_NOT_COMPLETED',
  });
  const { error } = await t.ledger.get(id);
  expect(error!.message).toMatch(/^x{4000}$/);
  expect(await differencesFromLog(t)).toEqual([]);
});
