import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startEmbeddedPostgres } from '../../src/postgres/embedded/start-embedded-postgres.ts';
import type { EmbeddedPostgres } from '../../src/postgres/embedded/embedded-server.ts';
import { roleGrants } from '../../src/postgres/grants.ts';
import { migrate, migrateTo } from '../../src/postgres/migrate.ts';
import { readMigrationFiles } from '../../src/postgres/migration-files.ts';
import { urlOfDatabase, withConnection } from '../support/admin-connection.ts';
import { createTestDatabase } from '../support/database.ts';
import { heldRights, listedRights } from '../support/held-rights.ts';
import { testBinaries } from '../support/test-server.ts';

/** Roles belong to a whole server, so what happens without them is tried on one of our own. */
let server: EmbeddedPostgres;
beforeAll(async () => {
  server = await startEmbeddedPostgres({ binaries: testBinaries() });
});
afterAll(async () => {
  await server.stop('immediate');
});

const roles = Object.keys(roleGrants);
const password = randomBytes(9).toString('hex');

async function ask<T>(url: string, text: string, values: unknown[] = []): Promise<T[]> {
  return await withConnection(url, async (client) => (await client.query(text, values)).rows as T[]);
}

/** A database that belongs to a user who is no superuser. */
async function ownedDatabase(owner: string, attributes: string): Promise<{ admin: string; own: string }> {
  await ask(server.url, `create role ${owner} login ${attributes} password '${password}'`);
  await ask(server.url, `create database ${owner} owner ${owner} template template0`);
  const own = new URL(urlOfDatabase(server.url, owner));
  own.username = owner;
  own.password = password;
  return { admin: urlOfDatabase(server.url, owner), own: own.href };
}

async function executable(url: string): Promise<string[]> {
  const rows = await ask<{ name: string }>(
    url,
    `select r || ' ' || p.proname as name from unnest($1::text[]) r, pg_proc p
      where p.pronamespace = 'taskledger'::regnamespace and has_function_privilege(r, p.oid, 'execute')`,
    [roles],
  );
  return rows.map(({ name }) => name).sort();
}

const granted = Object.entries(roleGrants)
  .flatMap(([role, { execute }]) => execute.map((name) => `${role} ${name}`))
  .sort();

test('an owner who may not create roles migrates, and is told what an administrator must run', async () => {
  const { admin, own } = await ownedDatabase('plain', 'nosuperuser nocreaterole');
  const first = await migrate({ connectionString: own, site: 'ams' });
  expect(first.rolesMissing).toEqual(roles.map((role) => `create role ${role} nologin;`));
  expect(await ask(own, 'select * from taskledger.schema_status()')).toMatchObject([{ site: 'ams' }]);

  await ask(admin, first.rolesMissing.join('\n'));
  const second = await migrate({ connectionString: own });
  expect(second).toEqual({ site: 'ams', migrationsApplied: [], functionsApplied: [], rolesMissing: [] });
  expect(await executable(own)).toEqual(granted);
});

test('an owner with CREATEROLE creates what is absent', async () => {
  await ask(server.url, 'drop database if exists plain with (force)');
  for (const role of roles) await ask(server.url, `drop role if exists ${role}`);
  const { own } = await ownedDatabase('maker', 'nosuperuser createrole');
  expect((await migrate({ connectionString: own })).rolesMissing).toEqual([]);
  const made = await ask(own, 'select rolname, rolcanlogin from pg_roles where rolname = any ($1)', [roles]);
  expect(made).toHaveLength(roles.length);
  expect(made).not.toContainEqual(expect.objectContaining({ rolcanlogin: true }));
  expect(await executable(own)).toEqual(granted);
});

test('what a superuser migrates still belongs to the owner, and no one else may migrate', async () => {
  const { admin, own } = await ownedDatabase('keeper', 'nosuperuser nocreaterole');
  await migrate({ connectionString: own });
  await ask(admin, "update taskledger.functions set digest = '' where name = 'renew'");
  await ask(admin, 'drop function taskledger.renew');
  expect((await migrate({ connectionString: admin })).functionsApplied).toEqual(['renew']);
  const owners = `select distinct pg_get_userbyid(proowner) as owner from pg_proc
                   where pronamespace = 'taskledger'::regnamespace`;
  expect(await ask(own, owners)).toEqual([{ owner: 'keeper' }]);

  const stranger = new URL(own);
  await ask(admin, `create role stranger login password '${password}'`);
  stranger.username = 'stranger';
  await expect(migrate({ connectionString: stranger.href })).rejects.toMatchObject({
    code: 'TASKLEDGER_MIGRATION_FAILED',
    remedy: 'Connect as keeper',
  });
});

