import { LedgerError } from '../errors.ts';
import { readableBlocks } from '../events/blocks/readable-blocks.ts';
import type { Queryable } from '../postgres/queryable.ts';

/** A moment somebody asks about: a time, or exactly the end of a block. */
export type Moment = { readonly at: Date } | { readonly site: string; readonly block: bigint };

/** How far a site's stream counts at a moment: the events of its blocks up to this one. */
export interface Cut {
  readonly site: string;
  /** 0 before the first block. */
  readonly block: bigint;
  readonly sealedAt: Date | undefined;
  /** Events of the site that are in no block, when the cut is its last one: they are left out and may belong there. */
  readonly unsealed: number;
}

/**
 * The position of every site at a moment. A time stands for the last block that was sealed by then; a position for itself at its
 * site, and for the time it was sealed at the others.
 * @throws LedgerError TASKLEDGER_NOT_FOUND when there is no such block, TASKLEDGER_NOT_PROVEN when it is on its way here
 */
export async function cutsAt(db: Queryable, moment: Moment): Promise<Cut[]> {
  const at = 'at' in moment ? moment.at : await sealedAt(db, moment.site, moment.block);
  const [site, block] = 'at' in moment ? [null, null] : [moment.site, String(moment.block)];
  const { rows } = await db.query(
    `select s.name as site, coalesce(c.number, 0)::text as block, c.sealed_at as "sealedAt",
            case when c.number is not distinct from (select max(number) from taskledger.blocks where site = s.name)
                 then (select count(*) from taskledger.events e where e.site = s.name) -
                      (select coalesce(sum(event_count), 0) from taskledger.blocks where site = s.name)
                 else 0 end::int as unsealed
       from (select name from taskledger.site union select site from taskledger.blocks) s
       left join ${readableBlocks} r on r.site = s.name
       left join lateral (
            select b.number, b.sealed_at from taskledger.blocks b
             where b.site = s.name and b.number <= r.block and case when s.name = $2 then b.number = $3::bigint else b.sealed_at <= $1 end
             order by b.number desc limit 1) c on true
      order by s.name`,
    [at, site, block],
  );
  return (rows as (Omit<Cut, 'block'> & { readonly block: string })[]).map((row) => ({
    ...row,
    block: BigInt(row.block),
    sealedAt: row.sealedAt ?? undefined,
  }));
}

async function sealedAt(db: Queryable, site: string, block: bigint): Promise<Date> {
  const { rows } = await db.query(
    `select b.sealed_at, b.number <= r.block as proven
       from taskledger.blocks b left join ${readableBlocks} r on r.site = b.site where b.site = $1 and b.number = $2`,
    [site, String(block)],
  );
  const [row] = rows as { sealed_at: Date; proven: boolean | null }[];
  if (row?.proven === true) return row.sealed_at;
  if (row !== undefined) {
    throw new LedgerError('TASKLEDGER_NOT_PROVEN', {
      expected: `block ${block} of site ${JSON.stringify(site)} to have arrived whole, and to be proven here`,
      found: 'that it is not yet',
      remedy: 'Ask again in a moment, or at its own site; see: taskledger site status',
    });
  }
  throw new LedgerError('TASKLEDGER_NOT_FOUND', {
    expected: `a block ${block} of site ${JSON.stringify(site)}`,
    found: 'none',
    remedy: 'See what there is with: taskledger audit heads',
  });
}
