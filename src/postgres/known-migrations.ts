import { LedgerError } from '../errors.ts';

/**
 * Refuses a database that has migrations this release does not know.
 * @throws LedgerError TASKLEDGER_SCHEMA_NEWER
 */
export function refuseNewerSchema(applied: readonly string[], known: readonly string[]): void {
  const unknown = applied.filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  throw new LedgerError('TASKLEDGER_SCHEMA_NEWER', {
    expected: `a schema of this release, up to migration ${known.at(-1) ?? 'none'}`,
    found: `${unknown.join(', ')}, of a newer release`,
    remedy: 'Upgrade taskledger here',
    details: { unknown_migrations: unknown },
  });
}
