import type { Queryable } from '../postgres/queryable.ts';
import { createPool } from '../postgres/pool.ts';
import { checkSchema } from '../postgres/schema-status.ts';
import { translateSqlError } from '../postgres/sql-error.ts';
import { connectionUrl, type ConnectionOptions } from './connection.ts';
import type { Terminal } from './terminal.ts';

export type Pool = ReturnType<typeof createPool>;

interface Database {
  readonly pool: Pool & Queryable;
  readonly site: string;
}

/** Lends the database itself to a command that does what the ledger has no call for. */
export async function withDatabase(
  options: ConnectionOptions & { readonly writing?: boolean; readonly connections?: number },
  terminal: Terminal,
  work: (database: Database) => Promise<void>,
): Promise<void> {
  const connectionString = await connectionUrl(options.url, terminal);
  const pool = createPool({ connectionString, max: options.connections ?? 1 });
  try {
    const { site } = await checkSchema(pool);
    await work({ pool, site });
  } catch (error) {
    throw translateSqlError(error, { writing: options.writing ?? false });
  } finally {
    await pool.end();
  }
}
