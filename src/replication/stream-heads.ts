import type { Queryable } from '../postgres/queryable.ts';

/** What a site has of one stream. */
export interface StreamHead {
  readonly site: string;
  /** The site's own. */
  readonly own: boolean;
  /** Its last block; 0 before the first. */
  readonly number: bigint;
  /** Of that block, hex. */
  readonly hash: string;
  /** Every block up to this one was recomputed there, and found right. */
  readonly proved: bigint;
  /** Nothing reads on from this block, because it does not prove. */
  readonly haltedAt: bigint | undefined;
}

interface HeadRow {
  readonly site: string;
  readonly own: boolean;
  readonly number: string;
  readonly hash: string;
  readonly proved: string;
  readonly halted: { readonly block: string } | null;
}

/** What the site at the other end of this connection has of each stream, by stream. */
export async function readStreamHeads(db: Queryable): Promise<Map<string, StreamHead>> {
  const { rows } = await db.query('select * from taskledger.stream_heads()', []);
  return new Map(
    (rows as HeadRow[]).map(({ halted, ...row }) => [
      row.site,
      {
        ...row,
        number: BigInt(row.number),
        proved: BigInt(row.proved),
        haltedAt: halted === null ? undefined : BigInt(halted.block),
      },
    ]),
  );
}
