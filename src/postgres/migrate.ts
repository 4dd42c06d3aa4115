import type { ClientBase } from 'pg';
import type { Migration } from 'kysely';
import { LedgerError } from '../errors.ts';
import type { Signals } from '../signals.ts';
import { applyFunctions, readAppliedRevision } from './apply-functions.ts';
import { applyGrants } from './apply-grants.ts';
import { createRoles } from './create-roles.ts';
import { refuseNewerSchema } from './known-migrations.ts';
import { migrationFailed } from './migration-failed.ts';
import { readMigrationFiles, type MigrationFiles, type SqlFile } from './migration-files.ts';
import { becomeOwner, withMigrationLock } from './migration-session.ts';

export interface MigrateOptions {
  /** Of a user with CREATE on the database; it will own the schema. */
  readonly connectionString: string;
  /** Names the site at the first migration, for ever. Default `local`. */
  readonly site?: string | undefined;
  readonly signals?: Signals | undefined;
}

export interface MigrateResult {
  readonly site: string;
  /** Names in the order they were applied; empty when there was nothing to do. */
  readonly migrationsApplied: string[];
  readonly functionsApplied: string[];
  /** Statements for an administrator, since this user may not create roles; migrate once more after them. */
  readonly rolesMissing: string[];
}

const siteName = /^[a-z][a-z0-9-]{0,29}$/;

/**
 * Brings a database to the schema of this release: migrations, functions, roles and grants, the site's name. Doing it
 * again changes nothing; several at once take turns.
 * @throws LedgerError TASKLEDGER_INVALID_URL, TASKLEDGER_INVALID_OPTION, TASKLEDGER_UNREACHABLE, TASKLEDGER_SCHEMA_NEWER,
 *   TASKLEDGER_SITE_NAME_TAKEN, TASKLEDGER_MIGRATION_FAILED
 */
export async function migrate(options: MigrateOptions): Promise<MigrateResult> {
  return await migrateTo(await readMigrationFiles(), options);
}

/** `migrate` to what the given files say instead of this release's. */
export async function migrateTo(
  files: MigrationFiles,
  { connectionString, site, signals }: MigrateOptions,
): Promise<MigrateResult> {
  if (site !== undefined && !siteName.test(site)) throw invalidSiteName(site);
  return await withMigrationLock(connectionString, async (client) => {
    await becomeOwner(client);
    await refuseForeign(client, files, site);
    await client.query('reset role');
    const rolesMissing = await createRoles(client);
    await becomeOwner(client);
    const migrationsApplied = await applyMigrations(client, files.migrations);
    const rest = await applyRest(client, files, site);
    const { functionsApplied } = rest;
    if (migrationsApplied.length + functionsApplied.length > 0) {
      signals?.emit('migrate.applied', { migrations: migrationsApplied, functions: functionsApplied });
    }
    return { site: rest.site, migrationsApplied, functionsApplied, rolesMissing };
  });
}

/** Before anything is written: the database must not be of a newer release, nor another site. */
async function refuseForeign(client: ClientBase, files: MigrationFiles, site: string | undefined): Promise<void> {
  const { rows } = await client.query<{ migrations: boolean; site: boolean }>(
    `select to_regclass('taskledger.migrations') is not null as migrations,
            to_regclass('taskledger.site') is not null as site`,
  );
  if (rows[0]?.migrations === true) {
    const applied = await client.query<{ name: string }>('select name from taskledger.migrations order by name');
    const known = files.migrations.map(({ name }) => name);
    refuseNewerSchema(
      applied.rows.map(({ name }) => name),
      known,
    );
  }
  if (rows[0]?.site === true && site !== undefined) {
    const taken = await client.query<{ name: string }>('select name from taskledger.site');
    const name = taken.rows[0]?.name;
    if (name !== undefined && name !== site) throw siteNameTaken(site, name);
  }
}

/** All pending migrations in one transaction: all or none. */
async function applyMigrations(client: ClientBase, files: readonly SqlFile[]): Promise<string[]> {
  // Nothing else uses its 260 modules: whoever opens a ledger does not wait for them.
  const { Kysely, Migrator, PostgresDialect, sql } = await import('kysely');
  const pool = { connect: async () => Object.assign(client, { release: () => undefined }), end: async () => undefined };
  const asMigration = ({ name, text }: SqlFile): [string, Migration] => [
    name,
    {
      up: async (db) => {
        await sql.raw(text).execute(db);
      },
    },
  ];
  const migrator = new Migrator({
    db: new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) }),
    provider: { getMigrations: async () => Object.fromEntries(files.map(asMigration)) },
    migrationTableSchema: 'taskledger',
    migrationTableName: 'migrations',
    migrationLockTableName: 'migration_lock',
    // The order of those applied is told by clocks of the machines that applied them; a wrong one must not stop us.
    allowUnorderedMigrations: true,
  });
  const { error, results = [] } = await migrator.migrateToLatest();
  if (error !== undefined) {
    const failed = results.find(({ status }) => status === 'Error');
    throw migrationFailed(failed === undefined ? 'the migrations' : `migration ${failed.migrationName}`, error);
  }
  return results.map(({ migrationName }) => migrationName);
}

/** Functions, grants and the site's name, in one transaction. */
async function applyRest(
  client: ClientBase,
  files: MigrationFiles,
  site: string | undefined,
): Promise<{ site: string; functionsApplied: string[] }> {
  await client.query('begin');
  // An older release, started again, must not put its functions over the newer ones.
  const newer = (await readAppliedRevision(client)) > files.revision;
  const functionsApplied = newer ? [] : await applyFunctions(client, files);
  if (!newer) await applyGrants(client);
  const opened = await client.query<{ name: string }>('select taskledger.open_site($1) as name', [site ?? null]);
  await client.query('commit');
  return { site: opened.rows[0]?.name ?? '', functionsApplied };
}

function invalidSiteName(site: string): LedgerError {
  return new LedgerError('TASKLEDGER_INVALID_OPTION', {
    expected: 'a site name of at most 30 small letters, digits and -, beginning with a letter',
    found: JSON.stringify(site.slice(0, 60)),
    remedy: 'Choose another name, such as ams',
  });
}

function siteNameTaken(wanted: string, name: string): LedgerError {
  return new LedgerError('TASKLEDGER_SITE_NAME_TAKEN', {
    expected: `a database whose site is ${wanted}, or has no name yet`,
    found: `site ${name}, a name it keeps for ever`,
    remedy: `Leave the name out, or use another database for ${wanted}`,
    details: { site: name },
  });
}
