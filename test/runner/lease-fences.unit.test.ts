import { expect, test, vi } from 'vitest';
import { LeaseFences } from '../../src/runner/lease-fences.ts';
import { sharedMonotonicMs } from '../../src/runner/lease-keeper.ts';

const ttlMs = 10_000;

/** Fences, and what they lost. `check` gives up a claim from nine tenths of its TTL after it was asked for. */
function fences(): { readonly fences: LeaseFences; readonly lost: string[]; readonly nowMs: number } {
  const lost: string[] = [];
  return { fences: new LeaseFences(ttlMs, (claimId) => lost.push(claimId)), lost, nowMs: sharedMonotonicMs() };
}

test('I2: a claim nobody renewed is given up a tenth of its TTL before it ends, counted from when it was asked for', () => {
  vi.useFakeTimers({ toFake: ['hrtime'] });
  try {
    const { fences: held, lost, nowMs } = fences();
    held.hold('1', nowMs);
    vi.advanceTimersByTime(8999);
    held.check();
    expect(lost).toEqual([]);
    vi.advanceTimersByTime(1);
    held.check();
    expect(lost).toEqual(['1']);
  } finally {
    vi.useRealTimers();
  }
});

test('a renewal moves the fence to when it was sent, however late its answer came', () => {
  const { fences: held, lost, nowMs } = fences();
  held.hold('late', nowMs - 9500);
  held.hold('renewed', nowMs - 9500);
  held.renewed(['late'], nowMs - 9200);
  held.renewed(['renewed'], nowMs);
  held.check();
  expect(lost).toEqual(['late']);
});

test('a claim is lost once, and a dropped or lost one is not renewed into being', () => {
  const { fences: held, lost, nowMs } = fences();
  held.hold('1', nowMs - ttlMs);
  held.check();
  held.check();
  held.lose('1');
  held.renewed(['1'], nowMs - ttlMs);
  held.hold('2', nowMs - ttlMs);
  held.drop('2');
  held.renewed(['2'], nowMs - ttlMs);
  held.check();
  expect(lost).toEqual(['1']);
});

test('the ledger may say a claim is lost before its fence is reached', () => {
  const { fences: held, lost, nowMs } = fences();
  held.hold('1', nowMs);
  held.lose('1');
  held.lose('unknown');
  expect(lost).toEqual(['1']);
});
