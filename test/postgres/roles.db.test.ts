import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startEmbeddedPostgres } from '../../src/postgres/embedded/start-embedded-postgres.ts';
import type { EmbeddedPostgres } from '../../src/postgres/embedded/embedded-server.ts';
import { roleGrants } from '../../src/postgres/grants.ts';
import { migrate } from '../../src/postgres/migrate.ts';
import { urlOfDatabase, withConnection } from '../support/admin-connection.ts';
import { createTestDatabase } from '../support/database.ts';

/** Roles belong to a whole server, so what happens without them is tried on one of our own. */
let server: EmbeddedPostgres;
beforeAll(async () => {
  server = await startEmbeddedPostgres();
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

test('PUBLIC may execute nothing, read nothing, write nothing', async () => {
  await using database = await createTestDatabase();
  const open = await ask(
    database.url,
    `select p.oid::regprocedure::text as thing from pg_proc p, aclexplode(coalesce(proacl, acldefault('f', proowner))) a
      where pronamespace = 'taskledger'::regnamespace and a.grantee = 0
     union all
     select c.oid::regclass::text from pg_class c, aclexplode(relacl) a
      where relnamespace = 'taskledger'::regnamespace and a.grantee = 0
     union all
     select nspname from pg_namespace, aclexplode(nspacl) a where nspname = 'taskledger' and a.grantee = 0`,
  );
  expect(open).toEqual([]);
});

test('each role executes what its work needs and writes no table', async () => {
  await using database = await createTestDatabase();
  expect(await executable(database.url)).toEqual(granted);
  const writes = await ask(
    database.url,
    `select r, c.oid::regclass from unnest($1::text[]) r, pg_class c
      where relnamespace = 'taskledger'::regnamespace and relkind in ('r', 'p', 'v')
        and (has_table_privilege(r, c.oid, 'insert, update, delete, truncate, references, trigger')
             or has_any_column_privilege(r, c.oid, 'insert, update'))`,
    [roles],
  );
  expect(writes).toEqual([]);
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
