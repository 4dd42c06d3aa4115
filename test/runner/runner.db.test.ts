import { expect, test } from 'vitest';
import { defineTask, FatalError, RetryAfter } from '../../src/index.ts';
import { z } from 'zod';
import { differencesFromLog, testLedger, typesOf } from '../support/ledger.ts';

test('a submitted task is leased, run and completed, and its history says so', async () => {
  const t = await testLedger();
  const greet = defineTask({ name: 'greetings.say', input: z.object({ name: z.string() }) });
  const { id, site, created } = await t.ledger.submit(greet, { name: 'Ada' });
  expect({ site, created }).toEqual({ site: 'ams', created: true });
  await t.run([greet.handle(({ input }) => `Hello ${input.name}`)]);
  expect(await t.ledger.result(id, { timeoutMs: 5000 })).toBe('Hello Ada');
  expect(typesOf(await t.ledger.history(id))).toEqual(['submitted', 'leased', 'completed']);
  expect(await t.ledger.get(id)).toMatchObject({ state: 'completed', attempt: 1, version: 3, output: 'Hello Ada' });
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a thousand small tasks are each run exactly once', async () => {
  const t = await testLedger();
  const runs = new Map<number, number>();
  const count = defineTask<number, undefined>({ name: 'numbers.count' });
  await t.ledger.submitMany(
    count,
    Array.from({ length: 1000 }, (_, i) => ({ input: i })),
  );
  await t.run([
    count.handle(({ input }) => {
      runs.set(input, (runs.get(input) ?? 0) + 1);
      return undefined;
    }),
  ]);
  await t.settled();
  expect(runs.size).toBe(1000);
  expect([...runs.values()].every((times) => times === 1)).toBe(true);
  const { rows } = await t.pool.query(
    'select type, count(*)::int as n from taskledger.events where task_id is not null group by 1 order by 1',
  );
  expect(rows).toEqual([
    { type: 'task.completed', n: 1000 },
    { type: 'task.leased', n: 1000 },
    { type: 'task.submitted', n: 1000 },
  ]);
});

test('tasks that come one by one are found between polls', async () => {
  const t = await testLedger();
  const tick = defineTask<number, number>({ name: 'clocks.tick' });
  await t.run([tick.handle(({ input }) => input)], { pollMs: 600_000 });
  for (let i = 0; i < 40; i += 1) {
    const { id } = await t.ledger.submit(tick, i);
    expect(await t.ledger.result(id, { timeoutMs: 5000 })).toBe(i);
  }
});

test('a failing attempt is tried again after its backoff, and fails for good when all attempts are used', async () => {
  const t = await testLedger();
  const shaky = defineTask<string>({ name: 'shaky.do', retry: { attempts: 3, backoff: { kind: 'fixed', delay: 10 } } });
  const twice = await t.ledger.submit(shaky, 'twice');
  const always = await t.ledger.submit(shaky, 'always');
  await t.run([
    shaky.handle(({ input, attempt }) => {
      if (input === 'always' || attempt < 3) throw new Error(`no luck in attempt ${attempt}`);
      return 'at last';
    }),
  ]);
  expect(await t.ledger.result(twice.id, { timeoutMs: 5000 })).toBe('at last');
  await expect(t.ledger.result(always.id, { timeoutMs: 5000 })).rejects.toMatchObject({
    code: 'TASKLEDGER_TASK_NOT_COMPLETED',
  });
  expect(typesOf(await t.ledger.history(always.id))).toEqual([
    'submitted',
    'leased',
    'attempt_failed',
    'leased',
    'attempt_failed',
    'leased',
    'failed',
  ]);
  expect(await t.ledger.get(always.id)).toMatchObject({
    state: 'failed',
    attempt: 3,
    error: { code: 'HANDLER_ERROR', name: 'Error', message: 'no luck in attempt 3' },
  });
  expect(await differencesFromLog(t)).toEqual([]);
});

test('FatalError ends a task at once, RetryAfter chooses the time, and input that does not fit is not retried', async () => {
  const t = await testLedger();
  const picky = defineTask({ name: 'picky.do', input: z.object({ how: z.string() }), retry: { attempts: 5 } });
  const fatal = await t.ledger.submit(picky, { how: 'fatal' });
  const later = await t.ledger.submit(picky, { how: 'later' });
  const wrong = await t.ledger.submit('picky.do', { what: 1 });
  await t.run([
    picky.handle(({ input, attempt }) => {
      if (input.how === 'fatal') throw new FatalError('never again');
      if (attempt === 1) throw new RetryAfter('30ms');
      return attempt;
    }),
  ]);
  expect(await t.ledger.result(later.id, { timeoutMs: 5000 })).toBe(2);
  await t.settled();
  expect(await t.ledger.get(fatal.id)).toMatchObject({ state: 'failed', attempt: 1, error: { name: 'FatalError' } });
  expect(await t.ledger.get(wrong.id)).toMatchObject({ state: 'failed', attempt: 1, error: { code: 'INVALID_INPUT' } });
  const failed = (await t.ledger.history(later.id)).find((event) => event.type === 'task.attempt_failed');
  expect(failed?.data).toMatchObject({ error: { name: 'RetryAfter' } });
});

