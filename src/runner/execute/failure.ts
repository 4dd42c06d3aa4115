import type { AttemptErrorCode } from '../attempt-error-codes.ts';
import { describeError, type DescribedError } from '../attempt-error.ts';
import { FatalError, RetryAfter, RetryAt } from '../retry-errors.ts';
import type { Callable } from './callable.ts';

/** What the handler, or its policy, says about another attempt. Within what the task's retry policy allows. */
export type RetryAdvice =
  | { readonly retry: 'by policy' | 'never' }
  | { readonly retry: 'after'; readonly ms: number }
  | { readonly retry: 'at'; readonly ms: number };

/** Why an attempt has no output: plain data, since it may come from another process. */
export interface Failure {
  readonly code: AttemptErrorCode;
  readonly error: DescribedError;
  readonly advice: RetryAdvice;
  /** The handler said so itself: whatever the code says in general, there is no doubt how the attempt ended. */
  readonly told?: true;
}

/** Carries the code of a failure that is not the handler's own throw. */
export class AttemptFailure extends Error {
  readonly code: AttemptErrorCode;
  readonly reason: unknown;

  constructor(code: AttemptErrorCode, reason: unknown) {
    super(code);
    this.code = code;
    this.reason = reason;
  }
}

/** The failure that a throw is. Asks the definition whether it is worth another attempt, where the error is still itself. */
export function failureOf(thrown: unknown, handler?: Callable): Failure {
  const isOurs = thrown instanceof AttemptFailure;
  const code = isOurs ? thrown.code : 'HANDLER_ERROR';
  const error: unknown = isOurs ? thrown.reason : thrown;
  return { code, error: describeError(error), advice: adviceOf(code, error, handler) };
}

function adviceOf(code: AttemptErrorCode, error: unknown, handler: Callable | undefined): RetryAdvice {
  const isFatal = isOne(error, FatalError, 'FatalError');
  if (code === 'INVALID_INPUT' || isFatal || !isRetryable(handler, error)) return { retry: 'never' };
  if (isOne(error, RetryAfter, 'RetryAfter')) return { retry: 'after', ms: error.delayMs };
  if (isOne(error, RetryAt, 'RetryAt')) return { retry: 'at', ms: error.at.getTime() };
  return { retry: 'by policy' };
}

/** Also across copies of this package: the handler's may not be the runner's. */
function isOne<Kind extends Error>(error: unknown, kind: new (...given: never[]) => Kind, name: string): error is Kind {
  return error instanceof kind || (error instanceof Error && error.name === name);
}

function isRetryable(handler: Callable | undefined, error: unknown): boolean {
  const retryable = handler?.definition.retryable;
  if (retryable === undefined) return true;
  try {
    return retryable(error);
  } catch {
    // A policy that throws must not lose the failure it was asked about.
    return true;
  }
}
