import { expect, test } from 'vitest';
import { migrate, migrateTo } from '../../src/postgres/migrate.ts';
import { readMigrationFiles, type FunctionFile, type MigrationFiles } from '../../src/postgres/migration-files.ts';
import { createSignals, type Signal } from '../../src/signals.ts';
import { urlOfDatabase, withConnection } from '../support/admin-connection.ts';
import { createTestDatabase } from '../support/database.ts';

const files = await readMigrationFiles();
const names = {
  migrations: files.migrations.map(({ name }) => name),
  functions: files.functions.map(({ name }) => name),
};

async function ask<T>(url: string, text: string, values: unknown[] = []): Promise<T[]> {
  return await withConnection(url, async (client) => (await client.query(text, values)).rows as T[]);
}

/** The release after this one: the same, but for one more function or another form of it. */
function nextRelease(text: string, digest: string): MigrationFiles {
  const probe: FunctionFile = { name: 'probe', text, digest };
  return { ...files, functions: [...files.functions, probe], revision: files.revision + 1 };
}

test('migrating an empty database names the site, opens its stream and realm, and again changes nothing', async () => {
  await using database = await createTestDatabase({ empty: true });
  const heard: Signal[] = [];
  const signals = createSignals();
  signals.subscribe((signal) => heard.push(signal));
  const options = { connectionString: database.url, signals };

  const first = await migrate({ ...options, site: 'eu-west-2' });
  expect(first).toEqual({
    site: 'eu-west-2',
    migrationsApplied: names.migrations,
    functionsApplied: names.functions,
    rolesMissing: [],
  });
  expect(await migrate(options)).toEqual({ ...first, migrationsApplied: [], functionsApplied: [] });
  expect(heard).toEqual([{ name: 'migrate.applied', data: names }]);

  const events = await ask(
    database.url,
    `select site, realm, epoch, task_id, version, type, actor = session_user as by_me, data, context
       from taskledger.events_eu_west_2 order by seq`,
  );
  const envelope = { site: 'eu-west-2', realm: 'eu-west-2', epoch: 1, task_id: null, version: null, context: null };
  expect(events).toEqual([
    { ...envelope, type: 'site.opened', by_me: true, data: { name: 'eu-west-2', incarnation: 1 } },
    { ...envelope, type: 'realm.opened', by_me: true, data: { realm: 'eu-west-2', owner: 'eu-west-2' } },
  ]);
  expect(await ask(database.url, 'select * from taskledger.realms')).toEqual([
    { realm: 'eu-west-2', epoch: 1, owner: 'eu-west-2', state: 'open' },
  ]);
});

test('of several that migrate at once one does the work and the others find it done', async () => {
  await using database = await createTestDatabase({ empty: true });
  const migrateOne = (): ReturnType<typeof migrate> => migrate({ connectionString: database.url, site: 'ams' });
  const results = await Promise.all([migrateOne(), migrateOne(), migrateOne(), migrateOne()]);
  const applied = results.map(({ migrationsApplied, functionsApplied }) => [migrationsApplied, functionsApplied]);
  expect(applied.filter(([migrations]) => migrations!.length > 0)).toEqual([[names.migrations, names.functions]]);
  expect(results.map(({ site }) => site)).toEqual(['ams', 'ams', 'ams', 'ams']);
  expect(await ask(database.url, 'select type from taskledger.events')).toHaveLength(2);
});

test('a site keeps its name for ever, and is called local if nobody named it', async () => {
  await using database = await createTestDatabase({ empty: true });
  const connectionString = database.url;
  expect((await migrate({ connectionString })).site).toBe('local');
  await expect(migrate({ connectionString, site: 'fra' })).rejects.toMatchObject({
    code: 'TASKLEDGER_SITE_NAME_TAKEN',
  });
  expect((await migrate({ connectionString, site: 'local' })).site).toBe('local');
  expect(await ask(connectionString, "select taskledger.open_site('fra') as name")).toEqual([{ name: 'local' }]);
});

test.each(['', 'Ams', '1st', 'a_b', 'a'.repeat(31), "x'; drop table"])('no site is called %j', async (site) => {
  await using database = await createTestDatabase({ empty: true });
  const invalid = { code: 'TASKLEDGER_INVALID_OPTION' };
  await expect(migrate({ connectionString: database.url, site })).rejects.toMatchObject(invalid);
  expect(await ask(database.url, "select from pg_namespace where nspname = 'taskledger'")).toEqual([]);
});

