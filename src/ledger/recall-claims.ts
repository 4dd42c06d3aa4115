import type { PreparedQueryable } from '../postgres/queryable.ts';
import { claimOf, type Claim, type ClaimRow } from './claim.ts';

/**
 * Asks what became of claims whose answers were lost, by the secrets they were sent with. Returns those that were granted
 * and are in force, renewed, as they would have been answered; the others were never made, and never will be.
 * @param secrets at most 100
 * @throws whatever pg throws; the caller translates
 */
export async function recallClaims(db: PreparedQueryable, secrets: readonly string[]): Promise<Claim[]> {
  const { rows } = await db.query({
    name: 'taskledger.recall_claims',
    text: 'select claim_id, secret, tasks from taskledger.recall_claims($1)',
    values: [secrets],
  });
  return (rows as ClaimRow[]).map(claimOf);
}
