import { expect, test } from 'vitest';
import type { Claim } from '../../src/ledger/claim.ts';
import { differencesFromLog, testLedger, typesOf, type TestLedger } from '../support/ledger.ts';
import { claimSome, eventCount, expireLeases, inTransaction, settleAll, waitsForLock } from '../support/leases.ts';

const unknownId = '01900000-0000-7000-8000-000000000000';
const ago = (ms: number): Date => new Date(Date.now() - ms);

/** What the view everybody may read says of a task. */
async function viewed({ pool }: TestLedger, id: string): Promise<unknown> {
  const { rows } = await pool.query<{ state: string }>('select state from taskledger.tasks where id = $1', [id]);
  return rows[0]?.state;
}

async function submitAndEnd(t: TestLedger, kind: 'completed' | 'failed' | 'aborted'): Promise<string> {
  const { id } = await t.ledger.submit('some.task', kind);
  await settleAll(t.pool, await claimSome(t.pool, 1), kind);
  return id;
}

async function inDoubt(t: TestLedger): Promise<{ id: string; lost: Claim }> {
  const { id } = await t.ledger.submit('some.task', 'pay', { protected: true });
  const lost = await claimSome(t.pool, 1);
  await expireLeases(t);
  await t.ledger.sweep();
  return { id, lost };
}

test.each(['completed', 'failed', 'aborted'] as const)(
  'I3: requests a %s task cannot be granted are refused with the reason, and it stays as it is',
  async (state) => {
    const t = await testLedger();
    const id = await submitAndEnd(t, state);
    expect(await t.ledger.abort(id)).toBe(state);
    expect(await t.ledger.reschedule(id, { priority: 5 })).toBe(state);
    expect(await viewed(t, id)).toBe(state);
    if (state === 'completed') expect(await t.ledger.retry(id)).toBe(state);
    expect(await t.ledger.get(id)).toMatchObject({ state, open_requests: [] });
    const refused = (await t.ledger.history(id)).filter((event) => event.type === 'task.request_refused');
    expect(refused[0]).toMatchObject({
      context: { answers: [[expect.any(String), expect.any(String)]] },
      data: { why: expect.stringContaining(state) },
    });
    expect(await differencesFromLog(t)).toEqual([]);
  },
);

test('a failed task can be run again although an earlier request about it was refused', async () => {
  const t = await testLedger();
  const id = await submitAndEnd(t, 'failed');
  expect(await t.ledger.abort(id, { reason: 'too late' })).toBe('failed');
  expect(await t.ledger.retry(id)).toBe('pending');
  await settleAll(t.pool, await claimSome(t.pool, 1), 'completed');
  expect((await t.ledger.get(id)).state).toBe('completed');
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a request refused while a task is leased leaves its lease in force', async () => {
  const t = await testLedger();
  const { id } = await t.ledger.submit('some.task', 1);
  const claim = await claimSome(t.pool, 1);
  expect(await t.ledger.reschedule(id, { startAfter: ago(0) })).toBe('leased');
  expect(await t.ledger.retry(id)).toBe('leased');
  expect(await viewed(t, id)).toBe('leased');
  expect(await differencesFromLog(t)).toEqual([]);
  expect(await settleAll(t.pool, claim, 'completed')).toEqual([]);
  expect((await t.ledger.get(id)).state).toBe('completed');
  expect(await differencesFromLog(t)).toEqual([]);
});

test.each(['request_retry', 'request_reschedule', 'request_abort'])(
  '%s waits for a claim of its task that has not committed, and answers what became of it',
  async (name) => {
    const t = await testLedger();
    const { id } = await t.ledger.submit('some.task', 1);
    const call = name === 'request_reschedule' ? `($1, '2030-01-01T00:00:00Z')` : '($1)';
    const asked = await inTransaction(t.pool, 'commit', async (claiming) => {
      await claimSome(claiming, 1);
      const answer = t.pool.query<{ state: string }>(`select taskledger.${name}${call} as state`, [id]);
      answer.catch(() => undefined);
      await waitsForLock(t, `taskledger.${name}`);
      return { answer };
    });
    expect((await asked.answer).rows).toEqual([{ state: 'leased' }]);
    expect(await differencesFromLog(t)).toEqual([]);
  },
);

