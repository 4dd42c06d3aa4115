import { LedgerError } from '../errors.ts';
import { insufficientPrivilege } from './permission-error.ts';
import { translateSqlError } from './sql-error.ts';

/**
 * What `migrate` reports when `step` threw `error`: errors of the ledger and of the connection as they are, anything else
 * as TASKLEDGER_MIGRATION_FAILED.
 * @param step - What was being done, a noun phrase: `migration 0002_open_tasks`.
 */
export function migrationFailed(step: string, error: unknown): LedgerError {
  const known = translateSqlError(error);
  // "Run taskledger migrate" is no help to who is doing just that, and none of our roles may migrate.
  const ofOthers = ['TASKLEDGER_NOT_MIGRATED', 'TASKLEDGER_NOT_ALLOWED'];
  if (known instanceof LedgerError && !ofOthers.includes(known.code)) return known;
  const { code, message } = error as { code?: string; message?: string };
  return new LedgerError('TASKLEDGER_MIGRATION_FAILED', {
    expected: `${step} to apply`,
    found: (message ?? String(error)).replace(/\.$/, ''),
    remedy:
      code === insufficientPrivilege
        ? 'Migrate as a user with CREATE on the database, such as its owner'
        : 'Nothing of this step was kept; remove the cause and migrate again',
    cause: error,
  });
}
