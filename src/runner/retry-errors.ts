import { LedgerError } from '../errors.ts';
import { durationMs, type Duration } from '../ledger/duration.ts';

/** Thrown by a handler: no further attempt, whatever the retry policy says. */
export class FatalError extends Error {
  override readonly name = 'FatalError';
}

/** Thrown by a handler: the next attempt, if the policy still allows one, comes after `delay` instead of the backoff. */
export class RetryAfter extends Error {
  override readonly name = 'RetryAfter';
  readonly delayMs: number;

  /** @throws LedgerError TASKLEDGER_INVALID_OPTION when the delay cannot be understood */
  constructor(delay: Duration, message = 'the handler asked for another attempt later', options?: ErrorOptions) {
    super(message, options);
    this.delayMs = durationMs(delay, 'RetryAfter');
  }
}

/** As RetryAfter, at a moment. */
export class RetryAt extends Error {
  override readonly name = 'RetryAt';
  readonly at: Date;

  /** @throws LedgerError TASKLEDGER_INVALID_OPTION when it is no moment */
  constructor(at: Date, message = 'the handler asked for another attempt at a set time', options?: ErrorOptions) {
    super(message, options);
    if (Number.isNaN(at.getTime())) {
      throw new LedgerError('TASKLEDGER_INVALID_OPTION', {
        expected: 'RetryAt to be given a valid Date',
        found: 'an invalid one',
        remedy: 'Check how the Date was made',
      });
    }
    this.at = at;
  }
}
