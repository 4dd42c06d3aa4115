import { expect, test } from 'vitest';
import { createPool } from '../../src/postgres/pool.ts';
import { checkSchema } from '../../src/postgres/schema-status.ts';
import { withConnection } from '../support/admin-connection.ts';
import { createTestDatabase } from '../support/database.ts';

const notMigrated = { code: 'TASKLEDGER_NOT_MIGRATED', remedy: 'Run: taskledger migrate' };

test('a migrated database tells its site, to every role', async () => {
  await using database = await createTestDatabase();
  await withConnection(database.url, async (client) => {
    expect(await checkSchema(client)).toEqual({ site: 'ams' });
    for (const role of ['submitter', 'runner', 'auditor', 'operator', 'daemon']) {
      await client.query(`set role taskledger_${role}`);
      expect(await checkSchema(client)).toEqual({ site: 'ams' });
    }
  });
});

test('an empty database is not migrated, and stays empty', async () => {
  await using database = await createTestDatabase({ empty: true });
  await withConnection(database.url, async (client) => {
    await expect(checkSchema(client)).rejects.toMatchObject(notMigrated);
    expect((await client.query("select from pg_namespace where nspname = 'taskledger'")).rows).toEqual([]);
  });
});

test.each([
  ['an older schema', "delete from taskledger.migrations where name like '0002%'", notMigrated],
  ['older functions', 'update taskledger.functions set revision = revision - 1', notMigrated],
  ['no site', 'truncate taskledger.site', notMigrated],
  [
    'a newer schema',
    "insert into taskledger.migrations values ('9000_later', '')",
    { code: 'TASKLEDGER_SCHEMA_NEWER', details: { unknown_migrations: ['9000_later'] } },
  ],
])('%s is refused', async (_what, change, error) => {
  await using database = await createTestDatabase();
  await withConnection(database.url, async (client) => {
    await client.query('begin');
    await client.query('alter table taskledger.functions drop constraint functions_revision_check');
    await client.query(change);
    await expect(checkSchema(client)).rejects.toMatchObject(error);
  });
});

test('a user without any of our roles is told to get one', async () => {
  await using database = await createTestDatabase();
  await withConnection(database.url, async (client) => {
    await client.query('set role pg_monitor');
    const remedy = expect.stringMatching(/grant taskledger_\w+ to USER/);
    await expect(checkSchema(client)).rejects.toMatchObject({ code: 'TASKLEDGER_NOT_ALLOWED', remedy });
  });
});

test('a server that is gone is unreachable', async () => {
  const pool = createPool({ connectionString: 'postgres://127.0.0.1:1/nowhere' });
  await expect(checkSchema(pool)).rejects.toMatchObject({ code: 'TASKLEDGER_UNREACHABLE' });
  await pool.end();
});
