import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { openLedger } from '../../src/open-ledger.ts';
import { withConnection } from '../support/admin-connection.ts';
import { differencesFromLog, sharedLedger, testLedger, typesOf } from '../support/ledger.ts';
import { liveEveryLife } from '../support/lives-in-sql.ts';
import { loginWith } from '../support/logins.ts';

/** What a caller may set in its own session and might, in a careless function, change what is recorded. */
const settings: readonly (readonly [name: string, ...values: string[]])[] = [
  ['timezone', 'Asia/Kathmandu', 'America/St_Johns', '-13:37'],
  ['timezone_abbreviations', 'Australia', 'India'],
  ['datestyle', 'SQL, DMY', 'German', 'Postgres, MDY'],
  ['intervalstyle', 'sql_standard', 'iso_8601'],
  ['bytea_output', 'escape'],
  ['extra_float_digits', '-15'],
  ['xmlbinary', 'hex'],
  ['standard_conforming_strings', 'off'],
  ['backslash_quote', 'on'],
  ['array_nulls', 'off'],
  ['transform_null_equals', 'on'],
  ['quote_all_identifiers', 'on'],
  ['row_security', 'off'],
  ['default_transaction_isolation', 'repeatable read', 'serializable'],
  ['lc_monetary', 'C'],
  ['lc_numeric', 'C'],
  ['client_encoding', 'LATIN1', 'SQL_ASCII'],
  ['plan_cache_mode', 'force_custom_plan', 'force_generic_plan'],
  ['enable_nestloop', 'off'],
  ['enable_indexscan', 'off'],
  ['enable_seqscan', 'off'],
  ['enable_tidscan', 'off'],
  ['enable_hashjoin', 'off'],
  ['check_function_bodies', 'off'],
  ['default_transaction_deferrable', 'on'],
  ['constraint_exclusion', 'on'],
  ['work_mem', '64kB'],
  ['jit_above_cost', '0'],
  ['debug_parallel_query', 'on'],
];

const cases = settings.flatMap(([name, ...values]) => values.map((value) => [name, value] as const));
const theLedger = sharedLedger();

/** A session that may do everything, with these settings. */
async function sessionWith(given: readonly (readonly [string, string])[]): Promise<pg.Client> {
  const { url } = await loginWith(theLedger().url, 'taskledger_submitter', 'taskledger_runner', 'taskledger_operator');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  onTestFinished(() => client.end());
  for (const [name, value] of given) await client.query('select set_config($1, $2, false)', [name, value]);
  return client;
}

async function factsRecordedBy(client: pg.Client): Promise<void> {
  const before = Date.now();
  const { ledger } = theLedger();
  const lives = await liveEveryLife(client);
  for (const { id, types } of lives) {
    const events = await ledger.history(id);
    expect(typesOf(events)).toEqual(types);
    for (const { occurred_at } of events) {
      expect(Math.abs(Date.parse(occurred_at) - before)).toBeLessThan(60_000);
    }
  }
  const [first] = lives;
  const [submitted, , progressed, retried] = await ledger.history(first!.id);
  expect(submitted!.data).toMatchObject({
    input: { n: 1.5 },
    start_before: '2090-01-31T06:00:00.123Z',
    deadline: '2091-01-31T11:00:00.123Z',
  });
  expect(progressed!.data).toMatchObject({ fraction: 0.1234567890123456, message: 'half way', checkpoint: { at: 1 } });
  const { finished_at, started_at } = retried!.data as { finished_at: string; started_at: string };
  expect(Date.parse(retried!.occurred_at) - Date.parse(finished_at)).toBe(5);
  expect(Date.parse(finished_at) - Date.parse(started_at)).toBe(20);
  // A dot in the pattern of a name stays a dot.
  await expect(client.query("select taskledger.submit('pay!now')")).rejects.toMatchObject({ code: 'TL003' });
  await expect(client.query(`select taskledger.submit_many('[{"name":"pay!now"}]')`)).rejects.toMatchObject({
    code: 'TL003',
  });
  const lost = await client.query("select taskledger.report_progress(1, 'guessed', $1, 0.5) as answer", [first!.id]);
  expect(lost.rows).toEqual([{ answer: 'lost' }]);
  expect(
    await differencesFromLog(
      theLedger(),
      lives.map(({ id }) => id),
    ),
  ).toEqual([]);
}

