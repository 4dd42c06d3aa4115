import type { PreparedQueryable } from '../postgres/queryable.ts';
import { claimCall, claimOf, claimValues, claimTasks, type Claim, type ClaimRequest, type ClaimRow } from './claim.ts';
import {
  settleOutcomes,
  settleValues,
  verdictsOf,
  type HeldClaim,
  type Outcome,
  type Verdict,
  type VerdictRow,
} from './settle.ts';

/** One round trip of a runner: what it finished, and what it wants next. Either may be absent. */
export interface ExchangeRequest {
  readonly settle?: {
    readonly held: readonly HeldClaim[];
    readonly outcomes: readonly Outcome[];
    readonly nowMs: number;
  };
  readonly claim?: ClaimRequest;
}

export interface ExchangeAnswer {
  /** Only what was not newly recorded. */
  readonly verdicts: readonly Verdict[];
  readonly claim: Claim | undefined;
}

/**
 * Settles and claims in one statement, hence one transaction and one flush: for tasks taken one at a time that is half
 * the work. The left join evaluates settle first; nothing but speed depends on it.
 * @throws whatever pg throws; then neither half happened, or nobody knows
 */
export async function exchange(db: PreparedQueryable, request: ExchangeRequest): Promise<ExchangeAnswer> {
  const { settle, claim } = request;
  if (settle === undefined)
    return { verdicts: [], claim: claim === undefined ? undefined : await claimTasks(db, claim) };
  if (claim === undefined) {
    return { verdicts: await settleOutcomes(db, settle.held, settle.outcomes, settle.nowMs), claim: undefined };
  }
  const settling = settleValues(settle.held, settle.outcomes, settle.nowMs);
  const claiming = claimValues(claim);
  const { rows } = await db.query({
    name: `taskledger.exchange.${settling.length}`,
    text: `select v.verdicts, c.claim_id, c.secret, c.tasks
             from (select json_agg(s) as verdicts from taskledger.settle(${parameters(settling.length)}) s) v
             left join lateral ${claimCall(settling.length + 1)} c on true`,
    values: [...settling, ...claiming],
  });
  const row = rows[0] as { verdicts: VerdictRow[] | null } & (ClaimRow | { claim_id: null });
  return {
    verdicts: verdictsOf(row.verdicts ?? []),
    claim: row.claim_id === null ? undefined : claimOf(row),
  };
}

function parameters(count: number): string {
  return Array.from({ length: count }, (_, i) => `$${i + 1}`).join(', ');
}
