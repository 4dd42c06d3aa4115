import type { ClientBase } from 'pg';
import { migrationFailed } from './migration-failed.ts';
import type { FunctionFile, MigrationFiles } from './migration-files.ts';

/** A function cannot be replaced by one with other result columns or parameter names. */
const cannotReplace = '42P13';

/** The revision of the functions this database has; 0 if none. */
export async function readAppliedRevision(client: ClientBase): Promise<number> {
  const { rows } = await client.query<{ revision: number }>(
    'select coalesce(max(revision), 0) as revision from taskledger.functions',
  );
  return rows[0]?.revision ?? 0;
}

/**
 * Applies the functions whose text differs from what the database has. Inside a transaction.
 * @returns the names of those applied.
 * @throws LedgerError TASKLEDGER_MIGRATION_FAILED, naming the function.
 */
export async function applyFunctions(client: ClientBase, files: MigrationFiles): Promise<string[]> {
  // A function may call one that comes later in the alphabet.
  await client.query('set local check_function_bodies = off');
  const { rows } = await client.query<{ name: string; digest: string }>(
    'select name, digest from taskledger.functions',
  );
  const known = new Map(rows.map(({ name, digest }) => [name, digest]));
  const changed = files.functions.filter(({ name, digest }) => known.get(name) !== digest);
  for (const file of changed) {
    await applyFunction(client, file).catch((error: unknown) => {
      throw migrationFailed(`function ${file.name}`, error);
    });
    await client.query(
      `insert into taskledger.functions (name, digest, revision) values ($1, $2, $3)
       on conflict (name) do update set digest = excluded.digest, revision = excluded.revision`,
      [file.name, file.digest, files.revision],
    );
  }
  await client.query('update taskledger.functions set revision = $1 where revision < $1', [files.revision]);
  return changed.map(({ name }) => name);
}

/**
 * A file is all there is of the function it is named after. With other parameters `create or replace` would leave the
 * old form beside the new one, and a call that fits both would be refused as ambiguous: the old one goes.
 */
async function applyFunction(client: ClientBase, { name, text }: FunctionFile): Promise<void> {
  const before = await formsOf(client, name);
  await client.query('savepoint before_function');
  try {
    await client.query(text);
  } catch (error) {
    if ((error as { code?: string }).code !== cannotReplace) throw error;
    await client.query('rollback to savepoint before_function');
    await drop(client, before);
    await client.query(text);
    return;
  }
  const after = await formsOf(client, name);
  if (after.some((form) => !before.includes(form))) await drop(client, before);
}

/** Every function of this name, with its parameter types. */
async function formsOf(client: ClientBase, name: string): Promise<string[]> {
  const { rows } = await client.query<{ form: string }>(
    `select oid::regprocedure::text as form from pg_proc
      where pronamespace = 'taskledger'::regnamespace and proname = $1`,
    [name],
  );
  return rows.map(({ form }) => form);
}

async function drop(client: ClientBase, forms: readonly string[]): Promise<void> {
  for (const form of forms) await client.query(`drop function ${form}`);
}