test('an attempt that exceeds its timeout sees its signal abort', async () => {
  const t = await testLedger();
  const slow = defineTask<null>({ name: 'slow.do', timeout: '50ms', retry: { attempts: 1 } });
  const { id } = await t.ledger.submit(slow, null);
  await t.run([
    slow.handle(
      ({ signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    ),
  ]);
  await t.settled();
  expect(await t.ledger.get(id)).toMatchObject({ state: 'failed', error: { code: 'TIMEOUT' } });
});

test('a pending task is aborted at once, a running one when its handler obeys the signal', async () => {
  const t = await testLedger();
  const long = defineTask<string>({ name: 'long.do' });
  const pending = await t.ledger.submit(long, 'pending', { startAfter: new Date(Date.now() + 3_600_000) });
  expect(await t.ledger.abort(pending.id, { reason: 'not needed' })).toBe('aborted');
  const running = await t.ledger.submit(long, 'running');
  const started = t.ledger.signals.next('attempt.started');
  await t.run([
    long.handle(
      ({ signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('stopped')))),
    ),
  ]);
  await started;
  expect(await t.ledger.abort(running.id, { reason: 'changed our mind' })).toBe('leased');
  await t.settled();
  expect(typesOf(await t.ledger.history(pending.id))).toEqual(['submitted', 'abort_requested', 'aborted']);
  expect(typesOf(await t.ledger.history(running.id))).toEqual(['submitted', 'leased', 'abort_requested', 'aborted']);
  expect(await t.ledger.get(running.id)).toMatchObject({ state: 'aborted', open_requests: [] });
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a task whose start window passed is missed, and an operator may run it again', async () => {
  const t = await testLedger();
  const windowed = defineTask<null>({ name: 'windowed.do' });
  const { id } = await t.ledger.submit(windowed, null, { startBefore: new Date(Date.now() - 1000) });
  await t.run([windowed.handle(() => 'done')]);
  await t.ledger.signals.next('sweep.done', ({ missed }) => missed > 0);
  expect(typesOf(await t.ledger.history(id))).toEqual(['submitted', 'missed']);
  expect(await t.ledger.retry(id, { reason: 'late is better than never' })).toBe('pending');
  expect(await t.ledger.result(id, { timeoutMs: 5000 })).toBe('done');
  expect(await differencesFromLog(t)).toEqual([]);
});

test('progress is kept, and a checkpoint reaches the next attempt', async () => {
  const t = await testLedger();
  const long = defineTask<null>({ name: 'long.do', retry: { attempts: 2, backoff: { kind: 'fixed', delay: 0 } } });
  const { id } = await t.ledger.submit(long, null);
  await t.run([
    long.handle(async ({ attempt, checkpoint, progress }) => {
      if (attempt === 2) return checkpoint;
      await progress({ fraction: 0.5, message: 'half way', checkpoint: { page: 7 } });
      throw new Error('power cut');
    }),
  ]);
  expect(await t.ledger.result(id, { timeoutMs: 5000 })).toEqual({ page: 7 });
  expect(typesOf(await t.ledger.history(id))).toEqual([
    'submitted',
    'leased',
    'progressed',
    'attempt_failed',
    'leased',
    'completed',
  ]);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('stopping a runner lets what runs finish, and gives back the rest', async () => {
  const t = await testLedger();
  const slow = defineTask<number, number>({ name: 'slow.do' });
  let finish = (): void => undefined;
  const held = new Promise<void>((resolve) => (finish = resolve));
  await t.ledger.submitMany(slow, [{ input: 1 }, { input: 2 }, { input: 3 }]);
  const started = t.ledger.signals.next('attempt.started');
  const runner = await t.run(
    [
      slow.handle(async ({ input }) => {
        await held;
        return input;
      }),
    ],
    { concurrency: 1 },
  );
  await started;
  const draining = t.ledger.signals.next('runner.draining');
  const stopped = runner.stop(5000);
  await draining;
  finish();
  await stopped;
  const { rows } = await t.pool.query('select state, count(*)::int as n from taskledger.tasks group by 1 order by 1');
  expect(rows).toEqual([
    { state: 'completed', n: 1 },
    { state: 'pending', n: 2 },
  ]);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a protected task that was stopped before it ended is in doubt, is not started again, and is resolved by a person', async () => {
  const t = await testLedger();
  const pay = defineTask<string>({ name: 'payouts.settle', protected: true });
  let starts = 0;
  const hangs = pay.handle(() => {
    starts += 1;
    return new Promise<never>(() => undefined);
  });
  const { id } = await t.ledger.submit(pay, 'P-1');
  const started = t.ledger.signals.next('attempt.started');
  const runner = await t.run([hangs]);
  await started;
  await runner.stop(0);
  await t.run([hangs]);
  await t.ledger.signals.next('claim.granted', ({ tasks }) => tasks === 0);
  expect(starts).toBe(1);
  expect(typesOf(await t.ledger.history(id))).toEqual(['submitted', 'leased', 'in_doubt']);
  expect(await differencesFromLog(t)).toEqual([]);
  expect(await t.ledger.resolve(id, { outcome: 'completed', output: 'paid', reason: 'the bank shows it' })).toBe(
    'completed',
  );
  expect(await t.ledger.get(id)).toMatchObject({ state: 'completed', output: 'paid' });
});
