import pg from 'pg';
import { expect, test } from 'vitest';
import { defineTask } from '../../src/index.ts';
import { startTestLedger } from '../../src/testing/index.ts';
import { onTestServer } from '../support/users-ledger.ts';

const double = defineTask<number, number>({
  name: 'numbers.double',
  retry: { attempts: 2, backoff: { kind: 'fixed', delay: '1h' } },
});

test('a given database is migrated if need be, used, and left there', async () => {
  const t = await onTestServer({ handlers: [double.handle(({ input }) => 2 * input)] }, { empty: true });
  expect(t.url).toBe(t.databaseUrl);
  const { id } = await t.ledger.submit(double, 21);
  await t.runUntilIdle();
  expect((await t.ledger.get(id)).output).toBe(42);
  await t.stop();
  await t.stop();
  const client = new pg.Client({ connectionString: t.databaseUrl });
  await client.connect();
  const { rows } = await client.query<{ others: number }>(
    'select count(*)::int - 1 as others from pg_stat_activity where datname = current_database() and client_port is not null',
  );
  await client.end();
  expect(rows).toEqual([{ others: 0 }]);
});

test('it runs what handlers submit, again and again, until nothing is due', async () => {
  const t = await onTestServer();
  const countdown = defineTask<number, number>({ name: 'numbers.count_down' });
  const handler = countdown.handle(async ({ input }) => {
    if (input > 0) await t.ledger.submit(countdown, input - 1);
    return input;
  });
  await t.ledger.submit(countdown, 5);
  await t.runUntilIdle({ handlers: [handler] });
  const tasks = await t.ledger.list({ name: 'numbers.count_down' });
  expect(tasks.map(({ state }) => state)).toEqual(Array.from({ length: 6 }, () => 'completed'));
  await t.ledger.submit(countdown, 1);
  await t.runUntilIdle({ handlers: [handler] });
  expect(await t.ledger.list({ state: 'completed' })).toHaveLength(8);
});

test('what starts later, waits for its backoff or has no handler is left pending', async () => {
  const t = await onTestServer({
    handlers: [
      double.handle(() => {
        throw new Error('no luck');
      }),
    ],
  });
  const failing = await t.ledger.submit(double, 1);
  const later = await t.ledger.submit(double, 2, { startAfter: new Date(Date.now() + 3_600_000) });
  const foreign = await t.ledger.submit('somebody.elses', {});
  await t.runUntilIdle();
  expect(await t.ledger.get(failing.id)).toMatchObject({ state: 'pending', attempt: 1, error: { message: 'no luck' } });
  expect(await t.ledger.get(later.id)).toMatchObject({ state: 'pending', attempt: 0 });
  expect(await t.ledger.get(foreign.id)).toMatchObject({ state: 'pending', attempt: 0 });
});

test('a task that does not end is named when time is over, and given back', async () => {
  const t = await onTestServer({ handlers: [double.handle(() => new Promise(() => undefined))] });
  const { id } = await t.ledger.submit(double, 1);
  await expect(t.runUntilIdle({ timeoutMs: 2000 })).rejects.toMatchObject({
    code: 'TASKLEDGER_TIMEOUT',
    details: { id, name: 'numbers.double', state: 'leased' },
  });
  expect((await t.ledger.get(id)).state).toBe('pending');
});

test('stopping ends a run under way, and nothing runs afterwards', async () => {
  const t = await onTestServer({ handlers: [double.handle(() => new Promise(() => undefined))] });
  const begun = t.ledger.signals.next('attempt.started');
  await t.ledger.submit(double, 1);
  const run = expect(t.runUntilIdle()).rejects.toMatchObject({ found: 'one that was stopped' });
  await begun;
  await t.stop();
  await run;
  await expect(t.runUntilIdle()).rejects.toMatchObject({ found: 'one that was stopped' });
});

test('without handlers there is nothing to run, and that is said', async () => {
  const t = await onTestServer();
  await expect(t.runUntilIdle()).rejects.toMatchObject({ code: 'TASKLEDGER_HANDLERS_INVALID' });
});

test('a database that cannot be used is refused, and nothing stays open', async () => {
  await expect(startTestLedger({ connectionString: 'postgres://nobody@127.0.0.1:1/none' })).rejects.toMatchObject({
    code: 'TASKLEDGER_UNREACHABLE',
  });
});

test('with `await using` a ledger with a server of its own is gone at the end of the block', async () => {
  const use = async (): Promise<string> => {
    await using t = await startTestLedger({ handlers: [double.handle(({ input }) => 2 * input)] });
    const { id } = await t.ledger.submit(double, 4);
    await t.runUntilIdle();
    expect(await t.ledger.result(id)).toBe(8);
    return t.url;
  };
  const client = new pg.Client({ connectionString: await use() });
  await expect(client.connect()).rejects.toThrow(/ECONNREFUSED/);
}, 60_000);
