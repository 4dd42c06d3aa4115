import type pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { roleGrants } from '../../src/postgres/grants.ts';
import { withConnection } from '../support/admin-connection.ts';
import { createTestDatabase } from '../support/database.ts';
import { heldRights, listedRights } from '../support/held-rights.ts';
import { loginWith, type LedgerRole } from '../support/logins.ts';
import { everyStatement, rightsOf, type Attempt } from '../support/statements.ts';

const roles = Object.keys(roleGrants) as LedgerRole[];

/** The SQLSTATE a statement is refused with, or undefined. Nothing of it stays. */
async function refusalOf(client: pg.Client, sql: string): Promise<string | undefined> {
  try {
    // Outside a transaction only what would not run in one.
    await client.query(/^alter system/.test(sql) ? sql : `begin; ${sql}`);
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  } finally {
    await client.query('rollback');
  }
}

/** Whole tables and views stand for their columns. */
function columnsOf(attempts: readonly Attempt[], rights: readonly string[]): Set<string> {
  const known = attempts.flatMap(({ right }) => right ?? []);
  return new Set([...rights, ...known.filter((right) => rights.some((whole) => right.startsWith(`${whole}.`)))]);
}

test.each(roles)('%s can do what grants.ts lists and nothing else, whatever it tries', async (role) => {
  const database = await createTestDatabase();
  onTestFinished(() => database.drop());
  const login = await loginWith(database.url, role);
  const attempts = await withConnection(database.url, (admin) => everyStatement(admin, login.name));
  const allowed = columnsOf(attempts, rightsOf(role));
  const wrong: string[] = [];
  const exercised = new Set<string>();
  await withConnection(login.url, async (client) => {
    for (const { sql, right, refusedWith = ['42501'] } of attempts) {
      const refusal = await refusalOf(client, sql);
      const expected = right !== undefined && allowed.has(right);
      if (expected && refusal === undefined) exercised.add(right);
      else if (expected) wrong.push(`refused (${refusal}): ${sql}`);
      else if (refusal === undefined) wrong.push(`allowed: ${sql}`);
      else if (!refusedWith.includes(refusal)) wrong.push(`refused with ${refusal}: ${sql}`);
    }
  });
  expect(wrong).toEqual([]);
  // A right to something that does not exist any more is no right.
  expect(rightsOf(role).filter((right) => !exercised.has(right))).toEqual([]);
});

test('the catalog holds exactly the rights of grants.ts: none is missing, none is more, none is for PUBLIC', async () => {
  await using database = await createTestDatabase();
  await withConnection(database.url, async (client) => {
    expect(await heldRights(client)).toEqual(listedRights);
  });
});

test.each(roles)('%s passes nothing on: what it grants to others is not granted', async (role) => {
  const database = await createTestDatabase();
  onTestFinished(() => database.drop());
  const login = await loginWith(database.url, role);
  await withConnection(login.url, async (client) => {
    const { rows } = await client.query<{ statement: string }>(
      `select format('grant execute on routine %s to public', oid::regprocedure) as statement
         from pg_proc where pronamespace = 'taskledger'::regnamespace
        union all select 'grant usage on schema taskledger to public'
        union all select format('grant select on taskledger.%I to public', relname)
         from pg_class where relnamespace = 'taskledger'::regnamespace and relkind in ('r', 'p', 'v')`,
    );
    for (const { statement } of rows) await client.query(statement).catch(() => undefined);
  });
  await withConnection(database.url, async (client) => {
    expect(await heldRights(client)).toEqual(listedRights);
  });
});

test('no role logs in, owns anything, belongs to another, or may do more than be granted', async () => {
  await using database = await createTestDatabase();
  await withConnection(database.url, async (client) => {
    const { rows } = await client.query(
      `select rolname from pg_roles r
        where rolname = any ($1)
          and (rolsuper or rolcanlogin or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls
               or exists (select from pg_auth_members where member = r.oid)
               or exists (select from pg_shdepend d where d.refobjid = r.oid and d.deptype = 'o'))`,
      [roles],
    );
    expect(rows).toEqual([]);
  });
});
