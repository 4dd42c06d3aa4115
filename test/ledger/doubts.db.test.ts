import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { answerDoubt, type DoubtAnswer } from '../../src/ledger/answer-doubt.ts';
import { takeDoubts, type Doubt } from '../../src/ledger/take-doubts.ts';
import { claimSome, eventCount, expireLeases, inTransaction, settleAll } from '../support/leases.ts';
import { differencesFromLog, testLedger, typesOf, type TestLedger } from '../support/ledger.ts';

const [mine, others] = [randomUUID(), randomUUID()];

/** A protected task whose only lease was lost. */
async function inDoubt(t: TestLedger, { attempts = 3, isAborting = false } = {}): Promise<string> {
  const { id } = await t.ledger.submit('some.task', { amount: 5 }, { protected: true, retry: { attempts } });
  await claimSome(t.pool, 1);
  if (isAborting) await t.ledger.abort(id);
  await expireLeases(t);
  await t.ledger.sweep();
  return id;
}

async function take(t: TestLedger, runner: string, secret: string, more = {}): Promise<Doubt[]> {
  return await takeDoubts(t.pool, { names: ['some.task'], maxDoubts: 10, runner, secret, ttlMs: 60_000, ...more });
}

async function answer(t: TestLedger, taskId: string, secret: string, said: DoubtAnswer): Promise<string> {
  return await answerDoubt(t.pool, { taskId, secret }, said);
}

async function everythingIsDue({ pool }: TestLedger): Promise<void> {
  await pool.query(`update taskledger.doubts set ask_at = clock_timestamp() - interval '1 second'`);
}

interface DoubtRow {
  readonly asked: number;
  readonly seconds: number;
  readonly runner: string | null;
  readonly last_reason: string | null;
}

async function doubtRow({ pool }: TestLedger): Promise<DoubtRow | undefined> {
  const { rows } = await pool.query<DoubtRow>(
    'select asked, extract(epoch from ask_at - clock_timestamp())::float8 as seconds, runner, last_reason from taskledger.doubts',
  );
  return rows[0];
}

test.each([
  ['a lost lease', async (t: TestLedger) => await inDoubt(t)],
  [
    'an outcome nobody can tell',
    async (t: TestLedger) => {
      const { id } = await t.ledger.submit('some.task', { amount: 5 }, { protected: true });
      await settleAll(t.pool, await claimSome(t.pool, 1), 'in_doubt');
      return id;
    },
  ],
])('the doubt after %s is taken with the input and the attempt, once, by one runner', async (_, doubting) => {
  const t = await testLedger();
  const id = await doubting(t);
  expect(await take(t, 'r1', mine)).toMatchObject([{ taskId: id, attempt: 1, submitted: { input: { amount: 5 } } }]);
  expect(await take(t, 'r2', others)).toEqual([]);
  expect(await t.ledger.get(id)).toMatchObject({ state: 'in_doubt' });
  expect(await differencesFromLog(t)).toEqual([]);
});

test('two runners that take at the same moment do not wait for each other, and never get the same doubt', async () => {
  const t = await testLedger();
  const ids = [await inDoubt(t), await inDoubt(t)];
  const taken = await inTransaction(t.pool, 'commit', async (first) => {
    const request = { names: ['some.task'], maxDoubts: 1, runner: 'r1', secret: mine, ttlMs: 60_000 };
    return [...(await takeDoubts(first, request)), ...(await take(t, 'r2', others))];
  });
  expect(taken.map(({ taskId }) => taskId).toSorted()).toEqual(ids.toSorted());
});

test('completed resolves the task with its output, and says that it was the verify handler of that runner', async () => {
  const t = await testLedger();
  const id = await inDoubt(t);
  await take(t, 'r1', mine);
  const said: DoubtAnswer = { outcome: 'completed', outputJson: '{"reference":"b7"}' };
  expect(await answer(t, id, mine, said)).toBe('completed');
  expect(await t.ledger.result(id)).toEqual({ reference: 'b7' });
  expect((await t.ledger.history(id)).at(-1)).toMatchObject({
    type: 'task.resolved',
    data: { outcome: 'completed', by: 'verify', runner: 'r1' },
  });
  expect(await doubtRow(t)).toBeUndefined();
  expect(await differencesFromLog(t)).toEqual([]);
});

test.each([
  [2, 'pending', 'rerun'],
  [1, 'failed', 'failed'],
])('not executed, with %i attempts allowed, is %s after the first', async (attempts, state, outcome) => {
  const t = await testLedger();
  const id = await inDoubt(t, { attempts });
  await take(t, 'r1', mine);
  expect(await answer(t, id, mine, { outcome: 'not_executed' })).toBe(state);
  expect(await t.ledger.get(id)).toMatchObject({ state });
  expect((await t.ledger.history(id)).at(-1)).toMatchObject({ data: { outcome, by: 'verify' } });
  if (state === 'pending') expect((await claimSome(t.pool, 1)).leases[0]).toMatchObject({ taskId: id, attempt: 2 });
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a task that was asked to stop before is aborted when it had not been executed, and not run again', async () => {
  const t = await testLedger();
  const id = await inDoubt(t, { isAborting: true });
  await take(t, 'r1', mine);
  expect(await answer(t, id, mine, { outcome: 'not_executed' })).toBe('aborted');
  expect(await t.ledger.get(id)).toMatchObject({ state: 'aborted', open_requests: [] });
  expect(await differencesFromLog(t)).toEqual([]);
});

