import { afterEach, expect, test, vi } from 'vitest';
import { z } from 'zod';
import type { HandlerContext, HandlerFunction, TaskOptions } from '../../src/ledger/define-task.ts';
import type { Lease, SubmittedData } from '../../src/ledger/claim.ts';
import type { Outcome } from '../../src/ledger/settle.ts';
import { Attempt } from '../../src/runner/attempt.ts';
import { FatalError, RetryAfter, RetryAt } from '../../src/runner/retry-errors.ts';
import { FakeClock, handlerOf, leaseOf } from './fakes.ts';

interface Told {
  readonly code: string;
  readonly name?: string;
  readonly message: string;
  readonly details?: { readonly issues: unknown };
}

const clock = new FakeClock();

function attempt(submitted: Partial<SubmittedData> = {}, lease: Partial<Lease> = {}): Attempt {
  return new Attempt(leaseOf('t', lease, submitted), clock, () => Promise.resolve());
}

function run(
  handler: HandlerFunction<unknown, unknown>,
  options: Partial<TaskOptions<unknown, unknown>> = {},
  submitted: Partial<SubmittedData> = {},
): Outcome | Promise<Outcome> {
  return attempt(submitted).run(handlerOf(handler, options), () => 0.5);
}

function errorOf(outcome: Outcome): Told {
  return JSON.parse(outcome.detailJson ?? 'null') as Told;
}

const fails =
  (error: unknown): HandlerFunction<unknown, unknown> =>
  () => {
    throw error;
  };

/** Ends when it is told to stop, by a throw of its own. */
const obeys = ({ signal }: HandlerContext<unknown>): Promise<never> =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('stopping'))));

afterEach(() => vi.useRealTimers());

test('what a synchronous handler returns is its output, without a turn of the event loop', () => {
  expect(run(() => ({ reference: 7 }))).toEqual({
    taskId: 't',
    claimId: '1',
    kind: 'completed',
    detailJson: '{"reference":7}',
    endedAtMs: clock.monotonic(),
    ranMs: 0,
  });
});

test('a handler that returns nothing completes without an output; null is an output', async () => {
  expect(run(() => undefined)).toMatchObject({ kind: 'completed', detailJson: null });
  expect(await run(async () => undefined)).toMatchObject({ kind: 'completed', detailJson: null });
  expect(run(() => null)).toMatchObject({ kind: 'completed', detailJson: 'null' });
});

test('a promise, or anything like one, is waited for, and the time it took is told', async () => {
  const slow = run(async () => {
    await clock.advance(30);
    return 'done';
  });
  expect(await slow).toMatchObject({ kind: 'completed', detailJson: '"done"', ranMs: 30 });
  const thenable = { then: (resolve: (value: string) => void) => resolve('at last') };
  expect(await run(() => thenable)).toMatchObject({ kind: 'completed', detailJson: '"at last"' });
});

test('a throw is a failure worth another attempt after the backoff, at once or from a promise', async () => {
  const at_once = run(fails(new TypeError('no luck'))) as Outcome;
  expect(at_once).toMatchObject({ kind: 'retry', retryInMs: 1000 });
  expect(errorOf(at_once)).toMatchObject({ code: 'HANDLER_ERROR', name: 'TypeError', message: 'no luck' });
  const later = await run(async () => Promise.reject(new Error('later')));
  expect([later.kind, errorOf(later).message]).toEqual(['retry', 'later']);
});

test('whatever is thrown ends in an outcome', async () => {
  for (const thrown of [undefined, null, 'text', Object.create(null) as object, new Proxy({}, {}), 10n]) {
    expect(run(fails(thrown))).toMatchObject({ kind: 'retry' });
    expect(await run(async () => fails(thrown)({} as HandlerContext<unknown>))).toMatchObject({ kind: 'retry' });
  }
});

test('when all attempts are used the task has failed', () => {
  const last = attempt({}, { attempt: 3 }).run(handlerOf(fails(new Error('no'))), () => 0.5);
  expect(last).toMatchObject({ kind: 'failed' });
  expect(last).not.toHaveProperty('retryInMs');
});

