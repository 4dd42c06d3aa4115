import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { roleGrants } from '../../src/postgres/grants.ts';
import { differencesFromLog, testLedger, typesOf, type TestLedger } from '../support/ledger.ts';
import { liveEveryLife } from '../support/lives-in-sql.ts';
import { loginWith, type LedgerRole } from '../support/logins.ts';
import { caught, shadowFunctions, shadowOperators, shadowTables, shadowTypes } from '../support/traps.ts';

const roles = Object.keys(roleGrants) as LedgerRole[];

/** A session that may execute all there is, with traps in its own schema and, as older servers allow, in public. */
async function attacker(t: TestLedger): Promise<{ client: pg.Client; schema: string }> {
  const { name, url } = await loginWith(t.url, ...roles);
  await t.pool.query('grant create on schema public to public');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  onTestFinished(() => client.end());
  for (const schema of [name, 'public']) {
    for (const plant of [caught, shadowFunctions, shadowOperators, shadowTypes]) {
      await client.query('set search_path = pg_catalog');
      await client.query(plant(schema));
    }
  }
  await client.query(shadowTables);
  await client.query(`create type pg_temp.text as (hijacked int); create type pg_temp.uuid as (hijacked int)`);
  return { client, schema: name };
}

const paths = [
  (schema: string) => `${schema}, pg_catalog, taskledger`,
  (schema: string) => `pg_temp, ${schema}, pg_catalog`,
  () => 'public, pg_catalog, pg_temp, taskledger',
  () => "''",
];

test('no function takes what the caller planted for what it wanted, whatever the search path', async () => {
  const t = await testLedger();
  const { client, schema } = await attacker(t);
  for (const path of paths) {
    await client.query(`set search_path = ${path(schema)}`);
    const lives = await liveEveryLife(client);
    for (const { id, types } of lives) expect(typesOf(await t.ledger.history(id))).toEqual(types);
    // Plans are kept by session: what one path found must not be found again under the next.
    await client.query('discard plans');
  }
  const { rows } = await client.query(
    'select (select pg_catalog.count(*) from pg_temp.events) + (select pg_catalog.count(*) from pg_temp.open_tasks) as n',
  );
  expect(rows).toEqual([{ n: '0' }]);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('the traps are good: a function of the owner that pins nothing runs the caller’s code', async () => {
  const t = await testLedger();
  const { client, schema } = await attacker(t);
  await t.pool.query(`
    create function taskledger.careless(name text) returns text language plpgsql security definer as
      'begin return length(name) || name; end';
    grant execute on function taskledger.careless to taskledger_submitter`);
  await client.query(`set search_path = ${schema}, pg_catalog`);
  await expect(client.query("select taskledger.careless('x'::pg_catalog.text)")).rejects.toThrow(
    /hijacked: postgres runs/,
  );
});

test('every function that runs as the owner pins its search path, with the temporary schema last', async () => {
  const t = await testLedger();
  const { rows } = await t.pool.query<{ name: string }>(
    `select p.oid::regprocedure::text as name from pg_proc p
      where pronamespace = 'taskledger'::regnamespace
        and not coalesce('search_path=pg_catalog, pg_temp' = any (proconfig), false)
        and (prosecdef or exists (select from unnest($1::name[]) r where has_function_privilege(r, p.oid, 'execute')))`,
    [roles],
  );
  expect(rows).toEqual([]);
});

test('the actor is the user that logged in, under another role too, and the caller cannot say another', async () => {
  const t = await testLedger();
  const { name, url } = await loginWith(t.url, 'taskledger_submitter', 'taskledger_operator');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  onTestFinished(() => client.end());
  await client.query('set role taskledger_submitter');
  const submitted = await client.query<{ id: string }>("select id from taskledger.submit('some.task')");
  await client.query('set role taskledger_operator');
  const id = submitted.rows[0]!.id;
  await client.query('select taskledger.request_abort($1)', [id]);
  expect((await t.ledger.history(id)).map(({ actor }) => actor)).toEqual([name, name, name]);
  await client.query('reset role');
  for (const forged of ['{"actor":"boss"}', '{"context":{"actor":"boss"}}', '{"context":{"answers":"x"}}']) {
    await expect(client.query("select taskledger.submit('some.task', '1', $1)", [forged])).rejects.toMatchObject({
      code: 'TL002',
    });
  }
  await expect(client.query('set session authorization postgres')).rejects.toMatchObject({ code: '42501' });
});
