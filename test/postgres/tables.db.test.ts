import { Kysely, PostgresDialect } from 'kysely';
import { expect, expectTypeOf, test } from 'vitest';
import { createPool } from '../../src/postgres/pool.ts';
import { tables, type Database, type Row } from '../../src/postgres/tables.ts';
import { withConnection } from '../support/admin-connection.ts';
import { createTestDatabase } from '../support/database.ts';

test('the typed schema and a migrated database are the same, in both directions', async () => {
  await using database = await createTestDatabase();
  const found = await withConnection(database.url, async (client) => {
    const { rows } = await client.query<{ table: string; column: string; type: string }>(`
      select c.relname as "table", a.attname as "column",
             format_type(a.atttypid, a.atttypmod) || case when a.attnotnull then '' else '?' end as type
        from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       where c.relnamespace = 'taskledger'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
       order by c.relname, a.attnum`);
    return rows;
  });
  const short = (type: string): string =>
    type.replace(/^timestamp(\(\d\))? with time zone/, 'timestamptz$1').replace('character varying', 'varchar');
  const inDatabase: Record<string, Record<string, string>> = {};
  for (const { table, column, type } of found) (inDatabase[table] ??= {})[column] = short(type);
  expect(tables).toEqual(inDatabase);
  for (const [table, columns] of Object.entries(tables)) {
    expect(Object.keys(columns), `order of the columns of ${table}`).toEqual(Object.keys(inDatabase[table] ?? {}));
  }
});

test('rows arrive as the types say', async () => {
  await using database = await createTestDatabase();
  const pool = createPool({ connectionString: database.url, max: 1 });
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
  try {
    const event = await db.selectFrom('taskledger.events').selectAll().orderBy('seq').executeTakeFirstOrThrow();
    expectTypeOf(event).toEqualTypeOf<Row<'events'>>();
    expectTypeOf<Row<'events'>['task_id']>().toEqualTypeOf<string | null>();
    expectTypeOf<Row<'claims'>['task_ids']>().toEqualTypeOf<string[]>();
    expect([event.seq, event.xid, event.task_id].map((value) => typeof value)).toEqual(['string', 'string', 'object']);
    expect(event.occurred_at).toBeInstanceOf(Date);
    expect(event.data).toEqual({ name: 'ams', incarnation: 1 });

    // Never set by hand but here: what SQL functions write has this form too.
    await pool.query(`insert into taskledger.claims values
      (1, now(), now(), 1000, sha256('x'), 'r', 'h', 1, array[gen_random_uuid(), gen_random_uuid()])`);
    const claim = await db.selectFrom('taskledger.claims').selectAll().executeTakeFirstOrThrow();
    expect(claim).toEqual({
      claim_id: '1',
      lease_until: expect.any(Date),
      heartbeat_at: expect.any(Date),
      ttl_ms: 1000,
      secret_digest: expect.any(Buffer),
      runner: 'r',
      host: 'h',
      open: 1,
      task_ids: [expect.any(String), expect.any(String)],
    });
  } finally {
    await db.destroy();
  }
});
