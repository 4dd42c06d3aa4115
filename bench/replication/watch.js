// How far fra is with what ams recorded, by the clock of this process.
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/** What fra has of the stream of ams: the last event that is here, the last one that is proven, the last one every projection has read. */
const progress = `
  select coalesce((select max(e.seq) from taskledger.events e where e.site = 'ams'), 0)::float8 as applied,
         coalesce(p.number, 0)::float8 as block, (select coalesce(max(upper(b.members)) - 1, 0) from taskledger.blocks b
           where b.site = 'ams' and b.number = p.number)::float8 as proven,
         coalesce((select upper(b.members) - 1 from taskledger.blocks b where b.site = 'ams' and b.number = c.block), 0)::float8 as projected
    from taskledger.site s
    left join taskledger.proofs p on p.by_site = s.name and p.of_site = 'ams'
   cross join lateral (select min(c.block) as block from taskledger.projections q
           join taskledger.cursors c on c.projection = q.name and c.slot = q.live and c.site = 'ams') c`;

export async function readProgress({ pool }) {
  return (await pool.query({ name: 'progress', text: progress })).rows[0];
}

/** The last event that ams recorded, and its last block. */
export async function readHead({ pool }) {
  const { rows } = await pool.query(
    `select (select max(seq) from taskledger.events where site = 'ams')::float8 as seq,
            (select max(number) from taskledger.blocks where site = 'ams')::float8 as block`,
  );
  return rows[0];
}

/**
 * Looks at both sites every `everyMs`.
 * @returns `samples` so far: { at, recorded, applied, proven, projected, block, local }; `last()`; `stop()`
 */
export function watch({ ams, fra }, everyMs) {
  const samples = [];
  let stopped = false;
  const running = (async () => {
    for (let next = performance.now(); !stopped; next = Math.max(performance.now(), next + everyMs)) {
      await sleep(Math.max(0, next - performance.now()));
      const [{ seq: recorded }, { projected: local }, theirs] = await Promise.all([
        readHead(ams),
        readProgress(ams),
        readProgress(fra),
      ]);
      samples.push({ at: performance.now(), recorded, local, ...theirs });
    }
  })();
  return {
    samples,
    last: () => samples.at(-1),
    async stop() {
      stopped = true;
      await running;
    },
  };
}

/** Waits for something of fra. @returns milliseconds until then @throws Error after `mostMs` */
export async function until(fra, what, isThere, mostMs) {
  const startedAt = performance.now();
  for (;;) {
    const progressNow = await readProgress(fra);
    const tookMs = performance.now() - startedAt;
    if (isThere(progressNow)) return tookMs;
    if (tookMs > mostMs)
      throw new Error(`expected ${what} within ${mostMs / 1000} s, found ${JSON.stringify(progressNow)}`);
    await sleep(20);
  }
}

/** Waits until ams has sealed, and fra proven, all that is recorded now. */
export async function untilProven({ ams, fra }, mostMs) {
  const { seq } = await readHead(ams);
  return until(fra, `event ams/${seq} to be proven at fra`, ({ proven }) => proven >= seq, mostMs);
}

/** Events a second by which a value grows over the samples: least squares. */
export function slope(samples, valueOf) {
  const mean = (of) => samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const [at, value] = [mean((sample) => sample.at), mean(valueOf)];
  const over = samples.reduce((sum, sample) => sum + (sample.at - at) * (valueOf(sample) - value), 0);
  const under = samples.reduce((sum, sample) => sum + (sample.at - at) ** 2, 0);
  return (over / under) * 1000;
}

/**
 * Follows single events to fra: `expect(seq, at)` when the commit of one was known at ams.
 * @returns `end(mostMs)`: waits for all of them → milliseconds until each was there, and until each was proven
 */
export function followEvents(sites, everyMs) {
  const { fra } = sites;
  const waiting = new Map();
  const followed = [];
  const marks = [];
  let ended = false;
  const look = async () => {
    const { rows } = await fra.pool.query({
      name: 'follow',
      text: `select array(select e.seq::text from taskledger.events e where e.site = 'ams' and e.seq = any($1::bigint[])) as here,
                    (select p.number from taskledger.proofs p where p.by_site = 'fra' and p.of_site = 'ams')::float8 as block`,
      values: [[...waiting.keys()]],
    });
    const at = performance.now();
    const [{ here, block }] = rows;
    for (const seq of here) {
      followed.push({ seq, appliedMs: at - waiting.get(seq), recordedAt: waiting.get(seq) });
      waiting.delete(seq);
    }
    if (marks.at(-1)?.block !== block) marks.push({ at, block });
  };
  const running = (async () => {
    while (!ended) {
      await look();
      await sleep(everyMs);
    }
    await look();
  })();
  const blocks = async () => {
    const { rows } = await fra.pool.query(
      `select e.seq::text, b.number::float8 as block from unnest($1::bigint[]) e(seq)
        join taskledger.blocks b on b.site = 'ams' and b.number >= $2 and b.members @> e.seq`,
      [followed.map(({ seq }) => seq), marks[0].block],
    );
    return new Map(rows.map(({ seq, block }) => [seq, block]));
  };
  return {
    expect: (seq, at) => waiting.set(String(seq), at),
    async end(mostMs) {
      try {
        await untilProven(sites, mostMs);
      } finally {
        ended = true;
        await running;
      }
      const blockOf = await blocks();
      return {
        applied: followed.map(({ appliedMs }) => appliedMs),
        proven: followed.map(
          ({ seq, recordedAt }) => marks.find((mark) => mark.block >= blockOf.get(seq)).at - recordedAt,
        ),
      };
    },
  };
}
