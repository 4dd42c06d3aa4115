import pg from 'pg';
import { expect, test } from 'vitest';
import { defineTask, RetryAt } from '../../src/index.ts';
import { withMovableTime } from '../../src/testing/movable-time.ts';
import { attemptFailed, leased } from '../../src/testing/index.ts';
import { onTestServer } from '../support/users-ledger.ts';

const hourMs = 3_600_000;
const pay = defineTask<null, string>({
  name: 'payouts.pay',
  retry: { attempts: 3, backoff: { kind: 'fixed', delay: '1h' } },
});
const paid = pay.handle(() => 'paid');

async function ask<T>(url: string, text: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows as T[];
  } finally {
    await client.end();
  }
}

/** Whatever in the schema of the ledger asks for the real time, in every way SQL has: a new function, a view, a default. */
const asksForRealTime = `
  with text_of as (
    select 'function ' || oid::regprocedure as what, pg_get_functiondef(oid) as text
      from pg_proc where pronamespace = 'taskledger'::regnamespace and prokind in ('f', 'p')
    union all
    select 'view ' || oid::regclass, pg_get_viewdef(oid)
      from pg_class where relnamespace = 'taskledger'::regnamespace and relkind in ('v', 'm')
    union all
    select 'default of ' || d.adrelid::regclass, pg_get_expr(d.adbin, d.adrelid)
      from pg_attrdef d join pg_class c on c.oid = d.adrelid where c.relnamespace = 'taskledger'::regnamespace
  )
  select what from text_of
   where replace(text, 'taskledger_testing.clock_timestamp', '')
         ~* '(clock_timestamp|statement_timestamp|transaction_timestamp|timeofday|\\mnow\\M *\\(|\\mcurrent_(date|time|timestamp)\\M|\\mlocaltime|''now'')'
   order by what`;

test('once time was moved, nothing in the schema asks for the real one; before, much does', async () => {
  const t = await onTestServer();
  expect((await ask(t.url, asksForRealTime)).length).toBeGreaterThan(10);
  await t.clock.advance('1h');
  expect(await ask(t.url, asksForRealTime)).toEqual([]);
});

test('moving time changes nothing else about a function: owner, rights, settings, security', async () => {
  const t = await onTestServer();
  const all = `select oid::regprocedure::text as form, proowner::text, proacl::text, proconfig::text, prosecdef, provolatile,
                      procost, md5(replace(prosrc, 'taskledger_testing.', '')) as source
                 from pg_proc where pronamespace = 'taskledger'::regnamespace order by 1`;
  const before = await ask(t.url, all);
  await t.clock.advance(1);
  expect(await ask(t.url, all)).toEqual(before);
});

test('every way of asking for the time is replaced, and no name that only looks like one', () => {
  for (const now of ['clock_timestamp()', 'now()', 'pg_catalog.now()', 'NOW ( )', 'current_timestamp(3)']) {
    expect(withMovableTime(`select ${now};`)).toBe('select taskledger_testing.clock_timestamp();');
  }
  for (const other of ['v_now', 'shop.now()', 'known()', 'now', 'taskledger_testing.clock_timestamp()']) {
    expect(withMovableTime(`select ${other};`)).toBe(`select ${other};`);
  }
});

test('a retry that waits an hour is run once the hour has passed, and the history says so', async () => {
  let bankIsAway = true;
  const handler = pay.handle(() => {
    if (bankIsAway) throw new Error('the bank is away');
    return 'paid';
  });
  const t = await onTestServer({ handlers: [handler] });
  const { id } = await t.ledger.submit(pay, null);
  await t.runUntilIdle();
  await t.expectEvents(id, ['submitted', 'leased', 'attempt_failed']);
  bankIsAway = false;
  await t.clock.advance('59m');
  await t.runUntilIdle();
  expect((await t.ledger.get(id)).state).toBe('pending');
  await t.clock.advance('1m');
  await t.runUntilIdle();
  await t.expectEvents(id, ['submitted', 'leased', 'attempt_failed', 'leased', 'completed']);
  const [first, ...later] = (await t.ledger.history(id)).map((event) => Date.parse(event.occurred_at));
  expect(later.at(-1)! - first!).toBeGreaterThanOrEqual(hourMs);
});

test('a handler that asks for another attempt at a moment gets it by the same clock', async () => {
  const t = await onTestServer();
  await t.clock.setTo(new Date('2031-05-01T00:00:00Z'));
  const handler = pay.handle(({ attempt }) => {
    if (attempt === 1) throw new RetryAt(new Date('2031-05-02T08:00:00Z'));
    return 'paid';
  });
  const { id } = await t.ledger.submit(pay, null);
  await t.runUntilIdle({ handlers: [handler] });
  const { run_at } = await t.ledger.get(id);
  expect(Math.abs(Date.parse(run_at) - Date.parse('2031-05-02T08:00:00Z'))).toBeLessThan(60_000);
  await t.clock.setTo(new Date('2031-05-02T08:01:00Z'));
  await t.runUntilIdle({ handlers: [handler] });
  expect((await t.ledger.get(id)).state).toBe('completed');
});