test('a user without CREATE on the database is told to get it', async () => {
  const { own } = await ownedDatabase('visitor', 'nosuperuser nocreaterole');
  await ask(server.url, 'alter database visitor owner to postgres');
  await expect(migrate({ connectionString: own })).rejects.toMatchObject({
    code: 'TASKLEDGER_MIGRATION_FAILED',
    message: expect.stringContaining('CREATE on the database'),
  });
});

/** What somebody who means well, or not, may have changed; the schema belongs to `tinkered`. */
const tinkering = [
  'grant usage, create on schema taskledger to public',
  'grant execute on all functions in schema taskledger to public',
  'grant select, insert, delete on all tables in schema taskledger to taskledger_runner',
  'grant insert (name), update (priority) on taskledger.open_tasks to taskledger_submitter',
  'grant select (secret_digest) on taskledger.claims to public',
  'grant usage, update on sequence taskledger.event_seq to taskledger_daemon',
  'grant execute on function taskledger.renew to taskledger_auditor with grant option',
  'grant select on taskledger.events to taskledger_auditor with grant option',
  'grant trigger on taskledger.events to taskledger_operator',
  'revoke execute on function taskledger.claim from taskledger_runner',
  'revoke select on taskledger.tasks from taskledger_auditor',
  'revoke select (runner) on taskledger.claims from taskledger_operator',
  'revoke usage on schema taskledger from taskledger_submitter',
];

test('migrating again takes what somebody gave and gives back what somebody took; another user’s rights stay', async () => {
  const { admin, own } = await ownedDatabase('tinkered', 'nosuperuser createrole');
  await ask(
    server.url,
    roles.map((role) => `do 'begin create role ${role}; exception when others then end'`).join(';'),
  );
  await migrate({ connectionString: own });
  expect(await withConnection(admin, heldRights)).toEqual(listedRights);
  await ask(admin, 'create role reporting');
  for (const statement of tinkering) await ask(own, statement);
  expect(await withConnection(admin, heldRights)).not.toEqual(listedRights);
  await migrate({ connectionString: own });
  expect(await withConnection(admin, heldRights)).toEqual(listedRights);

  await ask(own, 'grant select on taskledger.events to reporting');
  await migrate({ connectionString: own });
  const kept = await ask(admin, "select has_table_privilege('reporting', 'taskledger.events', 'select') as kept");
  expect(kept).toEqual([{ kept: true }]);
});

test('a function that a release brings is nobody’s to execute until grants.ts says whose', async () => {
  const { admin, own } = await ownedDatabase('newer', 'nosuperuser nocreaterole');
  await migrate({ connectionString: own });
  const files = await readMigrationFiles();
  const text = 'create function taskledger.brand_new() returns int language sql return 1';
  const brandNew = { name: 'brand_new', text, digest: 'x' };
  await migrateTo(
    { ...files, revision: files.revision + 1, functions: [...files.functions, brandNew] },
    { connectionString: own },
  );
  const grantees = `select a.grantee <> p.proowner as foreign from pg_proc p, aclexplode(coalesce(proacl, acldefault('f', proowner))) a
                     where p.proname = 'brand_new'`;
  expect(await ask(admin, grantees)).toEqual([{ foreign: false }]);
});

test('what the settings of the user who migrates say changes nothing of what is made', async () => {
  const plain = await ownedDatabase('without_settings', 'nosuperuser nocreaterole');
  const set = await ownedDatabase('with_settings', 'nosuperuser nocreaterole');
  for (const setting of [
    'standard_conforming_strings = off',
    'search_path = public',
    'default_transaction_read_only = on',
  ]) {
    await ask(server.url, `alter role with_settings set ${setting}`);
  }
  await ask(server.url, "alter role with_settings set default_transaction_isolation = 'serializable'");
  await migrate({ connectionString: plain.own });
  await migrate({ connectionString: set.own });
  const made = `select oid::regprocedure::text as name, pg_get_functiondef(oid) as text from pg_proc
                 where pronamespace = 'taskledger'::regnamespace order by 1`;
  expect(await ask(set.admin, made)).toEqual(await ask(plain.admin, made));
});

test('an auditor reads the log but no lease secret, not even its digest', async () => {
  await using database = await createTestDatabase();
  await withConnection(database.url, async (client) => {
    await client.query('set role taskledger_auditor');
    for (const [table, columns] of Object.entries(roleGrants.taskledger_auditor.select)) {
      await client.query(`select ${columns === '*' ? '*' : columns.join(', ')} from taskledger.${table}`);
    }
    const denied = { code: '42501' };
    await expect(client.query('select secret_digest from taskledger.claims')).rejects.toMatchObject(denied);
    await expect(client.query('select * from taskledger.claims')).rejects.toMatchObject(denied);
    await expect(client.query('delete from taskledger.events')).rejects.toMatchObject(denied);
    await expect(client.query("select taskledger.open_site('x')")).rejects.toMatchObject(denied);
  });
});
