import type { Queryable } from '../postgres/queryable.ts';

/** How much of a peer's stream is sealed there and not proven here yet. */
export interface Behind {
  /** Of more than a thousand blocks those beyond are told by their numbers: what was rolled back counts too. */
  readonly events: number;
  /** Since the first of their blocks was sealed, by the peer's clock; 0 when there is none. */
  readonly oldestMs: number;
}

/** @param here - this site @param there - a connection to the peer @param peer - its name, and that of its stream */
export async function readBehind(here: Queryable, there: Queryable, peer: string): Promise<Behind> {
  const { rows } = await here.query(
    `select coalesce((select p.number from taskledger.proofs p join taskledger.site s on s.name = p.by_site where p.of_site = $1), 0)::text as proven`,
    [peer],
  );
  const { proven } = rows[0] as { proven: string };
  return await readAbove(there, peer, BigInt(proven));
}

/** What a peer has of its stream above a block. A site that joins asks again and again, with years of blocks to come. */
export async function readAbove(there: Queryable, peer: string, block: bigint): Promise<Behind> {
  const { rows } = await there.query(
    `with next as (
       select b.event_count, b.sealed_at, upper(b.members) as upper
         from taskledger.blocks b where b.site = $1 and b.number > $2 order by b.number limit 1000)
     select (coalesce(sum(n.event_count), 0) + greatest(head.upper - max(n.upper), 0))::float8 as events,
            coalesce(greatest(extract(epoch from clock_timestamp() - min(n.sealed_at)) * 1000, 0), 0)::float8 as "oldestMs"
       from next n
      right join (select upper(b.members) as upper from taskledger.blocks b where b.site = $1 order by b.number desc limit 1) head on true
      group by head.upper`,
    [peer, String(block)],
  );
  return (rows[0] as Behind | undefined) ?? { events: 0, oldestMs: 0 };
}