test.each(cases)('the facts are exact whatever the caller’s session says: %s = %s', async (name, value) => {
  await factsRecordedBy(await sessionWith([[name, value]]));
});

test('the facts are exact with all of it at once', async () => {
  const all = settings
    .filter(([name]) => name !== 'client_encoding')
    .map(([name, value = '']) => [name, value] as const);
  await factsRecordedBy(await sessionWith(all));
});

test.each(['expired', 'missed', 'overdue'])(
  'times in what a sweep records are UTC in any time zone: %s',
  async (what) => {
    const { pool, ledger } = theLedger();
    const client = await sessionWith([
      ['timezone', 'Asia/Kathmandu'],
      ['datestyle', 'German'],
    ]);
    // With three digits after the point, which Postgres writes only if the last is no nought.
    const due = new Date(Math.floor(Date.now() / 1000) * 1000 - 3_600_000 + 123);
    const options = what === 'expired' ? {} : { startBefore: new Date(Date.now() + 3_600_000) };
    const { id } = await ledger.submit('sweep.me', 1, options);
    if (what === 'expired') {
      await client.query("select * from taskledger.claim('{sweep.me}', 1, 'r', 'h', 60000)");
      await pool.query('update taskledger.claims set lease_until = $1, heartbeat_at = $1', [due]);
    } else {
      const column = what === 'missed' ? 'start_before' : 'deadline';
      await pool.query(`update taskledger.open_tasks set start_before = null where task_id = $1`, [id]);
      await pool.query(`update taskledger.open_tasks set ${column} = $1 where task_id = $2`, [due, id]);
    }
    expect((await client.query('select * from taskledger.sweep()')).rows).toMatchObject([{ [what]: 1 }]);
    const last = (await ledger.history(id)).at(-1)!;
    const told = JSON.stringify(last.data);
    expect(told).toContain(due.toISOString());
    // What was changed by hand is not in the log, so that the fold and the table need not agree here.
    await pool.query('delete from taskledger.open_tasks where task_id = $1', [id]);
  },
);

test('a decision in a snapshot older than a change of its realm is refused: I9', async () => {
  const t = await testLedger();
  const { url } = await loginWith(t.url, 'taskledger_submitter');
  await withConnection(url, async (client) => {
    await client.query('begin isolation level repeatable read');
    await client.query('select 1');
    await t.pool.query("update taskledger.realms set state = 'draining'");
    await expect(client.query("select taskledger.submit('some.task')")).rejects.toMatchObject({ code: '40001' });
    await client.query('rollback');
    await expect(client.query("select taskledger.submit('some.task')")).rejects.toMatchObject({ code: 'TL006' });
  });
});

test('settings that stop a statement are told as such: a read-only session, a time limit', async () => {
  const t = await testLedger();
  const { name, url } = await loginWith(t.url, 'taskledger_submitter', 'taskledger_operator');
  const { id } = await t.ledger.submit('some.task', 1);
  const underSetting = async (
    setting: string,
    work: (ledger: Awaited<ReturnType<typeof openLedger>>) => Promise<unknown>,
  ) => {
    await t.pool.query(`alter role ${name} set ${setting}`);
    await using ledger = await openLedger({ connectionString: url });
    const outcome = await work(ledger).catch((error: unknown) => error);
    await t.pool.query(`alter role ${name} reset all`);
    return outcome;
  };
  expect(
    await underSetting('default_transaction_read_only = on', (ledger) => ledger.submit('some.task', 1)),
  ).toMatchObject({
    code: 'TASKLEDGER_READ_ONLY',
  });
  await withConnection(t.url, async (holder) => {
    await holder.query('begin');
    await holder.query('select from taskledger.open_tasks where task_id = $1 for update', [id]);
    for (const setting of ["statement_timeout = '200ms'", "lock_timeout = '200ms'"]) {
      expect(await underSetting(setting, (ledger) => ledger.abort(id))).toMatchObject({ code: 'TASKLEDGER_CANCELLED' });
    }
  });
  expect((await t.ledger.get(id)).state).toBe('pending');
  expect(await differencesFromLog(t)).toEqual([]);
});