test('FatalError spares the task its other attempts', () => {
  expect(run(fails(new FatalError('never')))).toMatchObject({ kind: 'failed' });
});

test('RetryAfter and RetryAt choose the time, but give no attempt beyond the policy', () => {
  expect(run(fails(new RetryAfter('10m')))).toMatchObject({ kind: 'retry', retryInMs: 600_000 });
  expect(run(fails(new RetryAt(new Date(clock.now() + 5000))))).toMatchObject({ kind: 'retry', retryInMs: 5000 });
  expect(run(fails(new RetryAt(new Date(clock.now() - 5000))))).toMatchObject({ kind: 'retry', retryInMs: 0 });
  const once = { retry: { attempts: 1 } };
  expect(run(fails(new RetryAfter('10m')), {}, once)).toMatchObject({ kind: 'failed' });
  expect(run(fails(new RetryAt(new Date()))), 'two more').toMatchObject({ kind: 'retry' });
});

test('a retry time is never further away than a database can say, nor no time at all', () => {
  const century = 100 * 365.25 * 86_400_000;
  expect(run(fails(new RetryAfter(Number.MAX_VALUE)))).toMatchObject({ retryInMs: century });
  expect(run(fails(new RetryAt(new Date(8.64e15))))).toMatchObject({ retryInMs: century });
  expect(() => new RetryAt(new Date('tomorrow'))).toThrow(/RetryAt to be given a valid Date/);
  expect(() => new RetryAfter('soon' as '1s')).toThrow(/RetryAfter to be milliseconds/);
});

test('the definition may say that a failure is not worth another attempt; what it says wrongly loses nothing', () => {
  const retryable = (error: unknown): boolean => error instanceof TypeError;
  expect(run(fails(new TypeError('x')), { retryable })).toMatchObject({ kind: 'retry' });
  expect(run(fails(new RangeError('x')), { retryable })).toMatchObject({ kind: 'failed' });
  const throwing = (): boolean => {
    throw new Error('in the policy');
  };
  const outcome = run(fails(new Error('in the handler')), { retryable: throwing }) as Outcome;
  expect([outcome.kind, errorOf(outcome).message]).toEqual(['retry', 'in the handler']);
});

test('input that does not fit its schema fails the task without running the handler', async () => {
  const handler = vi.fn();
  const outcome = await run(handler, { input: z.object({ n: z.number() }) }, { input: { n: 'secret' } });
  expect(outcome.kind).toBe('failed');
  expect(errorOf(outcome).code).toBe('INVALID_INPUT');
  expect(errorOf(outcome).details?.issues).toMatchObject([{ path: 'n' }]);
  expect(outcome.detailJson).not.toContain('secret');
  expect(handler).not.toHaveBeenCalled();
});

test('the handler is given what the schema made of the input', async () => {
  const input = z.object({ n: z.coerce.number().default(7) });
  const outcome = await run(({ input: given }) => given, { input }, { input: {} });
  expect(outcome).toMatchObject({ kind: 'completed', detailJson: '{"n":7}' });
});

test('output that does not fit its schema is a failure, and another attempt may do better', async () => {
  const outcome = await run(() => ({ n: 'x' }), { output: z.object({ n: z.number() }) });
  expect([outcome.kind, errorOf(outcome).code]).toEqual(['retry', 'INVALID_OUTPUT']);
  const made = await run(() => ({ n: '7' }), { output: z.object({ n: z.coerce.number() }) });
  expect(made).toMatchObject({ kind: 'completed', detailJson: '{"n":7}' });
});

test.each([
  ['NUL', 'a\0b'],
  ['a BigInt', { n: 1n }],
  ['a lone surrogate', ['\uD800']],
  ['NaN', { n: NaN }],
  ['a function', (): void => undefined],
  ['too much', 'x'.repeat(2 ** 20)],
])('output the ledger cannot store is a failure: %s', async (_what, output) => {
  for (const outcome of [run(() => output), await run(async () => output)]) {
    expect(errorOf(outcome as Outcome).code).toBe('INVALID_OUTPUT');
    expect(outcome).toMatchObject({ kind: 'retry' });
  }
});