test('a redrive starts a failed, aborted or missed task afresh: all attempts, no windows, its last checkpoint (I3)', async () => {
  const t = await testLedger();
  const retry = { attempts: 1 };
  const { id } = await t.ledger.submit('some.task', 1, { retry, deadline: ago(-60_000), protected: true });
  const claim = await claimSome(t.pool, 1);
  const saved = [claim.claimId, claim.secret, id, '{"page":7}'];
  await t.pool.query('select taskledger.report_progress($1, $2, $3, checkpoint => $4)', saved);
  await settleAll(t.pool, claim, 'failed');
  const missed = await t.ledger.submit('some.task', 2, { startBefore: ago(1000) });
  await t.ledger.sweep();
  const aborted = await t.ledger.submit('some.task', 3);
  await t.ledger.abort(aborted.id);
  for (const one of [id, missed.id, aborted.id]) expect(await t.ledger.retry(one, { reason: 'again' })).toBe('pending');
  expect(await t.ledger.get(id)).toMatchObject({ attempt: 0, attempts: 1, deadline: null, protected: true });
  expect(await differencesFromLog(t)).toEqual([]);
  const again = await claimSome(t.pool, 3);
  const lease = again.leases.find(({ taskId }) => taskId === id);
  expect(lease).toMatchObject({ attempt: 1, version: 6, checkpoint: { page: 7 } });
  expect(await settleAll(t.pool, again, 'completed')).toEqual([]);
  expect(typesOf(await t.ledger.history(missed.id))).toEqual([
    'submitted',
    'missed',
    'retry_requested',
    'retried',
    'leased',
    'completed',
  ]);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('I2: results of the life before a redrive stay refused', async () => {
  const t = await testLedger();
  const { id } = await t.ledger.submit('some.task', 1, { retry: { attempts: 1 } });
  const lost = await claimSome(t.pool, 1);
  await expireLeases(t);
  await t.ledger.sweep();
  await t.ledger.retry(id);
  const again = await claimSome(t.pool, 1);
  expect(again.leases[0]).toMatchObject({ attempt: 1 });
  expect(again.leases[0]!.version).toBeGreaterThan(lost.leases[0]!.version);
  expect(await settleAll(t.pool, lost, 'completed')).toMatchObject([{ verdict: 'refused' }]);
  expect((await t.ledger.get(id)).state).toBe('leased');
  expect(await differencesFromLog(t)).toEqual([]);
});

test('two redrives at once: one is granted, the other refused', async () => {
  const t = await testLedger();
  const id = await submitAndEnd(t, 'failed');
  await Promise.all([t.ledger.retry(id), t.ledger.retry(id)]);
  const types = typesOf(await t.ledger.history(id));
  expect(types.filter((type) => type === 'retried')).toHaveLength(1);
  expect(types.filter((type) => type === 'request_refused')).toHaveLength(1);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a redrive waits for another one that has not committed, and is then refused', async () => {
  const t = await testLedger();
  const id = await submitAndEnd(t, 'failed');
  const { second } = await inTransaction(t.pool, 'commit', async (redriving) => {
    await redriving.query('select taskledger.request_retry($1)', [id]);
    const answer = t.pool.query<{ state: string }>('select taskledger.request_retry($1) as state', [id]);
    answer.catch(() => undefined);
    await waitsForLock(t, 'taskledger.request_retry');
    return { second: answer };
  });
  expect((await second).rows).toEqual([{ state: 'pending' }]);
  expect(typesOf(await t.ledger.history(id)).slice(-2)).toEqual(['retry_requested', 'request_refused']);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a pending task is rescheduled in time and priority, and keeps both over a redrive (I4)', async () => {
  const t = await testLedger();
  const [plain, moved] = await t.ledger.submitMany('some.task', [{ input: 'plain', priority: 1 }, { input: 'moved' }]);
  expect(await t.ledger.reschedule(moved!.id, { priority: 2, startAfter: new Date('2030-01-01T00:00:00.123Z') })).toBe(
    'pending',
  );
  expect(await t.ledger.get(moved!.id)).toMatchObject({ priority: 2, run_at: '2030-01-01T00:00:00.123Z' });
  expect(await t.ledger.reschedule(moved!.id, { startAfter: ago(1000) })).toBe('pending');
  const claim = await claimSome(t.pool, 1);
  expect(claim.leases[0]?.taskId).toBe(moved!.id);
  await settleAll(t.pool, claim, 'failed');
  await t.ledger.retry(moved!.id);
  expect(await differencesFromLog(t)).toEqual([]);
  expect((await claimSome(t.pool, 1)).leases[0]?.taskId).toBe(moved!.id);
  expect((await claimSome(t.pool, 1)).leases[0]?.taskId).toBe(plain!.id);
});

test.each([
  {},
  { priority: 101 },
  { startAfter: 'infinity' },
  { startAfter: '2030-01-01T00:00:00' },
  { startAfter: 'tomorrow' },
])('reschedule with %j is refused, and nothing is recorded', async (change) => {
  const t = await testLedger();
  const { id } = await t.ledger.submit('some.task', 1);
  const before = await eventCount(t.pool);
  await expect(t.ledger.reschedule(id, change)).rejects.toMatchObject({ code: 'TASKLEDGER_INVALID_OPTION' });
  expect(await eventCount(t.pool)).toBe(before);
});

test.each([
  ['completed', 'completed', { outcome: 'completed', output: { reference: 'r1' } }],
  ['failed', 'failed', { outcome: 'failed', reason: 'the bank says no' }],
  ['rerun', 'pending', { outcome: 'rerun' }],
] as const)('doubt is resolved as %s, once, and open abort requests with it', async (_, state, resolution) => {
  const t = await testLedger();
  const { id, lost } = await inDoubt(t);
  expect(await t.ledger.abort(id)).toBe('in_doubt');
  expect(await viewed(t, id)).toBe('in_doubt');
  expect(await t.ledger.resolve(id, resolution)).toBe(state);
  await expect(t.ledger.resolve(id, resolution)).rejects.toMatchObject({ code: 'TASKLEDGER_WRONG_STATE' });
  expect(await t.ledger.get(id)).toMatchObject({ state, open_requests: [] });
  expect(typesOf(await t.ledger.history(id)).filter((type) => type === 'resolved')).toHaveLength(1);
  expect(await settleAll(t.pool, lost, 'completed')).toMatchObject([{ verdict: 'refused' }]);
  expect(await viewed(t, id)).toBe(state);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a task nobody knows, and an id that is none, are told apart', async () => {
  const t = await testLedger();
  const before = await eventCount(t.pool);
  await expect(t.ledger.abort(unknownId)).rejects.toMatchObject({ code: 'TASKLEDGER_NOT_FOUND' });
  await expect(t.ledger.retry(unknownId)).rejects.toMatchObject({ code: 'TASKLEDGER_NOT_FOUND' });
  await expect(t.ledger.resolve(unknownId, { outcome: 'failed' })).rejects.toMatchObject({
    code: 'TASKLEDGER_NOT_FOUND',
  });
  await expect(async () => await t.ledger.abort('17')).rejects.toMatchObject({ code: 'TASKLEDGER_INVALID_ID' });
  expect(await eventCount(t.pool)).toBe(before);
});
