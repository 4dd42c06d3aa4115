import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from '../src/clock.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** How many of these sleeps are over, kept up to date. */
function over(...sleeps: readonly Promise<void>[]): { count: number } {
  const seen = { count: 0 };
  for (const sleep of sleeps) void sleep.then(() => (seen.count += 1));
  return seen;
}

test('a sleep is over after its time', async () => {
  const seen = over(systemClock.sleep(100));
  await vi.advanceTimersByTimeAsync(99);
  expect(seen.count).toBe(0);
  await vi.advanceTimersByTimeAsync(1);
  expect(seen.count).toBe(1);
});

test('an abort ends a sleep at once and leaves no timer and no listener', async () => {
  const stop = new AbortController();
  const remove = vi.spyOn(stop.signal, 'removeEventListener');
  const seen = over(systemClock.sleep(100, stop.signal));
  stop.abort();
  await vi.advanceTimersByTimeAsync(0);
  expect([seen.count, vi.getTimerCount()]).toEqual([1, 0]);
  expect(remove).toHaveBeenCalled();
  await systemClock.sleep(100, stop.signal);
  expect(vi.getTimerCount()).toBe(0);
});

test('a sleep may be longer than the 25 days a timer can wait, or for ever', async () => {
  const stop = new AbortController();
  const monthMs = 30 * 86_400_000;
  const seen = over(systemClock.sleep(monthMs));
  const forever = over(systemClock.sleep(Infinity, stop.signal));
  await vi.advanceTimersByTimeAsync(monthMs - 1);
  expect(seen.count).toBe(0);
  await vi.advanceTimersByTimeAsync(1);
  expect([seen.count, forever.count]).toEqual([1, 0]);
  stop.abort();
  await vi.advanceTimersByTimeAsync(0);
  expect([forever.count, vi.getTimerCount()]).toEqual([1, 0]);
});
