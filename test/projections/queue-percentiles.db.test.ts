import { expect, test } from 'vitest';
import { bucketMs, queuePercentiles } from '../../src/projections/queue-percentiles.ts';
import { sharedLedger } from '../support/ledger.ts';

const shared = sharedLedger();

test('every duration is in a bucket whose middle is off by 3.2 % at most, and below 32 ms not at all', async () => {
  const durations = [0, 1, 31, 32, 33, 63, 64, 100, 999, 1000, 1023, 1024, 86_400_000, 2 ** 40 - 1, 2 ** 40];
  const { rows } = await shared().pool.query<{ ms: string; bucket: number }>(
    'select ms, taskledger.duration_bucket(ms) as bucket from unnest($1::bigint[]) ms',
    [durations],
  );
  expect(rows).toHaveLength(durations.length);
  for (const { ms, bucket } of rows) {
    const off = Math.abs(bucketMs(bucket) - Number(ms)) / Math.max(1, Number(ms));
    expect(off, ms).toBeLessThanOrEqual(Number(ms) < 32 ? 0 : 0.032);
  }
});

test('percentiles are those of all minutes and queues that are asked for', async () => {
  const { pool } = shared();
  expect(await queuePercentiles(pool, 'wait', [0.5])).toEqual([undefined]);
  await pool.query(`insert into taskledger.queue_duration_rows (slot, queue, name, minute, what, bucket, counted)
    select 'a', q, 'n', '2026-01-01 10:00+00'::timestamptz + m * interval '1 minute', 'run', taskledger.duration_bucket(d), 1
      from generate_series(0, 9) m, generate_series(1, 10) d, unnest('{x,y}'::text[]) q
    union all select 'b', 'x', 'n', '2026-01-01 10:00+00', 'run', 9999, 1000
    union all select 'a', 'z', 'n', '2026-01-01 10:30+00', 'run', taskledger.duration_bucket(60000), 300`);
  const from = new Date('2026-01-01T10:00:30Z');
  const to = new Date('2026-01-01T10:10:59Z');
  expect(await queuePercentiles(pool, 'run', [0, 0.5, 0.9, 1], { from, to })).toEqual([1, 5, 9, 10]);
  const [all] = await queuePercentiles(pool, 'run', [0.5]);
  expect(Math.abs(all! - 60_000) / 60_000).toBeLessThan(0.032);
  expect(await queuePercentiles(pool, 'run', [1], { queue: 'y' })).toEqual([10]);
});
