import { Kysely, PostgresDialect } from 'kysely';
import type pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { defineTask } from '../../src/ledger/define-task.ts';
import { differencesFromLog, testLedger, typesOf, type TestLedger } from '../support/ledger.ts';
import { claimSome, eventCount, inTransaction } from '../support/leases.ts';

interface Orders {
  orders: { id: number };
}

/** An application's own table beside the ledger, as its Kysely sees it. */
async function withOrders({ pool }: TestLedger): Promise<Kysely<Orders>> {
  await pool.query('create table public.orders (id int primary key)');
  return new Kysely<Orders>({ dialect: new PostgresDialect({ pool }) }).withSchema('public');
}

const countOf = async (pool: pg.Pool, from: string): Promise<number> => {
  const { rows } = await pool.query<{ n: number }>(`select count(*)::int as n from ${from}`);
  return rows[0]!.n;
};

test('a task submitted alone is pending, and its answer says where it was recorded', async () => {
  const t = await testLedger();
  const { id, site, seq, created } = await t.ledger.submit('some.task', { n: 1 });
  expect({ site, created }).toEqual({ site: 'ams', created: true });
  const [submitted] = await t.ledger.history(id);
  expect(submitted).toMatchObject({ type: 'task.submitted', site, seq, realm: 'ams', epoch: 1, version: 1 });
  expect(await t.ledger.get(id)).toMatchObject({
    state: 'pending',
    name: 'some.task',
    input: { n: 1 },
    queue: 'default',
    priority: 0,
    attempt: 0,
    attempts: 3,
    protected: false,
    run_at: submitted!.occurred_at,
  });
  expect(await differencesFromLog(t)).toEqual([]);
});

test("in the caller's Kysely transaction the task exists if and only if the order does", async () => {
  const t = await testLedger();
  const db = await withOrders(t);
  const place = (order: number, end: 'commit' | 'rollback'): Promise<string> =>
    db.transaction().execute(async (tx) => {
      await tx.insertInto('orders').values({ id: order }).execute();
      const { id } = await t.ledger.submit('some.task', { order }, { tx });
      if (end === 'rollback') throw new Error('out of stock');
      return id;
    });
  const id = await place(1, 'commit');
  await expect(place(2, 'rollback')).rejects.toThrow('out of stock');
  expect(await t.ledger.get(id)).toMatchObject({ input: { order: 1 } });
  expect(await countOf(t.pool, 'public.orders')).toBe(1);
  expect(await countOf(t.pool, 'taskledger.open_tasks')).toBe(1);
  expect(await differencesFromLog(t)).toEqual([]);
});

test("in a pg client's transaction nobody sees the task before the commit, and never after a rollback", async () => {
  const t = await testLedger();
  const submitIn = (end: 'commit' | 'rollback'): Promise<string> =>
    inTransaction(t.pool, end, async (tx) => {
      const { id } = await t.ledger.submit(`${end}.task`, end, { tx });
      await expect(t.ledger.get(id)).rejects.toMatchObject({ code: 'TASKLEDGER_NOT_FOUND' });
      await claimSome(t.pool, 0, { names: [`${end}.task`], maxTasks: 10 });
      return id;
    });
  const committed = await submitIn('commit');
  const rolledBack = await submitIn('rollback');
  expect(await t.ledger.get(committed)).toMatchObject({ state: 'pending', input: 'commit' });
  await expect(t.ledger.get(rolledBack)).rejects.toMatchObject({ code: 'TASKLEDGER_NOT_FOUND' });
});

test('anything with query(text, values) will do as a transaction, and anything else is refused', async () => {
  const t = await testLedger();
  const asked: unknown[][] = [];
  const tx = {
    query: (text: string, values: unknown[]) => {
      asked.push(values);
      return t.pool.query(text, values);
    },
  };
  const { id } = await t.ledger.submit('some.task', 1, { tx });
  expect(asked).toHaveLength(1);
  expect((await t.ledger.get(id)).state).toBe('pending');
  await expect(t.ledger.submit('some.task', 1, { tx: {} })).rejects.toThrow('Kysely transaction');
});

test('submitMany answers in the order of its input, for new tasks and known keys alike', async () => {
  const t = await testLedger();
  const known = await t.ledger.submit('some.task', 5, { key: 'k5' });
  const items = Array.from({ length: 50 }, (_, i) => ({ input: i, ...(i % 5 === 0 ? { key: `k${i}` } : {}) }));
  const answers = await t.ledger.submitMany('some.task', items);
  expect(answers).toHaveLength(50);
  expect(answers[5]).toEqual({ ...known, created: false });
  expect(answers.filter(({ created }) => !created)).toHaveLength(1);
  for (const at of [0, 1, 17, 45, 49]) expect((await t.ledger.get(answers[at]!.id)).input).toBe(at);
  expect(await countOf(t.pool, 'taskledger.open_tasks')).toBe(50);
  expect(await t.ledger.submitMany('some.task', [])).toEqual([]);
});

