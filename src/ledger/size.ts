import { LedgerError } from '../errors.ts';

/** Bytes, or a number with its unit, each 1024 times the one before: `64KB`, `512MB`, `2GB`. */
export type Size = number | `${number}${'KB' | 'MB' | 'GB' | 'TB'}`;

const unitBytes = { KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30, TB: 2 ** 40 } as const;

/**
 * A size in whole bytes.
 * @throws LedgerError TASKLEDGER_INVALID_OPTION naming `what` when it cannot be understood.
 */
export function sizeBytes(size: number | string, what: string): number {
  const parsed = /^(\d+(?:\.\d+)?)(KB|MB|GB|TB)?$/.exec(String(size));
  const unit = parsed?.[2] as keyof typeof unitBytes | undefined;
  const bytes = parsed === null ? Number.NaN : Number(parsed[1]) * (unit === undefined ? 1 : unitBytes[unit]);
  if (Number.isSafeInteger(Math.round(bytes))) return Math.round(bytes);
  throw new LedgerError('TASKLEDGER_INVALID_OPTION', {
    expected: `${what} to be bytes or a number with its unit such as 64KB, 512MB, 2GB`,
    found: JSON.stringify(size),
    remedy: 'Write the size in one of these forms',
  });
}

/** The shortest text that says a size exactly: `512MB`, or the bytes. */
export function sizeText(bytes: number): string {
  const unit = (['TB', 'GB', 'MB', 'KB'] as const).find((each) => bytes > 0 && bytes % unitBytes[each] === 0);
  return unit === undefined ? `${bytes} bytes` : `${bytes / unitBytes[unit]}${unit}`;
}
