import { expect, test } from 'vitest';
import { withConnection } from '../support/admin-connection.ts';
import { createTestDatabase } from '../support/database.ts';

/** I1: nobody changes history by accident, a superuser and a replication worker included. */

const changes = ["update $ set actor = 'x'", 'update $ set seq = seq + 1 where false', 'delete from $', 'truncate $'];

test.each(['origin', 'replica'])('with session_replication_role = %s a superuser only appends', async (role) => {
  await using database = await createTestDatabase();
  await withConnection(database.url, async (client) => {
    await client.query("select taskledger.create_stream('fra', false)");
    await client.query(`insert into taskledger.events (site, seq, realm, epoch, type, occurred_at, actor, data)
                        select 'fra', seq, realm, epoch, type, occurred_at, actor, data from taskledger.events`);
    const { rows } = await client.query<{ before: string }>('select sum(seq) as before from taskledger.events');
    await client.query(`set session_replication_role = ${role}`);
    for (const table of ['events', 'events_ams', 'events_fra']) {
      for (const change of changes) {
        const statement = change.replace('$', `taskledger.${table}`);
        await expect(client.query(statement), statement).rejects.toMatchObject({ code: 'TL007' });
      }
    }
    const after = await client.query<{ before: string }>('select sum(seq) as before from taskledger.events');
    expect(after.rows).toEqual(rows);
  });
});

test('every leaf refuses single rows too, as a replication worker sends them', async () => {
  await using database = await createTestDatabase();
  await withConnection(database.url, async (client) => {
    await client.query("select taskledger.create_stream('eu-1', false)");
    const { rows } = await client.query(`
      select c.relname, array_agg(t.tgname order by t.tgname) as triggers, bool_and(t.tgenabled = 'A') as always
        from pg_inherits i join pg_class c on c.oid = i.inhrelid join pg_trigger t on t.tgrelid = c.oid
       where i.inhparent = 'taskledger.events'::regclass group by 1 order by 1`);
    const triggers = '{refuse_change,refuse_change_row,refuse_truncate}';
    expect(rows).toEqual([
      { relname: 'events_ams', triggers, always: true },
      { relname: 'events_eu_1', triggers, always: true },
    ]);
  });
});
