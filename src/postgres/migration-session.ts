import pg, { type ClientBase } from 'pg';
import { LedgerError } from '../errors.ts';
import { requireConnectionString } from './connection-string.ts';
import { migrationFailed } from './migration-failed.ts';

const oldestServer = 160_000;
const connectTimeoutMs = 10_000;
const timeouts = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout'];

interface ServerTraits {
  /** As server_version_num: 160014 is 16.14. */
  readonly version: number;
  readonly release: string;
  readonly encoding: string;
}

/**
 * Runs `work` on a connection of its own that holds the migration lock of the database: who comes second waits. Lock and
 * work share the connection, so that whoever loses the one has lost the other.
 * @throws LedgerError TASKLEDGER_INVALID_URL, TASKLEDGER_UNREACHABLE, TASKLEDGER_MIGRATION_FAILED
 */
export async function withMigrationLock<T>(
  connectionString: string,
  work: (client: ClientBase) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    connectionString: requireConnectionString(connectionString),
    application_name: 'taskledger migrate',
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
  });
  // Reported by the statement that waits, not by an event nobody hears.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await prepare(client);
    await client.query("select pg_advisory_lock(hashtextextended('taskledger.migrate', 0))");
    return await work(client);
  } catch (error) {
    throw migrationFailed('the migration', error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function prepare(client: ClientBase): Promise<void> {
  // A user's or database's settings must not change what the files mean: without standard_conforming_strings the `\.` of a
  // pattern would be stored as `.` for ever.
  await client.query(
    `set search_path = pg_catalog, pg_temp; set client_min_messages = warning; set standard_conforming_strings = on;
     set default_transaction_read_only = off; set default_transaction_isolation = 'read committed'`,
  );
  // A user's or database's default must not end the wait for the lock, or half a migration. Not every release has all.
  await client.query("select set_config(name, '0', false) from pg_settings where name = any ($1)", [timeouts]);
  const { rows } = await client.query<ServerTraits>(
    `select current_setting('server_version_num')::int as version, current_setting('server_version') as release,
            current_setting('server_encoding') as encoding`,
  );
  const [server] = rows;
  if (server !== undefined) requireUsableServer(server);
}

/** @throws LedgerError TASKLEDGER_MIGRATION_FAILED when the ledger cannot live there */
export function requireUsableServer({ version, release, encoding }: ServerTraits): void {
  if (version < oldestServer) {
    throw unusable('PostgreSQL 16 or newer', `PostgreSQL ${release}`, 'Upgrade the server, or use another one');
  }
  if (encoding !== 'UTF8') {
    const remedy = "Create the database with: create database … encoding 'UTF8' template template0";
    throw unusable('a database with encoding UTF8', `encoding ${encoding}`, remedy);
  }
}

/**
 * Goes on as the owner of the schema, if there is one: what a superuser added later would be the superuser's, out of
 * reach of the owner's functions.
 */
export async function becomeOwner(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ owner: string; me: string; able: boolean }>(
    `select pg_get_userbyid(nspowner) as owner, current_user as me, pg_has_role(nspowner, 'member') as able
       from pg_namespace where nspname = 'taskledger'`,
  );
  const [schema] = rows;
  if (schema === undefined || schema.owner === schema.me) return;
  if (!schema.able) {
    const expected = `the owner of schema taskledger, ${schema.owner}, or a superuser, to migrate`;
    throw unusable(expected, `user ${schema.me}`, `Connect as ${schema.owner}`);
  }
  await client.query(`set role ${pg.escapeIdentifier(schema.owner)}`);
}

function unusable(expected: string, found: string, remedy: string): LedgerError {
  return new LedgerError('TASKLEDGER_MIGRATION_FAILED', { expected, found, remedy });
}
