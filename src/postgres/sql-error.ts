import { LedgerError, errorCodes, type LedgerErrorCode } from '../errors.ts';
import { connectionError, type ErrorTraits } from './connection-error.ts';
import { insufficientPrivilege, permissionError } from './permission-error.ts';

const ours = new Map(
  Object.entries(errorCodes).flatMap(([code, entry]) =>
    'sqlState' in entry ? [[entry.sqlState as string, code as LedgerErrorCode] as const] : [],
  ),
);
const readOnlyTransaction = '25006';
/** A statement, or the lock it waited for, took longer than the session allows; or somebody cancelled it. */
const cancelled = new Set(['57014', '55P03']);
const undefinedObject = new Set(['3F000', '42P01', '42883']);
/** Invalid text for a type, a character the encoding has not, and everything about JSON. */
const invalidValue = /^(22P02|22P05|22021|2203.)$/;

/**
 * Says in the ledger's words what a statement failed with: errors raised by our SQL functions, connections refused or
 * lost, a missing schema, a missing right, a database that takes no writes, a statement that was cancelled, values Postgres
 * cannot store. Anything else, a LedgerError included, comes back unchanged.
 * @param options - `writing`: the statement writes, so that a connection lost under way leaves its outcome unknown.
 */
export function translateSqlError(error: unknown, options: { readonly writing?: boolean } = {}): unknown {
  if (error instanceof LedgerError || !(error instanceof Error)) return error;
  const traits = traitsOf(error);
  const { code = '', message } = traits;
  const raised = ours.get(code);
  if (raised !== undefined) return new LedgerError(raised, { ...partsOf(message), cause: error });
  if (undefinedObject.has(code) && message.includes('taskledger')) return notMigrated(message, error);
  if (invalidValue.test(code)) return invalidInput(message);
  if (code === insufficientPrivilege) return permissionError(message, error);
  if (code === readOnlyTransaction) return readOnly(message, error);
  if (cancelled.has(code)) return cancelledStatement(message, error);
  return connectionError(traits, error, options.writing ?? false) ?? error;
}

function traitsOf(error: Error): ErrorTraits {
  // A host with several addresses fails once per address; the first tells enough.
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : undefined;
  const one = (first instanceof Error ? first : error) as Error & Record<string, unknown>;
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
  const host = text(one['hostname']) ?? text(one['address']);
  const port = typeof one['port'] === 'number' ? `:${one['port']}` : '';
  return {
    code: text(one['code']),
    message: one.message,
    syscall: text(one['syscall']),
    address: host === undefined ? undefined : host.includes(':') && port !== '' ? `[${host}]${port}` : host + port,
  };
}

/** Takes "Expected X; found Y. Remedy." apart. What was found may hold full stops of its own, the remedy may not. */
function partsOf(message: string): { expected: string; found: string; remedy: string } {
  const [, expected, found, remedy] = /^Expected (.+?); found (.+)\. (.+?)\.?$/s.exec(message) ?? [];
  if (expected !== undefined && found !== undefined && remedy !== undefined) return { expected, found, remedy };
  return {
    expected: 'a command the ledger accepts',
    found: message.replace(/\.$/, ''),
    remedy: 'Correct the command and send it again',
  };
}

function notMigrated(message: string, cause: Error): LedgerError {
  return new LedgerError('TASKLEDGER_NOT_MIGRATED', {
    expected: 'a database with the taskledger schema of this release',
    found: message,
    remedy: 'Run: taskledger migrate',
    cause,
  });
}

function readOnly(message: string, cause: Error): LedgerError {
  return new LedgerError('TASKLEDGER_READ_ONLY', {
    expected: 'a database that takes writes',
    found: `a standby, or a read-only transaction (${message})`,
    remedy: 'Connect to the primary, or switch default_transaction_read_only off for this user',
    cause,
  });
}

function cancelledStatement(message: string, cause: Error): LedgerError {
  return new LedgerError('TASKLEDGER_CANCELLED', {
    expected: 'a statement that runs to its end',
    found: message,
    remedy: 'Send it again; if it keeps happening raise statement_timeout or lock_timeout, or look who holds the lock',
    cause,
  });
}

/** Postgres quotes the value in the message and in what surrounds it: neither is passed on, not even as a cause. */
function invalidInput(message: string): LedgerError {
  return new LedgerError('TASKLEDGER_INVALID_INPUT', {
    expected: 'a value PostgreSQL can store',
    found: message.replace(/:.*$/s, ''),
    remedy: 'Correct the value and send it again; nothing was recorded',
  });
}
