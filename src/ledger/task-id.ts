import { LedgerError } from '../errors.ts';

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * Returns `id` if it has the form of a task id.
 * @throws LedgerError TASKLEDGER_INVALID_ID
 */
export function requireTaskId(id: string): string {
  // JavaScript callers pass whatever they have.
  const given: unknown = id;
  if (typeof given === 'string' && uuidPattern.test(given)) return given.toLowerCase();
  throw new LedgerError('TASKLEDGER_INVALID_ID', {
    expected: 'a task id, a UUID such as 019a3b5c-0e8f-7c1a-9d2e-3f4a5b6c7d8e',
    found:
      typeof given === 'string' ? JSON.stringify(given.slice(0, 60)) : given === null ? 'null' : `a ${typeof given}`,
    remedy: 'Copy the id that submit printed',
  });
}

/** The error for an id nobody knows here. */
export function taskNotFound(id: string): LedgerError {
  return new LedgerError('TASKLEDGER_NOT_FOUND', {
    expected: `a task ${id} in this ledger`,
    found: 'none',
    remedy: 'Check the id and the database; a task submitted in a transaction is there once that has committed',
  });
}
