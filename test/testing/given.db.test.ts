import { expect, test } from 'vitest';
import { defineTask } from '../../src/index.ts';
import { attemptFailed, completed, failed, leased, progressed, released, submitted } from '../../src/testing/index.ts';
import type { GivenSteps } from '../../src/testing/index.ts';
import { onTestServer } from '../support/users-ledger.ts';

const pay = defineTask<{ id: number }, string>({ name: 'payouts.pay', retry: { attempts: 2 } });
const guarded = defineTask<null, string>({ name: 'payouts.guarded', protected: true });

test('a task is taken through its life by the functions of the ledger, leased where a step needs it', async () => {
  const t = await onTestServer();
  const given = await t.given(pay, { id: 1 }, attemptFailed(new Error('the bank is away')), leased());
  expect(given).toMatchObject({ state: 'leased', attempt: 2, error: { message: 'the bank is away' } });
  await t.expectEvents(given.id, [
    { type: 'submitted', data: { input: { id: 1 } } },
    { type: 'leased', data: { runner: 'given', attempt: 1 } },
    'attempt_failed',
    { type: 'leased', data: { attempt: 2 } },
  ]);
});

test('each step leads where it says', async () => {
  const t = await onTestServer();
  const stateAfter = async (...steps: GivenSteps): Promise<string> => (await t.given(pay, { id: 2 }, ...steps)).state;
  expect(await stateAfter()).toBe('pending');
  expect(await stateAfter(leased({ ttl: '1m' }))).toBe('leased');
  expect(await stateAfter(completed('R-1'))).toBe('completed');
  expect(await stateAfter(failed('no account'))).toBe('failed');
  expect(await stateAfter(attemptFailed('once'), attemptFailed('twice'))).toBe('failed');
  expect(await stateAfter(released(), released('drain'))).toBe('pending');
  expect(await stateAfter(released(), leased())).toBe('leased');
});

test('what it was submitted with, and a checkpoint of an attempt before, reach the handler', async () => {
  const t = await onTestServer();
  const seen: unknown[] = [];
  const handler = pay.handle(({ attempt, checkpoint }) => {
    seen.push({ attempt, checkpoint });
    return 'paid';
  });
  const steps = [submitted({ key: 'p-7', priority: 5 }), progressed({ checkpoint: { asked: true } })] as const;
  const task = await t.given(pay, { id: 7 }, ...steps, attemptFailed('cut off'));
  await t.runUntilIdle({ handlers: [handler] });
  expect(seen).toEqual([{ attempt: 2, checkpoint: { asked: true } }]);
  expect(await t.ledger.get(task.id)).toMatchObject({ key: 'p-7', priority: 5, state: 'completed' });
});

test('of many tasks in one lane exactly the given one is leased', async () => {
  const t = await onTestServer();
  await t.clock.freeze();
  const others = await t.ledger.submitMany(pay, [{ input: { id: 1 } }, { input: { id: 2 } }]);
  const task = await t.given(pay, { id: 3 }, leased());
  await t.ledger.submit(pay, { id: 4 });
  const states = (await t.ledger.list()).map(({ id, state }) => [id === task.id, state]);
  expect(states).toEqual([
    [false, 'pending'],
    [true, 'leased'],
    [false, 'pending'],
    [false, 'pending'],
  ]);
  expect(others).toHaveLength(2);
});

test('a protected task whose runner is gone is in doubt, without waiting for it', async () => {
  const t = await onTestServer();
  const { id } = await t.given(guarded, null, leased());
  await t.clock.advance('1h');
  await t.ledger.sweep();
  expect((await t.ledger.get(id)).state).toBe('in_doubt');
});

test('a step that cannot follow is refused, and the difference of a history is shown', async () => {
  const t = await onTestServer();
  await expect(t.given(pay, { id: 8 }, completed('a'), leased())).rejects.toMatchObject({
    code: 'TASKLEDGER_WRONG_STATE',
    found: expect.stringMatching(/, completed$/),
  });
  const startAfter = new Date(t.clock.now().getTime() + 60_000);
  await expect(t.given(pay, { id: 9 }, submitted({ startAfter }), leased())).rejects.toMatchObject({
    found: expect.stringMatching(/, pending and due at /),
  });
  const { id } = await t.given(pay, { id: 10 }, attemptFailed('the bank is away'));
  await expect(t.expectEvents(id, ['submitted', 'leased', 'completed'])).rejects.toThrow(
    /- completed\n {2}\+ attempt_failed \{"error":\{.*the bank is away/,
  );
});
