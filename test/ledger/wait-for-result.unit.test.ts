import { expect, test } from 'vitest';
import type { TaskState, TaskStateName } from '../../src/events/task-state.ts';
import { waitForResult } from '../../src/ledger/wait-for-result.ts';
import type { Clock } from '../../src/clock.ts';

/** A clock on which sleeping takes no time at all, but is counted. */
function quickClock(): Clock & { readonly slept: readonly number[] } {
  const slept: number[] = [];
  const passed = (): number => slept.reduce((sum, ms) => sum + ms, 0);
  return {
    slept,
    now: passed,
    monotonic: passed,
    sleep: async (ms) => void slept.push(ms),
  };
}

const task = (state: TaskStateName, more: Partial<TaskState> = {}): TaskState =>
  ({ id: 't', state, output: undefined, error: null, ...more }) as TaskState;

/** Answers one state after the other, the last one for ever. */
function asked(...states: readonly TaskState[]) {
  const left = [...states];
  return async (): Promise<TaskState> => (left.length > 1 ? left.shift()! : left[0]!);
}

test('it looks again after growing waits until the task completed', async () => {
  const clock = quickClock();
  const get = asked(
    ...Array.from({ length: 14 }, () => task('pending')),
    task('leased'),
    task('completed', { output: 7 }),
  );
  expect(await waitForResult('t', get, { timeoutMs: 60_000, clock })).toBe(7);
  expect(clock.slept.slice(0, 4)).toEqual([20, 30, 45, 67.5]);
  expect(clock.slept).toHaveLength(15);
  expect(Math.max(...clock.slept)).toBe(1000);
});

test('a task that has completed is answered at once, without an output as undefined', async () => {
  const clock = quickClock();
  expect(await waitForResult('t', asked(task('completed')), { timeoutMs: 0, clock })).toBeUndefined();
  expect(clock.slept).toEqual([]);
});

test.each(['failed', 'aborted', 'missed', 'in_doubt'] as const)(
  'there is no result of a task that is %s',
  async (state) => {
    await expect(waitForResult('t', asked(task(state)), { timeoutMs: 10, clock: quickClock() })).rejects.toMatchObject({
      code: 'TASKLEDGER_TASK_NOT_COMPLETED',
      found: `it is ${state}`,
      details: { id: 't', state },
    });
  },
);

test('why it failed is said', async () => {
  const failed = task('failed', { error: { code: 'HANDLER_ERROR', message: 'no luck' } });
  await expect(waitForResult('t', asked(failed), { timeoutMs: 10, clock: quickClock() })).rejects.toThrow(
    'it is failed (HANDLER_ERROR: no luck)',
  );
});

test('it gives up when its time is over, having looked once more then', async () => {
  const clock = quickClock();
  await expect(waitForResult('t', asked(task('leased')), { timeoutMs: 60, clock })).rejects.toMatchObject({
    code: 'TASKLEDGER_TIMEOUT',
    found: 'it is still leased',
  });
  expect(clock.slept).toEqual([20, 30, 10]);
  const late = asked(task('pending'), task('pending'), task('pending'), task('completed', { output: 'just' }));
  expect(await waitForResult('t', late, { timeoutMs: 60, clock: quickClock() })).toBe('just');
});
