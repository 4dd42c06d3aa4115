import type { Queryable } from '../postgres/queryable.ts';

interface MarkRow {
  readonly of_site: string;
  readonly number: string;
  readonly hash: string;
  readonly proved_at: string;
}

/**
 * Fetches what a peer has proven of each stream, as far as this site has not been told: replication ships only what changes
 * from then on, and pulling brings events and blocks alone. What was recorded just now is left to replication.
 */
export async function pullMarks(here: Queryable, there: Queryable, peer: string): Promise<void> {
  const theirs = await readMarks(there, peer, "and p.proved_at < clock_timestamp() - interval '1 second'");
  const known = new Map((await readMarks(here, peer)).map(({ of_site: site, number }) => [site, BigInt(number)]));
  const news = theirs.filter(({ of_site: site, number }) => BigInt(number) > (known.get(site) ?? 0n));
  if (news.length === 0) return;
  await here.query('select taskledger.receive_marks($1, $2)', [peer, JSON.stringify(news)]);
}

async function readMarks(db: Queryable, bySite: string, and = ''): Promise<MarkRow[]> {
  const { rows } = await db.query(
    `select p.of_site, p.number::text as number, encode(p.hash, 'hex') as hash, p.proved_at::text as proved_at
       from taskledger.proofs p where p.by_site = $1 ${and}`,
    [bySite],
  );
  return rows as MarkRow[];
}