test('a schema that complains in words that cannot be stored still fails the attempt', async () => {
  const outcome = await run(() => ({ 'a\0b': 1 }), { output: z.strictObject({}) });
  expect([outcome.kind, errorOf(outcome).code]).toEqual(['retry', 'INVALID_OUTPUT']);
});

test('after its timeout the signal aborts, and what the handler throws then counts as the timeout', async () => {
  vi.useFakeTimers();
  const running = run(obeys, {}, { timeout_ms: 50 });
  vi.advanceTimersByTime(50);
  const outcome = await running;
  expect([outcome.kind, errorOf(outcome).code]).toEqual(['retry', 'TIMEOUT']);
});

test('a handler that returns although its time is up has done its work', async () => {
  vi.useFakeTimers();
  const running = run(
    ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve('in time'))),
    {},
    { timeout_ms: 50 },
  );
  vi.advanceTimersByTime(50);
  expect(await running).toMatchObject({ kind: 'completed', detailJson: '"in time"' });
});

test('an attempt that ended leaves no timer, and a timeout of a month is one', async () => {
  vi.useFakeTimers();
  await run(() => 1, {}, { timeout_ms: 60_000 });
  await run(async () => 1, {}, { timeout_ms: 60_000 });
  expect(vi.getTimerCount()).toBe(0);
  const monthMs = 30 * 86_400_000;
  const long = attempt({ timeout_ms: monthMs });
  const running = long.run(handlerOf(obeys), () => 0.5);
  vi.advanceTimersByTime(monthMs - 1);
  expect(long.stoppedFor).toBeUndefined();
  vi.advanceTimersByTime(1);
  expect(errorOf(await running).code).toBe('TIMEOUT');
});

test.each([
  ['abort', 'aborted'],
  ['shutdown', 'released'],
  ['lease lost', 'retry'],
  ['timeout', 'retry'],
] as const)('a handler that throws after it was told to stop (%s) ends %s', async (reason, kind) => {
  const one = attempt();
  const running = one.run(handlerOf(obeys), () => 0.5);
  one.stop(reason);
  expect((await running).kind).toBe(kind);
});

test.each(['abort', 'shutdown', 'lease lost', 'timeout'] as const)(
  'I9: a protected task that was told to stop (%s) and did not complete is in doubt',
  async (reason) => {
    const one = attempt({ protected: true });
    const running = one.run(handlerOf(obeys), () => 0.5);
    one.stop(reason);
    expect(await running).toMatchObject({ kind: 'in_doubt' });
  },
);

test('a handler that completes although it was told to stop has completed', async () => {
  const one = attempt();
  const running = one.run(
    handlerOf(({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve('done')))),
    () => 0.5,
  );
  one.stop('abort');
  expect(await running).toMatchObject({ kind: 'completed' });
});

test('the signal aborts with the first reason, also when it is looked at only afterwards', () => {
  const one = attempt();
  one.stop('lease lost');
  one.stop('shutdown');
  expect(one.stoppedFor).toBe('lease lost');
  expect(one.signal.aborted).toBe(true);
  expect(one.signal.reason).toMatchObject({ message: 'lease lost' });
});

test('the handler is told which attempt it is, under which lease, and what the last one saved', () => {
  const lease = { attempt: 2, epoch: 3, version: 9, checkpoint: { page: 7 }, runAt: '2026-01-01T00:00:00.5+00:00' };
  let seen: HandlerContext<unknown> | undefined;
  void attempt({ input: 'x' }, lease).run(
    handlerOf((context) => void (seen = context)),
    () => 0.5,
  );
  expect(seen).toMatchObject({ taskId: 't', name: 'some.task', attempt: 2, input: 'x', checkpoint: { page: 7 } });
  expect(seen?.lease).toEqual({ epoch: 3, version: 9, site: 'local' });
  expect(seen?.runAt).toEqual(new Date('2026-01-01T00:00:00.500Z'));
});
