import { afterAll, beforeAll, expect, test } from 'vitest';
import { attemptFailed, runHandler, startTestLedger } from 'taskledger/testing';
import { hello } from './tasks.mjs';

test('it greets by name, and says what it is doing', async () => {
  const run = await runHandler(hello, { name: 'Ada' });
  expect(run).toMatchObject({ outcome: 'completed', output: { greeting: 'Hello Ada!' } });
  expect(run.progress).toEqual([{ fraction: 0.5, message: 'looking up Ada' }]);
});

test('nobody is worth another attempt', async () => {
  const run = await runHandler(hello, { name: 'nobody' }, { attempt: 2 });
  expect(run).toMatchObject({ outcome: 'retry', error: { message: 'attempt 2: there is nobody to greet' } });
});

let t;
beforeAll(async () => {
  t = await startTestLedger({ handlers: [hello] });
}, 60_000);
afterAll(() => t?.stop());

test('an attempt that was cut off is made again once its backoff has passed', async () => {
  const task = await t.given('greetings.say', { name: 'Ada' }, attemptFailed('cut off', { retryIn: '5m' }));
  await t.runUntilIdle();
  await t.expectEvents(task.id, ['submitted', 'leased', 'attempt_failed']);
  await t.clock.advance('5m');
  await t.runUntilIdle();
  expect(await t.ledger.result(task.id)).toEqual({ greeting: 'Hello Ada!' });
});
