import { expect, test } from 'vitest';
import type { Swept } from '../../src/ledger/sweep.ts';
import { Sweeper } from '../../src/ledger/sweeper.ts';
import type { PreparedQueryable } from '../../src/postgres/queryable.ts';
import { createSignals } from '../../src/signals.ts';
import { FakeClock } from '../runner/fakes.ts';

/** The pause after a sweep that took so long and found so many. */
function sweeping(): (tookMs: number, expired?: number) => Promise<number> {
  const clock = new FakeClock();
  const next = { tookMs: 0, expired: 0 };
  const query = async (): Promise<{ rows: Swept[] }> => {
    await clock.advance(next.tookMs);
    return { rows: [{ expired: next.expired, missed: 0, overdue: 0 }] };
  };
  const db = { query } as unknown as PreparedQueryable;
  const sweeper = new Sweeper({ db, clock, signals: createSignals() });
  return async (tookMs, expired = 0) => {
    Object.assign(next, { tookMs, expired });
    await sweeper.runOnce();
    return sweeper.everyMs;
  };
}

test('sweeps come every second', async () => {
  const sweep = sweeping();
  expect([await sweep(1), await sweep(50), await sweep(50)]).toEqual([1000, 1000, 1000]);
});

test('sweeps that take long and find nothing take a twentieth of the time; a single one may have waited for a disk', async () => {
  const sweep = sweeping();
  expect([await sweep(800), await sweep(700), await sweep(1), await sweep(800)]).toEqual([1000, 14_000, 1000, 1000]);
});

test('while there is something to do sweeps come every second, however long they take', async () => {
  const sweep = sweeping();
  expect([await sweep(800, 3), await sweep(800, 3), await sweep(800), await sweep(800)]).toEqual([
    1000, 1000, 1000, 16_000,
  ]);
});
