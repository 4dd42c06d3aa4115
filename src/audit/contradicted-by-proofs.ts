import type { Finding } from '../events/blocks/check-block.ts';
import type { Queryable } from '../postgres/queryable.ts';
import type { Stream } from './streams.ts';

interface ProofRow {
  readonly by_site: string;
  readonly number: string;
  readonly hash: string;
  readonly stored: string | null;
}

/**
 * Blocks of a stream that some site has proven, or of the own one told of, and that are others here, or gone. These marks can be
 * changed like everything in a database: they exclude nothing, but who cuts off the end of a stream must think of them.
 */
export async function contradictedByProofs(db: Queryable, { site, own, proven }: Stream): Promise<Finding[]> {
  const { rows } = await db.query(
    `select p.by_site, p.number::text as number, encode(p.hash, 'hex') as hash, encode(b.hash, 'hex') as stored
       from taskledger.proofs p left join taskledger.blocks b on b.site = p.of_site and b.number = p.number
      where p.of_site = $1 order by p.number, p.by_site`,
    [site],
  );
  return (rows as ProofRow[]).flatMap((proof): Finding[] => {
    const block = BigInt(proof.number);
    // What others have proven of another site's stream may not have come here yet.
    if (proof.stored === proof.hash || (proof.stored === null && !own && block > proven)) return [];
    const what = proof.stored === null ? 'it, and it is not there' : 'another one under this number';
    return [{ kind: 'head_differs', site, block, why: `site ${proof.by_site} has proven ${what}` }];
  });
}
