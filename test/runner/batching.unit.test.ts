import { expect, test } from 'vitest';
import { Batching } from '../../src/runner/batching.ts';

const options = { concurrency: 10, maxBatch: 500, connections: 3, prefetch: true };

function after(runs: readonly number[], more: Partial<typeof options> = {}): Batching {
  const batching = new Batching({ ...options, ...more });
  for (const ms of runs) batching.ran(ms);
  return batching;
}

test('until something has run, as much is held as can run at once', () => {
  expect(after([]).target()).toBe(10);
  expect(after([]).worthAsking()).toBe(1);
});

test('slow handlers get what can run at once, so that nothing waits that another runner could start', () => {
  expect(after([50]).target()).toBe(10);
  expect(after([3_600_000]).target()).toBe(10);
  expect(after([3_600_000]).worthAsking()).toBe(1);
});

test('quick handlers get enough for 50 ms, at most a whole batch for each connection', () => {
  expect(after([5]).target()).toBe(100);
  expect(after([5]).worthAsking()).toBe(50);
  expect(after([0.01]).target()).toBe(1500);
  expect(after([0]).target()).toBe(1500);
  expect(after([0]).worthAsking()).toBe(500);
});

test('a few slow ones bring the target down, step by step', () => {
  const runs = Array.from({ length: 5 }, (_, n) => after([1, ...Array.from({ length: n }, () => 1000)]).target());
  expect(runs).toEqual([...runs].sort((a, b) => b - a));
  expect(runs.at(0)).toBe(500);
  expect(runs.at(-1)).toBe(10);
});

test('without prefetching nothing is ever leased ahead of a free place', () => {
  expect(after([0.01], { prefetch: false }).target()).toBe(10);
  expect(after([0.01], { prefetch: false }).worthAsking()).toBe(1);
});

test('a runner that runs more at once than a batch holds still fills all its places', () => {
  expect(after([0.01], { concurrency: 5000 }).target()).toBe(5000);
  expect(after([0.01], { concurrency: 5000 }).worthAsking()).toBe(1);
});

test('large inputs are not hoarded: no more than 16 MB of them are in hand, but for what runs', () => {
  const batching = after([0]);
  batching.received(500 * 1_000_000, 500);
  expect(batching.target()).toBe(16);
  batching.received(0, 0);
  batching.received(1000 * 100, 1000);
  expect(batching.target()).toBe(1500);
});