test('submitMany records all or none', async () => {
  const t = await testLedger();
  await t.ledger.submit('some.task', 'first', { key: 'used' });
  const before = await eventCount(t.pool);
  const fine = Array.from({ length: 20 }, (_, i) => ({ input: `${i}`, key: `new-${i}` }));
  await expect(t.ledger.submitMany('some.task', [...fine, { input: 'x', priority: 101 }])).rejects.toMatchObject({
    code: 'TASKLEDGER_INVALID_OPTION',
    message: expect.stringContaining('task 21 of the batch'),
  });
  await expect(t.ledger.submitMany('some.task', [...fine, { input: 'other', key: 'used' }])).rejects.toMatchObject({
    code: 'TASKLEDGER_KEY_CONFLICT',
  });
  await expect(t.ledger.submitMany('some.task', Array(10_001).fill({ input: 1 }))).rejects.toMatchObject({
    code: 'TASKLEDGER_LIMIT_EXCEEDED',
  });
  expect(await eventCount(t.pool)).toBe(before);
  expect(await countOf(t.pool, 'taskledger.task_keys')).toBe(1);
  expect((await t.ledger.submitMany('some.task', fine)).every(({ created }) => created)).toBe(true);
});

test('every option is stored, and read back as it was given', async () => {
  const t = await testLedger();
  const retry = { attempts: 7, backoff: { kind: 'exponential' as const, delay_ms: 100, cap_ms: 9000 } };
  const times = {
    startAfter: new Date('2030-01-01T08:00:00.125Z'),
    startBefore: '2030-01-01T10:00:00+01:00',
    deadline: '2031-01-01T00:00Z',
  };
  const named = { key: 'k', queue: 'q.1', group: 'tenant é', priority: -100, plugin: '>=2.3' };
  const { id } = await t.ledger.submit(
    'some.task',
    { a: [1, null, 'ü😀'] },
    { ...times, ...named, retry, timeoutMs: 1500, protected: true, context: { correlation: 'c1' }, realm: 'ams' },
  );
  expect(await t.ledger.get(id)).toMatchObject({
    ...named,
    retry,
    attempts: 7,
    timeout_ms: 1500,
    protected: true,
    run_at: '2030-01-01T08:00:00.125Z',
    start_before: '2030-01-01T09:00:00.000Z',
    deadline: '2031-01-01T00:00:00.000Z',
    input: { a: [1, null, 'ü😀'] },
  });
  expect((await t.ledger.history(id))[0]?.context).toEqual({ correlation: 'c1' });
  expect(await differencesFromLog(t)).toEqual([]);
});

test.each([
  '2030-01-31 08:00:00+01',
  '2030-01-31T08:00:00+0130',
  '2030-01-31T24:00:00Z',
  '2030-01-31T08:00:00.123456Z',
  '2030-01-31T08:00:00.9995Z',
  '2030-12-31T23:59:60Z',
])('a start time written %s means the same to the log and to the hot table (I4)', async (moment) => {
  const t = await testLedger();
  const { rows } = await t.pool.query<{ id: string }>('select id from taskledger.submit($1, options => $2)', [
    'some.task',
    JSON.stringify({ start_after: moment, start_before: moment, deadline: moment }),
  ]);
  expect((await t.ledger.get(rows[0]!.id)).state).toBe('pending');
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a definition gives the defaults, the call and each item of a batch may say otherwise', async () => {
  const t = await testLedger();
  const settle = defineTask({
    name: 'some.task',
    input: z.object({ n: z.coerce.number() }),
    ...{ queue: 'payouts', priority: 3, timeout: '2h', protected: true },
    retry: { attempts: 5, backoff: { kind: 'fixed', delay: '1s' } },
  });
  const plain = await t.ledger.submit(settle, { n: 1 });
  expect(await t.ledger.get(plain.id)).toMatchObject({
    ...{ queue: 'payouts', priority: 3, timeout_ms: 7_200_000, protected: true, attempts: 5 },
    retry: { backoff: { kind: 'fixed', delay_ms: 1000 } },
  });
  const [own, shared] = await t.ledger.submitMany(
    settle,
    [{ input: { n: 2 }, priority: 9, queue: 'own', protected: false }, { input: { n: 3 } }],
    { priority: 7 },
  );
  expect(await t.ledger.get(own!.id)).toMatchObject({ priority: 9, queue: 'own', protected: false, attempts: 5 });
  expect(await t.ledger.get(shared!.id)).toMatchObject({ priority: 7, queue: 'payouts', protected: true });
  expect(await differencesFromLog(t)).toEqual([]);
});

test('the schema decides what is recorded', async () => {
  const t = await testLedger();
  const lenient = defineTask({ name: 'some.task', input: z.object({ n: z.number().default(7) }) });
  const { id } = await t.ledger.submit(lenient, {} as { n: number });
  expect((await t.ledger.get(id)).input).toEqual({ n: 7 });
  expect(typesOf(await t.ledger.history(id))).toEqual(['submitted']);
});

test('an armed doorbell rings once the submit has committed, a silent one does not', async () => {
  const t = await testLedger();
  const listener = await t.pool.connect();
  onTestFinished(() => listener.release(true));
  const heard: unknown[] = [];
  listener.on('notification', ({ payload }) => heard.push(payload));
  await listener.query('listen taskledger');
  await t.ledger.submit('quiet.task', 1);
  await t.pool.query(`select taskledger.arm_doorbell('{some.task,other.task}', 60000)`);
  await t.ledger.submit('some.task', 1);
  await t.ledger.submitMany('other.task', [{ input: 1, key: 'k' }]);
  await expect.poll(() => heard).toEqual(['some.task', 'other.task']);
});
