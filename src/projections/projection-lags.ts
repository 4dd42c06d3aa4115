import type { Queryable } from '../postgres/queryable.ts';

/** How far a projection has read the stream of a site. */
export interface ProjectionLag {
  readonly projection: string;
  /** The last block it has read; 0 before the first. */
  readonly block: bigint;
  /** Sealed blocks it has not read yet. */
  readonly blocksBehind: bigint;
}

interface LagRow {
  readonly projection: string;
  readonly block: string;
  readonly behind: string;
}

/** Of every projection, as far as its live rows go. @throws whatever pg throws; the caller translates */
export async function readProjectionLags(db: Queryable, site: string): Promise<ProjectionLag[]> {
  const { rows } = await db.query(
    `select p.name as projection, coalesce(c.block, 0)::text as block,
            (coalesce((select max(b.number) from taskledger.blocks b where b.site = $1), 0) - coalesce(c.block, 0))::text as behind
       from taskledger.projections p
       left join taskledger.cursors c on c.projection = p.name and c.slot = p.live and c.site = $1
      order by p.name`,
    [site],
  );
  return (rows as LagRow[]).map(({ projection, block, behind }) => ({
    projection,
    block: BigInt(block),
    blocksBehind: BigInt(behind),
  }));
}
