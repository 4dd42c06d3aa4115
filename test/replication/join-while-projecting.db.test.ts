import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { testLedger, type TestLedger } from '../support/ledger.ts';

async function connect({ url }: TestLedger): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

const join = (client: pg.Client) =>
  client.query("select taskledger.add_peer('fra', $1, 'postgres://fra.example', 'pull')", [randomUUID()]);
const begin = (client: pg.Client) => client.query("select * from taskledger.begin_projection('tasks', 1)");
const rebuild = (client: pg.Client) => client.query("select taskledger.rebuild_projection('tasks')");

test.each([
  ['a projection begins', begin, join, ['a']],
  ['a site joins', join, begin, ['a']],
  ['a projection is rebuilt', rebuild, join, ['a', 'b']],
  ['a site joins, and a projection is rebuilt', join, rebuild, ['a', 'b']],
])('I5: while %s, the other waits, and each slot reads every stream', async (_what, first, second, slots) => {
  const t = await testLedger();
  const [one, other] = [await connect(t), await connect(t)];
  if (slots.length > 1) await begin(one);
  await one.query('begin');
  await first(one);
  let isDone = false;
  const waits = second(other).then(() => (isDone = true));
  const stands = async () =>
    isDone ||
    (await t.pool.query('select from pg_locks where not granted and pid <> pg_backend_pid()')).rows.length > 0;
  await expect.poll(stands).toBe(true);
  await one.query('commit');
  await waits;
  const { rows } = await t.pool.query(
    "select slot || ' ' || site as reads from taskledger.cursors where projection = 'tasks' order by 1",
  );
  const sites = ['ams', 'fra'];
  expect(rows.map(({ reads }) => reads as string)).toEqual(
    slots.flatMap((slot) => sites.map((site) => `${slot} ${site}`)),
  );
});
