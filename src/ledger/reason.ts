import { LedgerError } from '../errors.ts';
import { MAX_REASON_LENGTH } from '../events/limits.ts';

// Line breaks and tabs are text; the others would act on the terminal of whoever reads the history.
// eslint-disable-next-line no-control-regex -- they are what is looked for
const controls = /[\0-\x08\x0b-\x1f\x7f]/;

/**
 * Returns `reason` if it can stand in the history as it was given.
 * @throws LedgerError TASKLEDGER_INVALID_OPTION; the SQL functions refuse the same
 */
export function requireReason(reason: unknown): string | undefined {
  if (reason === undefined) return undefined;
  const found = whatIsWrong(reason);
  if (found === undefined) return reason as string;
  throw new LedgerError('TASKLEDGER_INVALID_OPTION', {
    expected: `the reason to be 1 to ${MAX_REASON_LENGTH} characters of text without control characters`,
    found,
    remedy: 'Correct it and send the request again; nothing was recorded',
  });
}

function whatIsWrong(reason: unknown): string | undefined {
  if (typeof reason !== 'string') return reason === null ? 'null' : `a ${typeof reason}`;
  if (reason.trim() === '') return 'none';
  if (reason.length > MAX_REASON_LENGTH) return `${reason.length} characters`;
  if (controls.test(reason)) return 'a control character';
  return reason.isWellFormed() ? undefined : 'half a surrogate pair';
}
