import type { RetryPolicy } from '../events/submitted.ts';

type Backoff = NonNullable<RetryPolicy['backoff']>;

/** When a policy names none: 1 s, 2 s, 4 s …, at most 5 minutes, with full jitter. */
const defaultBackoff: Backoff = { kind: 'exponential', delay_ms: 1000, cap_ms: 300_000 };

/**
 * How long to wait before the attempt after `attempt`, in milliseconds; undefined when all attempts are used.
 * Exponential waits are drawn evenly from 0 … delay × 2^(attempt − 1), capped ("full jitter", M. Brooker, "Exponential
 * Backoff And Jitter", AWS Architecture Blog, 2015): of all variants it spreads a crowd of retries best.
 * @param attempt the attempt that just failed, from 1
 * @param random evenly from [0, 1)
 */
export function retryDelayMs(policy: RetryPolicy, attempt: number, random: () => number): number | undefined {
  if (attempt >= policy.attempts) return undefined;
  const backoff = policy.backoff ?? defaultBackoff;
  const cap = backoff.cap_ms ?? Number.MAX_SAFE_INTEGER;
  if (backoff.kind === 'fixed') return Math.min(backoff.delay_ms, cap);
  return Math.floor(random() * Math.min(backoff.delay_ms * 2 ** (attempt - 1), cap));
}
