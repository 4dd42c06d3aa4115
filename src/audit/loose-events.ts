import type { Finding } from '../events/blocks/check-block.ts';
import type { Queryable } from '../postgres/queryable.ts';

/** Events of a site that are in no block. */
export interface LooseEvents {
  /** Of the own stream: visible when the last block was sealed, and yet in none, so put into the past. */
  readonly extra: Finding[];
  /** Recorded since the last tick of the sealer; of another site's stream, arrived before their block. */
  readonly unsealed: number;
  readonly oldestUnsealed: Date | undefined;
}

/** Most findings of one kind that are named. */
const namedMax = 100;

const seqMin = "'-9223372036854775808'::bigint";

// The members of all blocks in order, and what lies between two of them: seqs that no block names. Most are those of
// transactions that were rolled back. From the smallest number there is: what somebody puts in need not have been drawn.
const ranges = `
  ranges as materialized (
    select lower(r) as first, upper(r) as next, b.number
      from taskledger.blocks b, unnest(b.members) r where b.site = $1),
  gaps as (
    select coalesce(max(next) over (order by first rows between unbounded preceding and 1 preceding), ${seqMin}) as from_seq,
           case when first > ${seqMin} then first - 1 end as to_seq
      from ranges
    union all
    select coalesce(max(next), ${seqMin}), 9223372036854775807 from ranges)`;

/** What of a site is in no block; looked for by index in the gaps that the blocks leave, and counted by the database. */
export async function looseEvents(db: Queryable, site: string): Promise<LooseEvents> {
  const { rows } = await db.query(
    `with ${ranges},
     loose as materialized (
     select e.seq, e.occurred_at,
            -- Transactions of this database say nothing about the blocks of another site.
            o.name = $1 and coalesce(e.seq <= s.foreign_until or pg_visible_in_snapshot(e.xid, s.snapshot), false) as is_extra
       from gaps g
       join taskledger.events e on e.site = $1 and e.seq between g.from_seq and g.to_seq
      cross join taskledger.sealing s
      cross join taskledger.site o
      where g.to_seq >= g.from_seq)
     select count(*)::int as unsealed, min(occurred_at) as oldest,
            array(select seq::text from loose where is_extra order by loose.seq limit ${namedMax}) as extra
       from loose where not is_extra`,
    [site],
  );
  const [loose] = rows as { unsealed: number; oldest: Date | null; extra: string[] }[];
  return {
    extra: (loose?.extra ?? []).map((seq) => ({ kind: 'event_extra', site, seq: BigInt(seq) })),
    unsealed: loose?.unsealed ?? 0,
    oldestUnsealed: loose?.oldest ?? undefined,
  };
}

/** Events that two blocks name. */
export async function eventsInTwoBlocks(db: Queryable, site: string): Promise<Finding[]> {
  const { rows } = await db.query(
    `with ${ranges}
     select first::text as seq, number::text as block
       from (select *, max(next) over (order by first, number rows between unbounded preceding and 1 preceding) as before from ranges) r
      where first < before limit ${namedMax}`,
    [site],
  );
  return (rows as { seq: string; block: string }[]).map(({ seq, block }) => ({
    kind: 'event_twice',
    site,
    seq: BigInt(seq),
    block: BigInt(block),
  }));
}
