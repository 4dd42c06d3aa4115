import type { Queryable } from '../postgres/queryable.ts';

/** How much of a peer's stream is sealed there and not proven here yet. */
export interface Behind {
  readonly events: number;
  /** Since the oldest of their blocks was sealed, by the peer's clock; 0 when there is none. */
  readonly oldestMs: number;
}

/** @param here - this site @param there - a connection to the peer @param peer - its name, and that of its stream */
export async function readBehind(here: Queryable, there: Queryable, peer: string): Promise<Behind> {
  const mine = await here.query(
    `select coalesce((select p.number from taskledger.proofs p join taskledger.site s on s.name = p.by_site where p.of_site = $1), 0)::text as proven`,
    [peer],
  );
  const { proven } = mine.rows[0] as { proven: string };
  const theirs = await there.query(
    `select coalesce(sum(b.event_count), 0)::float8 as events,
            coalesce(greatest(extract(epoch from clock_timestamp() - min(b.sealed_at)) * 1000, 0), 0)::float8 as "oldestMs"
       from taskledger.blocks b where b.site = $1 and b.number > $2`,
    [peer, proven],
  );
  return theirs.rows[0] as Behind;
}
