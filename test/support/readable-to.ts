import { withConnection } from './admin-connection.ts';

/** All a user may read of the ledger, and of the catalogs that know links and sessions. */
export async function readableTo(url: string): Promise<string> {
  return await withConnection(url, async (client) => {
    const { rows } = await client.query<{ statement: string }>(
      `select format('select %s from %s', string_agg(quote_ident(a.attname), ', '), c.oid::regclass) as statement
         from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relkind in ('r', 'p', 'v') and has_schema_privilege(c.relnamespace, 'usage') and has_column_privilege(c.oid, a.attnum, 'select')
          and (c.relnamespace = 'taskledger'::regnamespace
               or c.relname in ('pg_subscription', 'pg_stat_subscription', 'pg_stat_activity', 'pg_stat_replication', 'pg_replication_slots', 'pg_prepared_statements'))
        group by c.oid`,
    );
    const read: string[] = [];
    for (const { statement } of rows) read.push(JSON.stringify((await client.query<object>(statement)).rows));
    return read.join('\n');
  });
}
