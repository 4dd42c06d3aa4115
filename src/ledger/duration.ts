import { LedgerError } from '../errors.ts';

/** Milliseconds, or a number with its unit: `250ms`, `30s`, `10m`, `2h`, `1d`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * A duration in whole milliseconds.
 * @throws LedgerError TASKLEDGER_INVALID_OPTION naming `what` when it cannot be understood.
 */
export function durationMs(duration: number | string, what: string): number {
  const parsed = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(String(duration));
  const ms =
    typeof duration === 'number'
      ? duration
      : parsed === null
        ? Number.NaN
        : Number(parsed[1]) * unitMs[parsed[2] as keyof typeof unitMs];
  if (Number.isFinite(ms) && ms >= 0) return Math.round(ms);
  throw new LedgerError('TASKLEDGER_INVALID_OPTION', {
    expected: `${what} to be milliseconds or a number with its unit such as 30s, 10m, 2h`,
    found: JSON.stringify(duration),
    remedy: 'Write the duration in one of these forms',
  });
}