test('who does not know is asked again after pauses that grow to an hour; nothing of it is in the history', async () => {
  const t = await testLedger();
  const id = await inDoubt(t);
  const events = await eventCount(t.pool);
  for (const pause of [10, 60, 600, 3600, 3600]) {
    await everythingIsDue(t);
    const secret = randomUUID();
    expect(await take(t, 'r1', secret)).toHaveLength(1);
    expect(await answer(t, id, secret, { outcome: 'unknown', reason: 'the bank is away' })).toBe('in_doubt');
    const row = await doubtRow(t);
    expect(row).toMatchObject({ runner: null, last_reason: 'the bank is away' });
    expect(row!.seconds).toBeGreaterThan(pause - 5);
    expect(row!.seconds).toBeLessThanOrEqual(pause);
    expect(await take(t, 'r2', others)).toEqual([]);
  }
  expect(await eventCount(t.pool)).toBe(events);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a doubt given back is taken by the next runner at once, and does not count as asked', async () => {
  const t = await testLedger();
  const id = await inDoubt(t);
  await take(t, 'r1', mine);
  expect(await answer(t, id, mine, { outcome: 'released' })).toBe('in_doubt');
  expect(await doubtRow(t)).toMatchObject({ asked: 0, runner: null });
  expect(await take(t, 'r2', others)).toHaveLength(1);
});

test.each(['completed', 'not_executed', 'unknown', 'released'] as const)(
  'the answer %s with a guessed secret, or that of another runner, is refused and changes nothing',
  async (outcome) => {
    const t = await testLedger();
    const [id, other] = [await inDoubt(t), await inDoubt(t)];
    await take(t, 'r1', mine, { maxDoubts: 1 });
    await take(t, 'r2', others, { maxDoubts: 1 });
    const { rows } = await t.pool.query<{ task_id: string }>(
      `select task_id from taskledger.doubts where runner = 'r1'`,
    );
    const taken = rows[0]!.task_id;
    const events = await eventCount(t.pool);
    for (const secret of [others, randomUUID()]) expect(await answer(t, taken, secret, { outcome })).toBe('refused');
    expect(await eventCount(t.pool)).toBe(events);
    for (const one of [id, other]) expect((await t.ledger.get(one)).state).toBe('in_doubt');
    expect(await answer(t, taken, mine, { outcome: 'not_executed' })).toBe('pending');
  },
);

test('a person resolves while a runner asks: the person wins, and the late answer is refused and harmless', async () => {
  const t = await testLedger();
  const id = await inDoubt(t);
  await take(t, 'r1', mine);
  expect(await t.ledger.resolve(id, { outcome: 'failed', reason: 'called the bank' })).toBe('failed');
  expect(await answer(t, id, mine, { outcome: 'completed', outputJson: '1' })).toBe('refused');
  expect(await answer(t, id, mine, { outcome: 'unknown' })).toBe('refused');
  expect(typesOf(await t.ledger.history(id)).filter((type) => type === 'resolved')).toHaveLength(1);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('an answer from an earlier doubt of the same task does not end a later one', async () => {
  const t = await testLedger();
  const id = await inDoubt(t);
  await take(t, 'r1', mine);
  await t.ledger.resolve(id, { outcome: 'rerun' });
  await claimSome(t.pool, 1);
  await expireLeases(t);
  await t.ledger.sweep();
  await take(t, 'r2', others);
  expect(await answer(t, id, mine, { outcome: 'completed', outputJson: '1' })).toBe('refused');
  expect(await answer(t, id, others, { outcome: 'completed', outputJson: '2' })).toBe('completed');
  expect(await t.ledger.result(id)).toBe(2);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('the take of a runner that died runs out without an event; its answer is refused once somebody else asks', async () => {
  const t = await testLedger();
  const id = await inDoubt(t);
  await take(t, 'r1', mine);
  const events = await eventCount(t.pool);
  await everythingIsDue(t);
  expect(await take(t, 'r2', others)).toHaveLength(1);
  expect(await eventCount(t.pool)).toBe(events);
  expect(await answer(t, id, mine, { outcome: 'completed', outputJson: '1' })).toBe('refused');
  expect(await answer(t, id, others, { outcome: 'not_executed' })).toBe('pending');
});

test('outputs that are too large or too deep are refused before anything is recorded, by verify and by a person', async () => {
  const t = await testLedger();
  const id = await inDoubt(t);
  await take(t, 'r1', mine);
  const events = await eventCount(t.pool);
  for (const output of [`"${'x'.repeat(1024 * 1024)}"`, '['.repeat(70) + ']'.repeat(70)]) {
    const said: DoubtAnswer = { outcome: 'completed', outputJson: output };
    await expect(answer(t, id, mine, said)).rejects.toMatchObject({ code: 'TL004' });
    const resolving = t.pool.query(`select taskledger.resolve($1, 'completed', $2)`, [id, output]);
    await expect(resolving).rejects.toMatchObject({ code: 'TL004' });
  }
  expect(await eventCount(t.pool)).toBe(events);
});

test.each([
  ['a short secret', { secret: 'guess' }],
  ['no time', { ttlMs: 0 }],
  ['too many', { maxDoubts: 101 }],
])('taking with %s is refused, and the message holds no secret', async (_, wrong) => {
  const t = await testLedger();
  await inDoubt(t);
  const refused = take(t, 'r1', mine, wrong);
  await expect(refused).rejects.toMatchObject({ code: 'TL002' });
  await expect(refused).rejects.not.toThrow(/guess|[0-9a-f]{8}-/);
});
