import type { Queryable } from '../postgres/queryable.ts';

/** A stream that is kept here. */
export interface Stream {
  readonly site: string;
  readonly own: boolean;
  /** Of another site's stream: up to this block all of it has arrived, and was proven here. 0: nothing was. */
  readonly proven: bigint;
}

/** Every stream something is stored of here, be it one that nobody knows: whoever put it in must not go unseen. */
export async function readStreams(db: Queryable): Promise<Stream[]> {
  const { rows } = await db.query(
    `with recursive recorded(site) as (
       select min(site) from taskledger.events
       union all
       select (select min(e.site) from taskledger.events e where e.site > r.site) from recorded r where r.site is not null),
     known as (
       select name as site from taskledger.site union select site from taskledger.streams
       union select site from taskledger.blocks group by site union select site from recorded where site is not null)
     select k.site, k.site = me.name as own, coalesce(q.number, 0)::text as proven
       from known k cross join taskledger.site me
       left join taskledger.proofs q on q.by_site = me.name and q.of_site = k.site
      order by k.site`,
    [],
  );
  return (rows as { site: string; own: boolean; proven: string }[]).map(({ site, own, proven }) => ({
    site,
    own,
    proven: BigInt(proven),
  }));
}
