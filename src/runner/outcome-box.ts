import { LedgerError } from '../errors.ts';
import type { Outcome } from '../ledger/settle.ts';
import { translateSqlError } from '../postgres/sql-error.ts';
import { attemptErrorJson } from './attempt-error.ts';

/** Text of outputs and errors in one statement, in characters; a single larger one still goes, alone. */
const maxBatchText = 8 * 1024 * 1024;

/**
 * Outcomes on their way to the ledger. Whatever goes wrong they stay here until the ledger has answered for them. When the
 * ledger refuses a batch, half of it is tried, and so on: one outcome that cannot be recorded must not hold up the others,
 * and is in the end recorded as a failure that says why.
 */
export class OutcomeBox {
  readonly #maxBatch: number;
  #outcomes: Outcome[] = [];
  #limit: number;

  constructor(maxBatch: number) {
    this.#maxBatch = maxBatch;
    this.#limit = maxBatch;
  }

  get length(): number {
    return this.#outcomes.length;
  }

  push(outcome: Outcome): void {
    this.#outcomes.push(outcome);
  }

  /** Takes out what fits in one statement. */
  take(): Outcome[] {
    let count = 0;
    for (let text = 0; count < Math.min(this.#limit, this.#outcomes.length); count += 1) {
      text += this.#outcomes[count]?.detailJson?.length ?? 0;
      if (text > maxBatchText && count > 0) break;
    }
    return this.#outcomes.splice(0, count);
  }

  /** The ledger has answered for the last batch. */
  accepted(): void {
    this.#limit = Math.min(this.#limit * 2, this.#maxBatch);
  }

  /** The last batch was not recorded, or nobody knows: sending it again does no harm. */
  putBack(outcomes: readonly Outcome[], error: unknown): void {
    const [only, ...more] = outcomes;
    if (only === undefined) return;
    const isRefused = isRefusal(error);
    if (isRefused) this.#limit = Math.max(1, Math.floor(outcomes.length / 2));
    const back = isRefused && more.length === 0 ? [unrecordable(only, error)] : outcomes;
    this.#outcomes = [...back, ...this.#outcomes];
  }
}

/** True for data the ledger cannot store; false for whatever time or a new connection may cure. */
function isRefusal(error: unknown): boolean {
  const translated = translateSqlError(error, { writing: true });
  if (translated instanceof LedgerError) return translated.kind === 'usage';
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  return code.startsWith('22') || code.startsWith('54');
}

function unrecordable(outcome: Outcome, error: unknown): Outcome {
  return { ...outcome, kind: 'failed', detailJson: attemptErrorJson('INVALID_OUTPUT', error) };
}