test('start, window and deadline come with the time that is moved', async () => {
  const t = await onTestServer({ handlers: [paid] });
  const at = (ms: number): Date => new Date(t.clock.now().getTime() + ms);
  const later = await t.ledger.submit(pay, null, { startAfter: at(hourMs) });
  const window = await t.ledger.submit(pay, null, { startAfter: at(2 * hourMs), startBefore: at(3 * hourMs) });
  const overdue = await t.ledger.submit(pay, null, { startAfter: at(9 * hourMs), deadline: at(4 * hourMs) });
  await t.runUntilIdle();
  expect((await t.ledger.list()).map(({ state }) => state)).toEqual(['pending', 'pending', 'pending']);
  await t.clock.advance('61m');
  await t.runUntilIdle();
  await t.expectEvents(later.id, ['submitted', 'leased', 'completed']);
  await t.clock.advance('4h');
  await t.runUntilIdle();
  await t.expectEvents(window.id, ['submitted', 'missed']);
  await t.expectEvents(overdue.id, ['submitted', { type: 'failed', data: { error: { code: 'DEADLINE' } } }]);
});

test('a lease that ends while its handler runs is lost, its signal says so, and its late result does not count', async () => {
  const t = await onTestServer();
  const stopped: unknown[] = [];
  const handler = pay.handle(async ({ attempt, signal }) => {
    if (attempt > 1) return 'second';
    const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    await t.clock.advance('1h');
    await aborted;
    stopped.push(signal.reason);
    return 'first';
  });
  const { id } = await t.ledger.submit(pay, null);
  await t.runUntilIdle({ handlers: [handler], leaseTtlMs: 1000 });
  expect(stopped).toHaveLength(1);
  const history = await t.ledger.history(id);
  expect(history.map(({ type }) => type)).toContain('task.lease_expired');
  expect(await t.ledger.get(id)).toMatchObject({ state: 'completed', output: 'second', attempt: 2 });
});

test('a task whose runner is gone is found once its lease has ended', async () => {
  const t = await onTestServer({ handlers: [paid] });
  const { id } = await t.given(pay, null, leased());
  await t.clock.advance('15s');
  await t.runUntilIdle();
  await t.expectEvents(id, ['submitted', 'leased', 'lease_expired', 'leased', 'completed']);
});

test('frozen time stands still for database and process alike, until it is moved or let go', async () => {
  const t = await onTestServer({ handlers: [paid] });
  const moment = new Date('2030-01-01T00:00:00.000Z');
  await t.clock.freeze();
  await t.clock.setTo(moment);
  const { id } = await t.given(pay, null, attemptFailed('no'));
  await t.clock.advance(1500);
  await t.runUntilIdle();
  expect((await t.ledger.history(id)).map((event) => event.occurred_at)).toEqual([
    ...['2030-01-01T00:00:00.000Z', '2030-01-01T00:00:00.000Z', '2030-01-01T00:00:00.000Z'],
    ...['2030-01-01T00:00:01.500Z', '2030-01-01T00:00:01.500Z'],
  ]);
  expect(t.clock.now()).toEqual(new Date(moment.getTime() + 1500));
  await t.clock.unfreeze();
  const goesOn = await t.ledger.submit(pay, null);
  const [event] = await t.ledger.history(goesOn.id);
  const sinceMs = Date.parse(event!.occurred_at) - moment.getTime() - 1500;
  expect(sinceMs).toBeGreaterThanOrEqual(0);
  expect(sinceMs).toBeLessThan(60_000);
});

test('time does not go back behind what was recorded of a task', async () => {
  const t = await onTestServer();
  await t.clock.setTo(new Date('2020-01-01T00:00:00Z'));
  await t.ledger.submit(pay, null);
  await expect(t.clock.setTo(new Date('2019-01-01T00:00:00Z'))).rejects.toMatchObject({
    code: 'TASKLEDGER_INVALID_OPTION',
    found: expect.stringMatching(/^2019-01-01T00:00:00.000Z, before what was recorded at 2020-01-01T00/),
  });
  await expect(t.clock.setTo(new Date(Number.NaN))).rejects.toMatchObject({ found: 'an invalid Date' });
  await expect(t.clock.advance('-1h')).rejects.toMatchObject({ code: 'TASKLEDGER_INVALID_OPTION' });
});

test('a given database has its real time back when the test ledger stops, and when the one before it was cut off', async () => {
  const first = await onTestServer();
  await first.clock.advance('10d');
  const second = await onTestServer({ connectionString: first.url });
  expect((await ask(first.url, asksForRealTime)).length).toBeGreaterThan(10);
  await second.clock.advance('1h');
  await second.stop();
  expect((await ask(first.url, asksForRealTime)).length).toBeGreaterThan(10);
  expect(await ask(first.url, "select from pg_namespace where nspname = 'taskledger_testing'")).toEqual([]);
});
