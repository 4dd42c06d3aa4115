import type { PreparedQueryable } from '../postgres/queryable.ts';
import {
  askForTasks,
  claimAnswerOf,
  claimCall,
  claimValues,
  type ClaimAnswer,
  type ClaimAnswerRow,
  type ClaimRequest,
} from './claim.ts';
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

export interface ExchangeAnswer extends ClaimAnswer {
  /** Only what was not newly recorded. */
  readonly verdicts: readonly Verdict[];
}

const noClaim: ClaimAnswer = { claim: undefined };

/**
 * Settles and claims in one statement, hence one transaction and one flush: for tasks taken one at a time that is half
 * the work. The left join evaluates settle first; nothing but speed depends on it.
 * @throws whatever pg throws; then neither half happened, or nobody knows
 */
export async function exchange(db: PreparedQueryable, request: ExchangeRequest): Promise<ExchangeAnswer> {
  const { settle, claim } = request;
  if (settle === undefined) return { verdicts: [], ...(claim === undefined ? noClaim : await askForTasks(db, claim)) };
  if (claim === undefined) {
    return { verdicts: await settleOutcomes(db, settle.held, settle.outcomes, settle.nowMs), ...noClaim };
  }
  const settling = settleValues(settle.held, settle.outcomes, settle.nowMs);
  const claiming = claimValues(claim);
  const { rows } = await db.query({
    name: `taskledger.exchange.${settling.length}`,
    text: `select v.verdicts, c.claim_id, c.secret, c.tasks, c.again_ms, c.next_group
             from (select json_agg(s) as verdicts from taskledger.settle(${parameters(settling.length)}) s) v
             left join lateral ${claimCall(settling.length + 1)} c on true`,
    values: [...settling, ...claiming],
  });
  const row = rows[0] as { verdicts: VerdictRow[] | null } & ClaimAnswerRow;
  return { verdicts: verdictsOf(row.verdicts ?? []), ...claimAnswerOf(row) };
}

function parameters(count: number): string {
  return Array.from({ length: count }, (_, i) => `$${i + 1}`).join(', ');
}
