import type { PreparedQueryable } from '../postgres/queryable.ts';
import type { HeldClaim } from './settle.ts';

/**
 * Moves the end of each claim to now + its TTL. Returns the ids of the claims that are still held; the others are lost.
 * @throws whatever pg throws; the caller translates
 */
export async function renewClaims(db: PreparedQueryable, held: readonly HeldClaim[]): Promise<Set<string>> {
  const { rows } = await db.query({
    name: 'taskledger.renew',
    text: 'select claim_id from taskledger.renew($1, $2)',
    values: [held.map((claim) => claim.claimId), held.map((claim) => claim.secret)],
  });
  return new Set((rows as { claim_id: string }[]).map((row) => row.claim_id));
}
