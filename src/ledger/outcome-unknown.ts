import { LedgerError } from '../errors.ts';
import { translateSqlError } from '../postgres/sql-error.ts';

/** Ids named in the message; `details.ids` holds them all. */
const idsShown = 3;

/**
 * What a statement that writes failed with, in the ledger's words. When the connection was lost before the answer, nobody
 * knows whether it was recorded: then the error names the tasks to ask for.
 * @param keyed an idempotency key was given: the key, not the id made for this call, finds the task
 */
export function writeError(error: unknown, ids: readonly string[], keyed = false): unknown {
  const translated = translateSqlError(error, { writing: true });
  if (!(translated instanceof LedgerError) || translated.code !== 'TASKLEDGER_OUTCOME_UNKNOWN') return translated;
  const more = ids.length > idsShown ? ` and ${ids.length - idsShown} more, all or none` : '';
  const { expected, found, cause } = translated;
  return new LedgerError('TASKLEDGER_OUTCOME_UNKNOWN', {
    expected,
    found: `${found}, for ${ids.length === 1 ? 'task' : 'tasks'} ${ids.slice(0, idsShown).join(', ')}${more}`,
    remedy: keyed
      ? 'Send it again with the same key: it is recorded once, and the answer names the task'
      : 'Ask for it by its id before sending it again; a key makes sending it again safe',
    cause,
    details: { ids },
  });
}
