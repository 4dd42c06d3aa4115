import type { PreparedQueryable } from '../postgres/queryable.ts';

export type OutcomeKind = 'completed' | 'failed' | 'retry' | 'released' | 'aborted' | 'in_doubt';

/** How one attempt ended. Times are on the runner's monotonic clock; the ledger turns them into its own. */
export interface Outcome {
  readonly taskId: string;
  readonly claimId: string;
  readonly kind: OutcomeKind;
  /** JSON text: the output of completed, the error of failed and retry, {"reason": …} of the others. */
  readonly detailJson: string | null;
  readonly endedAtMs: number;
  readonly ranMs: number;
  /** For retry and released: when the task may be claimed again, from now. */
  readonly retryInMs?: number;
  /** JSON text {usage, log_tail, exit_code, exit_signal, killed}. */
  readonly reportJson?: string;
}

/** A claim whose outcomes are reported, with its secret. */
export interface HeldClaim {
  readonly claimId: string;
  readonly secret: string;
}

/** What was not newly recorded: see `migrations/functions/settle.sql`. */
export interface Verdict {
  readonly taskId: string;
  readonly claimId: string;
  readonly verdict: 'already' | 'refused' | 'unknown';
}

export interface VerdictRow {
  readonly task_id: string;
  /** A string from pg, a number from inside json_agg. */
  readonly claim_id: string | number;
  readonly verdict: Verdict['verdict'];
}

/** Postgres's int ends at 24.8 days: an attempt that ran longer is told as that long. */
const wholeMs = (ms: number): number => Math.min(Math.max(0, Math.round(ms)), 2 ** 31 - 1);

/**
 * The arguments of `taskledger.settle`, in order: eight, or ten when an outcome carries a delay or a report. The short
 * form spares parsing two arrays of nulls for every completed task.
 * @param nowMs the clock `endedAtMs` was read from
 */
export function settleValues(held: readonly HeldClaim[], outcomes: readonly Outcome[], nowMs: number): unknown[] {
  const values: unknown[] = [
    held.map((claim) => claim.claimId),
    held.map((claim) => claim.secret),
    outcomes.map((o) => o.taskId),
    outcomes.map((o) => o.claimId),
    outcomes.map((o) => o.kind),
    outcomes.map((o) => o.detailJson),
    outcomes.map((o) => wholeMs(nowMs - o.endedAtMs)),
    outcomes.map((o) => wholeMs(o.ranMs)),
  ];
  if (outcomes.some((o) => o.retryInMs !== undefined || o.reportJson !== undefined)) {
    values.push(
      outcomes.map((o) => (o.retryInMs === undefined ? null : Math.round(o.retryInMs))),
      outcomes.map((o) => o.reportJson ?? null),
    );
  }
  return values;
}

export function verdictsOf(rows: readonly VerdictRow[]): Verdict[] {
  return rows.map((row) => ({ taskId: row.task_id, claimId: String(row.claim_id), verdict: row.verdict }));
}

/**
 * Records how attempts ended; answers only what was not newly recorded.
 * @throws whatever pg throws; the caller translates
 */
export async function settleOutcomes(
  db: PreparedQueryable,
  held: readonly HeldClaim[],
  outcomes: readonly Outcome[],
  nowMs: number,
): Promise<Verdict[]> {
  const values = settleValues(held, outcomes, nowMs);
  const { rows } = await db.query({
    name: `taskledger.settle.${values.length}`,
    text: `select task_id, claim_id, verdict from taskledger.settle(${values.map((_, i) => `$${i + 1}`).join(', ')})`,
    values,
  });
  return verdictsOf(rows as VerdictRow[]);
}
