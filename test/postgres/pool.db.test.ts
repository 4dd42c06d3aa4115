import { expect, test } from 'vitest';
import { createPool } from '../../src/postgres/pool.ts';
import { translateSqlError } from '../../src/postgres/sql-error.ts';
import { withConnection } from '../support/admin-connection.ts';
import { createTestDatabase } from '../support/database.ts';

const endOthers = `select pg_terminate_backend(pid) from pg_stat_activity
                    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'`;

test('a pool shows its name and outlives the death of an idle connection', async () => {
  await using database = await createTestDatabase();
  const pool = createPool({ connectionString: database.url, max: 1, applicationName: 'a test' });
  const { rows } = await pool.query("select current_setting('application_name') as name");
  expect(rows).toEqual([{ name: 'a test' }]);
  const removed = new Promise((resolve) => pool.once('remove', resolve));
  await withConnection(database.url, (client) => client.query(endOthers));
  await removed;
  expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  await pool.end();
});

test('a connection that dies under a statement is told apart by whether it writes', async () => {
  await using database = await createTestDatabase();
  const pool = createPool({ connectionString: database.url, max: 1 });
  const client = await pool.connect();
  client.on('error', () => undefined);
  const waiting = client.query('select pg_sleep(60)').catch((error: unknown) => error);
  await withConnection(database.url, async (admin) => {
    const active =
      "select 1 from pg_stat_activity where query like 'select pg_sleep%' and state = 'active' and datname = current_database()";
    while ((await admin.query(active)).rows.length === 0);
    await admin.query(endOthers);
  });
  const error = await waiting;
  client.release(true);
  expect(translateSqlError(error, { writing: true })).toMatchObject({ code: 'TASKLEDGER_OUTCOME_UNKNOWN' });
  expect(translateSqlError(error)).toMatchObject({ code: 'TASKLEDGER_UNREACHABLE' });
  await pool.end();
});

test('a wrong text is refused before anything connects', () => {
  const invalid = expect.objectContaining({ code: 'TASKLEDGER_INVALID_URL' });
  expect(() => createPool({ connectionString: 'localhost' })).toThrow(invalid);
});
