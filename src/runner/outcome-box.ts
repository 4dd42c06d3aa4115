import { errorCodeOf, LedgerError } from '../errors.ts';
import type { Outcome } from '../ledger/settle.ts';
import { translateSqlError } from '../postgres/sql-error.ts';
import { attemptErrorJson, describeError } from './attempt-error.ts';

/** Text of outputs and errors in one statement, in characters; a single larger one still goes, alone. */
const maxBatchText = 8 * 1024 * 1024;

/**
 * Outcomes on their way to the ledger. Whatever goes wrong they stay here until the ledger has answered for them. When the
 * ledger refuses a batch, its halves are tried one after the other, and so on: one outcome that cannot be recorded must not
 * hold up the others, and is in the end recorded as a failure that says why.
 */
export class OutcomeBox {
  readonly #maxBatch: number;
  #outcomes: Outcome[] = [];
  /** Halves of refused batches. Kept apart: put back among the others they would grow as quickly as they are halved. */
  readonly #suspects: (readonly Outcome[])[] = [];

  constructor(maxBatch: number) {
    this.#maxBatch = maxBatch;
  }

  get length(): number {
    return this.#suspects.reduce((sum, half) => sum + half.length, this.#outcomes.length);
  }

  push(outcome: Outcome): void {
    this.#outcomes.push(outcome);
  }

  /** Takes out what fits in one statement. */
  take(): readonly Outcome[] {
    const half = this.#suspects.pop();
    if (half !== undefined) return half;
    let count = 0;
    for (let text = 0; count < Math.min(this.#maxBatch, this.#outcomes.length); count += 1) {
      text += this.#outcomes[count]?.detailJson?.length ?? 0;
      if (text > maxBatchText && count > 0) break;
    }
    return this.#outcomes.splice(0, count);
  }

  /** The batch was not recorded, or nobody knows: sending it again does no harm. */
  putBack(outcomes: readonly Outcome[], error: unknown): void {
    const [only, ...more] = outcomes;
    if (only === undefined) return;
    if (!isRefusal(error)) this.#outcomes = [...outcomes, ...this.#outcomes];
    else if (more.length === 0) this.#outcomes = [unrecordable(only, error), ...this.#outcomes];
    else {
      const middle = Math.ceil(outcomes.length / 2);
      this.#suspects.push(outcomes.slice(middle), outcomes.slice(0, middle));
    }
  }
}

/** True for data the ledger cannot store; false for whatever time or a new connection may cure. */
function isRefusal(error: unknown): boolean {
  const translated = translateSqlError(error, { writing: true });
  if (translated instanceof LedgerError) return translated.kind === 'usage';
  const code = errorCodeOf(error);
  return code.startsWith('22') || code.startsWith('54');
}

function unrecordable(outcome: Outcome, error: unknown): Outcome {
  return { ...outcome, kind: 'failed', detailJson: attemptErrorJson('INVALID_OUTPUT', describeError(error)) };
}
