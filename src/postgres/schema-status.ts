import { LedgerError } from '../errors.ts';
import { refuseNewerSchema } from './known-migrations.ts';
import { readMigrationFiles } from './migration-files.ts';
import type { Queryable } from './queryable.ts';
import { translateSqlError } from './sql-error.ts';

interface StatusRow {
  readonly site: string | null;
  readonly migrations: string[];
  readonly functions_revision: number | null;
}

/**
 * Makes sure that the database has the schema this release works with. Changes nothing.
 * @returns the site this database is.
 * @throws LedgerError TASKLEDGER_NOT_MIGRATED, TASKLEDGER_SCHEMA_NEWER, TASKLEDGER_NOT_ALLOWED, TASKLEDGER_UNREACHABLE
 */
export async function checkSchema(db: Queryable): Promise<{ site: string }> {
  const [status, files] = await Promise.all([readStatus(db), readMigrationFiles()]);
  const known = files.migrations.map(({ name }) => name);
  refuseNewerSchema(status.migrations, known);
  const missing = known.filter((name) => !status.migrations.includes(name));
  if (missing.length > 0) throw notMigrated(`one without ${missing.join(', ')}`);
  const revision = status.functions_revision ?? 0;
  if (revision < files.revision) throw notMigrated(`functions of revision ${revision} instead of ${files.revision}`);
  if (status.site === null) throw notMigrated('one without a site');
  return { site: status.site };
}

async function readStatus(db: Queryable): Promise<StatusRow> {
  try {
    const { rows } = await db.query('select * from taskledger.schema_status()', []);
    const [row] = rows as StatusRow[];
    if (row !== undefined) return row;
  } catch (error) {
    throw translateSqlError(error);
  }
  throw notMigrated('no answer from taskledger.schema_status()');
}

function notMigrated(found: string): LedgerError {
  const expected = 'a database with the taskledger schema of this release';
  return new LedgerError('TASKLEDGER_NOT_MIGRATED', { expected, found, remedy: 'Run: taskledger migrate' });
}
