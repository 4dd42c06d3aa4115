import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineTask, FatalError, RetryAfter, RetryAt } from '../../src/index.ts';
import { systemClock } from '../../src/clock.ts';
import { runHandler } from '../../src/testing/run-handler.ts';

const settle = defineTask({
  name: 'payouts.settle',
  input: z.object({ payoutId: z.string() }),
  output: z.object({ reference: z.string() }),
  retry: { attempts: 3, backoff: { kind: 'fixed', delay: '10m' } },
});
const payout = { payoutId: '7' };
const throws = (error: unknown) =>
  settle.handle(() => {
    throw error;
  });

test('a handler that returns has completed, with its output as it comes back from the ledger', async () => {
  const handler = settle.handle(({ input, attempt }) => ({ reference: `R-${input.payoutId}-${attempt}` }));
  expect(await runHandler(handler, payout)).toEqual({
    ...{ outcome: 'completed', output: { reference: 'R-7-1' }, error: undefined, retryInMs: undefined },
    ...{ progress: [], log: [], checkpoint: undefined },
  });
  expect((await runHandler(handler, payout, { attempt: 3 })).output).toEqual({ reference: 'R-7-3' });
});

test('a throw is another attempt, until the policy or the error says no', async () => {
  const handler = throws(new Error('the bank is away'));
  const first = await runHandler(handler, payout);
  expect(first).toMatchObject({ outcome: 'retry', retryInMs: 600_000, error: { message: 'the bank is away' } });
  expect((await runHandler(handler, payout, { attempt: 3 })).outcome).toBe('failed');
  expect(await runHandler(throws(new FatalError('no account')), payout)).toMatchObject({
    outcome: 'failed',
    error: { code: 'HANDLER_ERROR', name: 'FatalError', message: 'no account' },
  });
  expect(await runHandler(throws(new RetryAfter('1m')), payout)).toMatchObject({ retryInMs: 60_000 });
});

test('a moment for the next attempt is judged by the clock that is given', async () => {
  const clock = { ...systemClock, now: () => Date.parse('2030-01-01T00:00:00Z') };
  const handler = throws(new RetryAt(new Date('2030-01-01T00:00:30Z')));
  expect(await runHandler(handler, payout, { clock })).toMatchObject({ outcome: 'retry', retryInMs: 30_000 });
});

test('input and output are checked as in a runner', async () => {
  const handler = settle.handle(() => ({ reference: 7 }) as never);
  expect(await runHandler(handler, { payoutId: 7 })).toMatchObject({
    outcome: 'failed',
    error: { code: 'INVALID_INPUT' },
  });
  expect(await runHandler(handler, payout)).toMatchObject({ outcome: 'retry', error: { code: 'INVALID_OUTPUT' } });
});

test('what the ledger could not store is refused, and what it stores is what the handler gets', async () => {
  const echo = defineTask({ name: 'test.echo' }).handle(({ input }) => input);
  const at = new Date('2030-01-01T00:00:00Z');
  expect((await runHandler(echo, { at })).output).toEqual({ at: at.toISOString() });
  await expect(runHandler(echo, { size: 1n })).rejects.toMatchObject({ code: 'TASKLEDGER_INVALID_INPUT' });
});

test('progress is told in order, and the last checkpoint is what the next attempt gets', async () => {
  const handler = settle.handle(async ({ checkpoint, progress, input }) => {
    await progress({ fraction: 0.5, message: 'asked' });
    await progress({ checkpoint: { asked: true, before: checkpoint } });
    await progress({ fraction: 1 });
    return { reference: input.payoutId };
  });
  const run = await runHandler(handler, payout, { checkpoint: 'first' });
  expect(run.progress.map(({ fraction }) => fraction)).toEqual([0.5, undefined, 1]);
  expect(run.checkpoint).toEqual({ asked: true, before: 'first' });
  const silent = settle.handle(() => ({ reference: 'r' }));
  expect((await runHandler(silent, payout, { checkpoint: 'first' })).checkpoint).toBe('first');
});

test('a signal stops it as an abort request does', async () => {
  const stop = new AbortController();
  const handler = settle.handle(async ({ signal }) => {
    stop.abort();
    signal.throwIfAborted();
    return { reference: 'too late' };
  });
  expect(await runHandler(handler, payout, { signal: stop.signal })).toMatchObject({ outcome: 'aborted' });
  expect((await runHandler(handler, payout, { signal: AbortSignal.abort() })).outcome).toBe('aborted');
});
