import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import type { LedgerError } from '../../src/errors.ts';
import { differencesFromLog, typesOf } from '../support/ledger.ts';
import { eventCount, waitsForLock } from '../support/leases.ts';
import { proxiedLedger } from '../support/through-proxy.ts';

/** The ids an error names, after it was seen to say that nobody knows. */
async function unknownOutcome(call: Promise<unknown>): Promise<string[]> {
  const error = (await call.then(() => undefined).catch((thrown: unknown) => thrown)) as LedgerError | undefined;
  expect(error).toMatchObject({ code: 'TASKLEDGER_OUTCOME_UNKNOWN', kind: 'unreachable' });
  const { ids } = error!.details as { ids: string[] };
  expect(error!.message).toContain(ids[0]);
  return ids;
}

test('a submit cut off before the server got it is unknown, and its id says that nothing was recorded', async () => {
  const { direct, proxy, through } = await proxiedLedger();
  const before = await eventCount(direct.pool);
  const lost = proxy.loseRequest('taskledger.submit');
  const [id] = await unknownOutcome(through.submit('some.task', 1));
  await lost;
  await expect(direct.ledger.get(id!)).rejects.toMatchObject({ code: 'TASKLEDGER_NOT_FOUND' });
  expect(await eventCount(direct.pool)).toBe(before);
});

test('a submit that committed and lost its answer is unknown, and its id finds the task', async () => {
  const { direct, proxy, through } = await proxiedLedger();
  const lost = proxy.loseAnswer('taskledger.submit');
  const [id] = await unknownOutcome(through.submit('some.task', { n: 1 }));
  await lost;
  expect(await through.get(id!)).toMatchObject({ id, state: 'pending', input: { n: 1 } });
  expect(await differencesFromLog(direct)).toEqual([]);
});

test('with a key, submitting again after a lost answer names the one task there is', async () => {
  const { direct, proxy, through } = await proxiedLedger();
  for (const what of ['loseRequest', 'loseAnswer'] as const) {
    const key = `p-${what}`;
    const lost = proxy[what]('taskledger.submit');
    const [id] = await unknownOutcome(through.submit('some.task', 1, { key }));
    await lost;
    const again = await through.submit('some.task', 1, { key });
    expect(again).toMatchObject(what === 'loseAnswer' ? { id, created: false } : { created: true });
    expect(await direct.ledger.list({ name: 'some.task' })).toContainEqual(
      expect.objectContaining({ key, id: again.id }),
    );
  }
  expect(await direct.ledger.list()).toHaveLength(2);
  expect(await differencesFromLog(direct)).toEqual([]);
});

test('a batch that lost its answer was recorded whole, and the error names every task of it', async () => {
  const { direct, proxy, through } = await proxiedLedger();
  const items = Array.from({ length: 20 }, (_, n) => ({ input: n }));
  const lost = proxy.loseAnswer('taskledger.submit_many');
  const ids = await unknownOutcome(through.submitMany('some.task', items));
  await lost;
  expect(ids).toHaveLength(20);
  const inputs = await Promise.all(ids.map(async (id) => (await direct.ledger.get(id)).input));
  expect(inputs).toEqual(items.map(({ input }) => input));
});

test('a submit whose connection is cut while the server works on it is recorded all the same, once', async () => {
  const { direct, proxy, through } = await proxiedLedger();
  const blocker = await direct.pool.connect();
  await blocker.query('begin; lock table taskledger.events in access exclusive mode');
  const submitting = unknownOutcome(through.submit('some.task', 1));
  await waitsForLock(direct, 'taskledger.submit');
  proxy.reset();
  const [id] = await submitting;
  await blocker.query('commit');
  blocker.release();
  await expect.poll(() => direct.ledger.history(id!).then(typesOf, () => [])).toEqual(['submitted']);
  expect(await differencesFromLog(direct)).toEqual([]);
});

/** An application's own transaction, with an order of its own beside the task. */
async function inOwnTransaction(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  onTestFinished(() => client.end().catch(() => undefined));
  await client.query('begin');
  await client.query(`insert into public.orders values ('p1')`);
  await work(client);
  return await client.query('commit');
}

test('a connection cut inside the application’s transaction leaves neither its order nor the task', async () => {
  const { direct, proxy, through } = await proxiedLedger();
  await direct.pool.query('create table public.orders (id text primary key)');
  const lost = proxy.loseAnswer('taskledger.submit');
  const call = inOwnTransaction(proxy.url(direct.url), (tx) => through.submit('some.task', 1, { tx }));
  const [id] = await unknownOutcome(call);
  await lost;
  await expect(direct.ledger.get(id!)).rejects.toMatchObject({ code: 'TASKLEDGER_NOT_FOUND' });
  expect((await direct.pool.query('select from public.orders')).rows).toEqual([]);
});

test('a COMMIT that was done and reported as failed: both are there, and the same key answers the first task', async () => {
  const { direct, proxy, through } = await proxiedLedger();
  await direct.pool.query('create table public.orders (id text primary key)');
  const submitted: string[] = [];
  const call = inOwnTransaction(proxy.url(direct.url), async (tx) => {
    submitted.push((await through.submit('some.task', 1, { tx, key: 'p1' })).id);
    void proxy.loseAnswer('commit');
  });
  await expect(call).rejects.toThrow();
  expect((await direct.pool.query('select from public.orders')).rows).toHaveLength(1);
  expect(await through.submit('some.task', 1, { key: 'p1' })).toMatchObject({ id: submitted[0], created: false });
  expect(await differencesFromLog(direct)).toEqual([]);
});

test('a request whose answer was lost is unknown as well, and names its task', async () => {
  const { direct, proxy, through } = await proxiedLedger();
  const { id } = await direct.ledger.submit('some.task', 1);
  const lost = proxy.loseAnswer('request_abort');
  expect(await unknownOutcome(through.abort(id, { reason: 'no longer needed' }))).toEqual([id]);
  await lost;
  expect(await through.get(id)).toMatchObject({ state: 'aborted' });
});
