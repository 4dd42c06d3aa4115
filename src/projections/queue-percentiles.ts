import type { Queryable } from '../postgres/queryable.ts';

/** Which minutes, of which queues and names; default all. */
export interface QueueRange {
  /** From the minute this is in. */
  readonly from?: Date | undefined;
  /** Up to, and without, the minute this is in. */
  readonly to?: Date | undefined;
  readonly queue?: string | undefined;
  readonly name?: string | undefined;
}

/** The buckets of `duration_bucket`: themselves below 32, then sixteenths of an octave. */
const exactBuckets = 32;
const perOctave = 16;

/** A duration in the middle of a bucket, milliseconds: exact below 32, and off by 3.2 % at most above. */
export function bucketMs(bucket: number): number {
  if (bucket < exactBuckets) return bucket;
  const octaves = Math.floor(bucket / perOctave) - 1;
  const width = 2 ** octaves;
  const lowest = ((bucket % perOctave) + perOctave) * width;
  return lowest + (width - 1) / 2;
}

/**
 * Percentiles of how long tasks waited for a lease, or ran, in a range of minutes: nearest rank over all of them, since the
 * histograms of minutes add up. Undefined when nothing was counted.
 * @param fractions from 0 to 1: 0.5 is the median
 * @throws whatever pg throws
 */
export async function queuePercentiles(
  db: Queryable,
  what: 'wait' | 'run',
  fractions: readonly number[],
  range: QueueRange = {},
): Promise<(number | undefined)[]> {
  const { rows } = await db.query(
    `select bucket, sum(counted)::text as counted from taskledger.queue_durations
      where what = $1 and ($2::timestamptz is null or minute >= date_trunc('minute', $2::timestamptz))
        and ($3::timestamptz is null or minute < date_trunc('minute', $3::timestamptz))
        and ($4::text is null or queue = $4) and ($5::text is null or name = $5)
      group by bucket order by bucket`,
    [what, range.from?.toISOString() ?? null, range.to?.toISOString() ?? null, range.queue ?? null, range.name ?? null],
  );
  const buckets = (rows as { bucket: number; counted: string }[]).map((row) => ({
    ...row,
    counted: Number(row.counted),
  }));
  const total = buckets.reduce((sum, { counted }) => sum + counted, 0);
  return fractions.map((fraction) => {
    let left = Math.max(1, Math.ceil(fraction * total));
    const found = buckets.find(({ counted }) => (left -= counted) <= 0);
    return found === undefined ? undefined : bucketMs(found.bucket);
  });
}
