import { migrateTo } from '../../src/postgres/migrate.ts';
import { readMigrationFiles } from '../../src/postgres/migration-files.ts';
import { urlOfDatabase, withConnection } from './admin-connection.ts';
import { testDatabaseName } from './test-database-names.ts';

/** Names no site; the real one takes its place when a clone is migrated. */
const nameless = `
  create or replace function taskledger.open_site(wanted text default null) returns text language sql as 'select wanted'`;

/**
 * A database with the whole schema that is no site yet: to migrate a clone of it takes a tenth of the time of an empty one.
 * @returns its name
 */
export async function makeUnnamedTemplate(adminUrl: string): Promise<string> {
  const name = testDatabaseName('template', Date.now());
  await withConnection(adminUrl, (client) => client.query(`create database ${name} template template0`));
  const files = await readMigrationFiles();
  const functions = files.functions.map((file) =>
    file.name === 'open_site' ? { ...file, text: nameless, digest: 'nameless' } : file,
  );
  await migrateTo({ ...files, functions }, { connectionString: urlOfDatabase(adminUrl, name) });
  return name;
}
