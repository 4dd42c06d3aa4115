import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Lease } from '../../src/ledger/claim.ts';
import { Places } from '../../src/runner/places.ts';
import { dispatching } from './dispatching.ts';
import { deferred, handlerOf, leaseOf } from './fakes.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const leases = (...ids: string[]): Lease[] => ids.map((id) => leaseOf(id));

/** The dispatchers of one runner at its own site and at another one, with two places; every task takes until told. */
function twoSites() {
  const places = new Places(2);
  const ends = new Map<string, () => void>();
  const handler = handlerOf(({ taskId }) => {
    const { promise, resolve } = deferred<undefined>();
    ends.set(taskId, () => resolve(undefined));
    return promise;
  });
  const shared = { places, concurrency: 2, connections: 1 };
  const own = dispatching(handler, { ...shared, site: 'fra' });
  const other = dispatching(handler, { ...shared, site: 'ams', own: false, prefetch: false });
  own.dispatcher.resume();
  other.dispatcher.resume();
  const end = async (taskId: string): Promise<void> => {
    ends.get(taskId)?.();
    await vi.advanceTimersByTimeAsync(0);
  };
  return { own, other, end, running: () => [...ends.keys()] };
}

test('the other site is asked once the own one has answered that it has nothing, and for what is free', async () => {
  const { own, other } = twoSites();
  expect([own.waiting, other.waiting]).toEqual([1, 0]);
  await own.grant(leases('a'));
  expect(other.request.claim?.maxTasks).toBe(1);
});

test('the other site is not asked while the own one gives all that it is asked for', async () => {
  const { own, other } = twoSites();
  await own.grant(leases('a', 'b'));
  expect(other.waiting).toBe(0);
});

test('the other site is asked when the own one fails, or says nothing for a second', async () => {
  const failing = twoSites();
  await failing.own.fail(new Error('gone'));
  expect(failing.other.waiting).toBe(1);
  const silent = twoSites();
  await vi.advanceTimersByTimeAsync(1001);
  silent.other.dispatcher.look();
  expect(silent.other.waiting).toBe(1);
});

test('a place that another site leaves is the own site’s first', async () => {
  const { own, other, end } = twoSites();
  await own.grant([]);
  await other.grant(leases('x', 'y'));
  own.dispatcher.look();
  other.dispatcher.look();
  expect([own.waiting, other.waiting]).toEqual([0, 0]);
  await end('x');
  expect(own.request.claim?.maxTasks).toBe(1);
  await vi.advanceTimersByTimeAsync(2);
  // Its exchange carries the outcome, and asks for nothing.
  expect(other.request.claim).toBeUndefined();
});

test('leases of another site that find no place are given back unbegun', async () => {
  const { own, other, running } = twoSites();
  await own.grant([]);
  expect(other.request.claim?.maxTasks).toBe(2);
  own.dispatcher.ring();
  await own.grant(leases('a', 'b'));
  await other.grant(leases('x', 'y'));
  expect(running()).toEqual(['a', 'b']);
  await vi.advanceTimersByTimeAsync(2);
  const released = other.request.settle?.outcomes.map(({ taskId, kind }) => [taskId, kind]);
  expect(released).toEqual([
    ['x', 'released'],
    ['y', 'released'],
  ]);
});