test('a schema of a newer release is refused by name and left alone', async () => {
  await using database = await createTestDatabase();
  await migrateTo(
    { ...files, migrations: [...files.migrations, { name: '9000_later', text: 'create table taskledger.later ()' }] },
    { connectionString: database.url },
  );
  await expect(migrate({ connectionString: database.url })).rejects.toMatchObject({
    code: 'TASKLEDGER_SCHEMA_NEWER',
    message: expect.stringContaining('9000_later'),
  });
});

test('a migration that fails is named, and nothing of that run is kept', async () => {
  await using database = await createTestDatabase({ empty: true });
  const broken = { name: '9000_broken', text: 'create table taskledger.kept (); select 1 / 0' };
  const broke = migrateTo({ ...files, migrations: [...files.migrations, broken] }, { connectionString: database.url });
  await expect(broke).rejects.toMatchObject({
    code: 'TASKLEDGER_MIGRATION_FAILED',
    expected: 'migration 9000_broken to apply',
    found: 'division by zero',
  });
  expect(await ask(database.url, "select to_regclass('taskledger.events') as events")).toEqual([{ events: null }]);
  expect((await migrate({ connectionString: database.url })).migrationsApplied).toEqual(names.migrations);
});

test('an older release does not put its functions over newer ones', async () => {
  await using database = await createTestDatabase();
  const connectionString = database.url;
  const renewed = (file: FunctionFile): FunctionFile =>
    file.name === 'renew'
      ? { ...file, text: file.text.replace('as $$', () => 'as $$ -- newer'), digest: 'newer' }
      : file;
  const newer = { ...files, functions: files.functions.map(renewed), revision: files.revision + 1 };
  expect((await migrateTo(newer, { connectionString })).functionsApplied).toEqual(['renew']);
  expect((await migrate({ connectionString })).functionsApplied).toEqual([]);
  const [source] = await ask<{ prosrc: string }>(
    connectionString,
    "select prosrc from pg_proc where proname = 'renew'",
  );
  expect(source?.prosrc).toContain('-- newer');
  expect((await migrateTo(newer, { connectionString })).functionsApplied).toEqual([]);
});

test.each([
  ['another parameter', "create or replace function taskledger.probe(a int, b text default 'b') returns int"],
  ['another result', 'create or replace function taskledger.probe(a int) returns text'],
])('a function with %s replaces its older form', async (_what, changed) => {
  await using database = await createTestDatabase();
  const connectionString = database.url;
  const body = 'language sql as $$ select 1 $$';
  const before = `create or replace function taskledger.probe(a int) returns int ${body}`;
  await migrateTo(nextRelease(before, '1'), { connectionString });
  const after = nextRelease(changed + ' ' + body.replace('1', changed.endsWith('text') ? "'1'" : '1'), '2');
  expect((await migrateTo(after, { connectionString })).functionsApplied).toEqual(['probe']);
  const forms = await ask(connectionString, "select from pg_proc where proname = 'probe'");
  expect(forms).toHaveLength(1);
  expect(await ask(connectionString, 'select taskledger.probe(1)::text as probe')).toEqual([{ probe: '1' }]);
});

test('a function that fails to apply leaves the functions as they were', async () => {
  await using database = await createTestDatabase();
  const failed = migrateTo(nextRelease('create function nonsense', 'x'), { connectionString: database.url });
  await expect(failed).rejects.toMatchObject({ code: 'TASKLEDGER_MIGRATION_FAILED', message: /function probe/ });
  const [row] = await ask<{ revision: number }>(
    database.url,
    'select max(revision) as revision from taskledger.functions',
  );
  expect(row?.revision).toBe(files.revision);
});

test('a database that is not there, or not of our encoding, is refused', async () => {
  await using database = await createTestDatabase({ empty: true });
  const nowhere = urlOfDatabase(database.url, 'taskledger_no_such_database');
  await expect(migrate({ connectionString: nowhere })).rejects.toMatchObject({ code: 'TASKLEDGER_UNREACHABLE' });
  const latin = `${database.name}_latin`;
  const settings = "encoding 'LATIN1' locale 'C' template template0";
  await ask(database.url, `create database ${latin} ${settings}`);
  try {
    await expect(migrate({ connectionString: urlOfDatabase(database.url, latin) })).rejects.toThrow('encoding LATIN1');
  } finally {
    await ask(database.url, `drop database ${latin} with (force)`);
  }
});
