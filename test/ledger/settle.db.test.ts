import { expect, test } from 'vitest';
import { differencesFromLog, testLedger, typesOf } from '../support/ledger.ts';
import {
  claimRows,
  claimSome,
  eventCount,
  expireLeases,
  inTransaction,
  outcomeOf,
  settleAll,
  settleThese,
} from '../support/leases.ts';

test('a completed attempt ends its task, with the output and the times of the attempt', async () => {
  const t = await testLedger();
  const { id } = await t.ledger.submit('some.task', 1);
  const claim = await claimSome(t.pool, 1);
  const reportJson = JSON.stringify({ usage: { cpu_ms: 5 }, log_tail: ['bye'], attempt: 99, lease: 'forged' });
  expect(await settleAll(t.pool, claim, 'completed', { detailJson: '{"n":1}', reportJson })).toEqual([]);
  const done = (await t.ledger.history(id)).at(-1)!;
  expect(done).toMatchObject({
    type: 'task.completed',
    version: 3,
    data: { lease: [1, 2], attempt: 1, output: { n: 1 }, usage: { cpu_ms: 5 }, log_tail: ['bye'] },
  });
  const { started_at, finished_at } = done.data as { started_at: string; finished_at: string };
  expect(Date.parse(finished_at) - Date.parse(started_at)).toBe(20);
  expect(Date.parse(done.occurred_at) - Date.parse(finished_at)).toBe(5);
  expect(await claimRows(t.pool)).toEqual([]);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('one call settles leases of several claims, each in its own way', async () => {
  const t = await testLedger();
  const kinds = ['completed', 'failed', 'retry', 'released', 'aborted'] as const;
  await t.ledger.submitMany(
    'some.task',
    kinds.map((input) => ({ input })),
  );
  const claims = [await claimSome(t.pool, 2), await claimSome(t.pool, 1), await claimSome(t.pool, 2)];
  const leases = claims.flatMap((claim) => claim.leases);
  const outcomes = leases.map((lease) => outcomeOf(lease, lease.submitted.input as (typeof kinds)[number]));
  expect(await settleThese(t.pool, claims, outcomes)).toEqual([]);
  const states = leases.map(async ({ taskId }) => {
    const { input, state, attempt, error } = await t.ledger.get(taskId);
    return [input, state, attempt, error?.message ?? null];
  });
  expect(Object.fromEntries((await Promise.all(states)).map(([kind, ...rest]) => [kind, rest]))).toEqual({
    completed: ['completed', 1, null],
    failed: ['failed', 1, 'no luck'],
    retry: ['pending', 1, 'no luck yet'],
    released: ['pending', 0, null],
    aborted: ['aborted', 1, null],
  });
  expect(await claimRows(t.pool)).toEqual([]);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('the claim stays until its last lease is settled', async () => {
  const t = await testLedger();
  await t.ledger.submitMany('some.task', [{ input: 1 }, { input: 2 }, { input: 3 }]);
  const claim = await claimSome(t.pool, 3);
  const open: number[] = [];
  for (const [at, kind] of (['retry', 'completed', 'released'] as const).entries()) {
    open.push((await claimRows(t.pool))[0]!.open);
    expect(await settleThese(t.pool, [claim], [outcomeOf(claim.leases[at]!, kind)])).toEqual([]);
  }
  expect(open).toEqual([3, 2, 1]);
  expect(await claimRows(t.pool)).toEqual([]);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('two halves of one claim settled at once by two connections leave no claim behind', async () => {
  const t = await testLedger();
  await t.ledger.submitMany('some.task', [{ input: 1 }, { input: 2 }]);
  const claim = await claimSome(t.pool, 2);
  const second = await inTransaction(t.pool, 'commit', async (one) => {
    await settleThese(one, [claim], [outcomeOf(claim.leases[0]!, 'completed')]);
    // Waits for the row of the claim, which the first has not let go of; a promise must not be returned bare.
    return { promise: settleThese(t.pool, [claim], [outcomeOf(claim.leases[1]!, 'completed')]) };
  });
  expect(await second.promise).toEqual([]);
  expect(await claimRows(t.pool)).toEqual([]);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('an unknown claim or a wrong secret is told so, and changes nothing', async () => {
  const t = await testLedger();
  const { id } = await t.ledger.submit('some.task', 1);
  const claim = await claimSome(t.pool, 1);
  const before = await eventCount(t.pool);
  const [lease] = claim.leases;
  const unknown = [{ taskId: id, claimId: claim.claimId, verdict: 'unknown' }];
  expect(await settleAll(t.pool, { ...claim, secret: 'guessed' }, 'completed')).toEqual(unknown);
  expect(await settleThese(t.pool, [], [outcomeOf(lease!, 'retry')])).toEqual(unknown);
  const elsewhere = { ...claim, claimId: '999999' };
  expect(
    await settleThese(t.pool, [elsewhere], [{ ...outcomeOf(lease!, 'completed'), claimId: '999999' }]),
  ).toMatchObject([{ claimId: '999999', verdict: expect.stringMatching(/unknown|refused/) }]);
  expect((await t.ledger.get(id)).state).toBe('leased');
  expect(await claimRows(t.pool)).toEqual([{ claim_id: claim.claimId, open: 1 }]);
  expect(await eventCount(t.pool)).toBe(before);
  expect(await settleAll(t.pool, claim, 'completed')).toEqual([]);
  expect(await differencesFromLog(t)).toEqual([]);
});

test.each(['completed', 'failed', 'retry', 'released', 'aborted', 'in_doubt'] as const)(
  'the same %s outcome sent twice is recorded once and answers `already`',
  async (kind) => {
    const t = await testLedger();
    const { id } = await t.ledger.submit('some.task', 1);
    const claim = await claimSome(t.pool, 1);
    expect(await settleAll(t.pool, claim, kind)).toEqual([]);
    const before = await eventCount(t.pool);
    const already = [{ taskId: id, claimId: claim.claimId, verdict: 'already' }];
    expect(await settleAll(t.pool, claim, kind)).toEqual(already);
    expect(await settleAll(t.pool, claim, kind)).toEqual(already);
    expect(await eventCount(t.pool)).toBe(before);
    expect(await differencesFromLog(t)).toEqual([]);
  },
);

test('a failed attempt is tried again after its delay, which the log and the hot table agree on (I4)', async () => {
  const t = await testLedger();
  const { id } = await t.ledger.submit('some.task', 1);
  await settleAll(t.pool, await claimSome(t.pool, 1), 'retry', { retryInMs: 3_600_000 });
  const { run_at, state, attempt } = await t.ledger.get(id);
  expect({ state, attempt }).toEqual({ state: 'pending', attempt: 1 });
  const failed = (await t.ledger.history(id)).at(-1)!;
  expect(Date.parse(run_at) - Date.parse(failed.occurred_at)).toBe(3_600_000);
  await claimSome(t.pool, 0, { maxTasks: 1 });
  expect(await differencesFromLog(t)).toEqual([]);
  await t.ledger.reschedule(id, { startAfter: new Date(Date.now() - 1000) });
  const again = await claimSome(t.pool, 1);
  expect(again.leases[0]).toMatchObject({ attempt: 2, version: 5 });
});

test('I2: a released attempt does not count, and the fencing token grows all the same', async () => {
  const t = await testLedger();
  const { id } = await t.ledger.submit('some.task', 1, { retry: { attempts: 1 } });
  const tokens: number[][] = [];
  for (let i = 0; i < 3; i += 1) {
    const claim = await claimSome(t.pool, 1);
    const { epoch, version, attempt } = claim.leases[0]!;
    tokens.push([epoch, version, attempt]);
    expect(await settleAll(t.pool, claim, 'released')).toEqual([]);
  }
  expect(tokens).toEqual([
    [1, 2, 1],
    [1, 4, 1],
    [1, 6, 1],
  ]);
  expect(await t.ledger.get(id)).toMatchObject({ state: 'pending', attempt: 0 });
  expect(await differencesFromLog(t)).toEqual([]);
});

test('an attempt that was asked to stop ends aborted although it would be tried again; sent again, it answers `already`', async () => {
  const t = await testLedger();
  const [retried, released] = await t.ledger.submitMany('some.task', [{ input: 'retry' }, { input: 'released' }]);
  const claim = await claimSome(t.pool, 2);
  expect(await t.ledger.abort(retried!.id)).toBe('leased');
  expect(await t.ledger.abort(released!.id, { reason: 'enough' })).toBe('leased');
  const outcomes = claim.leases.map((lease) => outcomeOf(lease, lease.submitted.input as 'retry' | 'released'));
  expect(await settleThese(t.pool, [claim], outcomes)).toEqual([]);
  for (const { id } of [retried!, released!]) {
    expect(await t.ledger.get(id)).toMatchObject({ state: 'aborted', open_requests: [], lease: null });
    expect(typesOf(await t.ledger.history(id))).toEqual(['submitted', 'leased', 'abort_requested', 'aborted']);
  }
  const verdicts = (await settleThese(t.pool, [claim], outcomes)).map(({ verdict }) => verdict);
  expect(verdicts).toEqual(['already', 'already']);
  expect(await claimRows(t.pool)).toEqual([]);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('abort against completion: what settles first wins, and the request is answered by it', async () => {
  const t = await testLedger();
  const { id } = await t.ledger.submit('some.task', 1);
  const claim = await claimSome(t.pool, 1);
  await t.ledger.abort(id);
  await t.ledger.abort(id, { reason: 'twice' });
  expect((await t.ledger.get(id)).open_requests).toHaveLength(2);
  await settleAll(t.pool, claim, 'completed');
  expect(await t.ledger.get(id)).toMatchObject({ state: 'completed', open_requests: [] });
  expect(await differencesFromLog(t)).toEqual([]);
});

test('I2: the late result of a lost lease is refused, kept as evidence once, and changes nothing', async () => {
  const t = await testLedger();
  const { id } = await t.ledger.submit('some.task', 1);
  const lost = await claimSome(t.pool, 1);
  await expireLeases(t);
  expect(await t.ledger.sweep()).toMatchObject({ expired: 1 });
  const refused = [{ taskId: id, claimId: lost.claimId, verdict: 'refused' }];
  expect(await settleAll(t.pool, lost, 'completed')).toEqual(refused);
  const next = await claimSome(t.pool, 1);
  expect(await settleAll(t.pool, lost, 'completed')).toEqual(refused);
  expect(await settleAll(t.pool, next, 'completed', { detailJson: '"the real one"' })).toEqual([]);
  expect(await settleAll(t.pool, lost, 'failed')).toEqual(refused);
  expect(typesOf(await t.ledger.history(id))).toEqual([
    'submitted',
    'leased',
    'lease_expired',
    'result_refused',
    'leased',
    'completed',
  ]);
  expect(await t.ledger.get(id)).toMatchObject({ output: 'the real one', refused_results: 1 });
  const evidence = (await t.ledger.history(id)).find((event) => event.type === 'task.result_refused');
  expect(evidence).toMatchObject({ version: null, data: { lease: [1, 2], outcome: 'completed', output: 'done' } });
  expect(await differencesFromLog(t)).toEqual([]);
});

test.each([
  ['a length that differs', [['1'], ['s'], ['00000000-0000-7000-8000-000000000000'], ['1'], [], [null], [0], [0]]],
  [
    'an outcome nobody knows',
    [['1'], ['s'], ['00000000-0000-7000-8000-000000000000'], ['1'], ['done'], [null], [0], [0]],
  ],
])('settle with %s is refused', async (_, values) => {
  const t = await testLedger();
  await expect(
    t.pool.query('select * from taskledger.settle($1, $2, $3, $4, $5, $6, $7, $8)', values),
  ).rejects.toMatchObject({ code: 'TL002' });
});

const everyKind = ['completed', 'failed', 'retry', 'released', 'aborted', 'in_doubt'] as const;

test.each([
  ['as this package tells it', {}],
  ['without a detail', { detailJson: null }],
  ['with an error of another form', { detailJson: '{"message":"no code"}' }],
])('an outcome of any kind, told %s, leaves a history that can be read', async (_, more) => {
  const t = await testLedger();
  await t.ledger.submitMany(
    'some.task',
    everyKind.map((input) => ({ input })),
  );
  const claim = await claimSome(t.pool, everyKind.length);
  const outcomes = claim.leases.map((lease) => outcomeOf(lease, lease.submitted.input as 'failed', more));
  expect(await settleThese(t.pool, [claim], outcomes)).toEqual([]);
  for (const { taskId } of claim.leases) expect(await t.ledger.history(taskId)).toHaveLength(3);
  expect(await differencesFromLog(t)).toEqual([]);
});

test.each([
  ['as this package tells it', {}],
  ['without a detail', { detailJson: null }],
  ['with an error of another form', { detailJson: '{"message":"no code"}' }],
])('a late outcome of any kind, told %s, leaves a history that can be read', async (_, more) => {
  const t = await testLedger();
  await t.ledger.submitMany(
    'some.task',
    everyKind.map((input) => ({ input })),
  );
  const claim = await claimSome(t.pool, everyKind.length);
  await expireLeases(t);
  await t.ledger.sweep();
  const outcomes = claim.leases.map((lease) => outcomeOf(lease, lease.submitted.input as 'failed', more));
  const verdicts = (await settleThese(t.pool, [claim], outcomes)).map(({ verdict }) => verdict);
  expect(verdicts).toEqual(everyKind.map(() => 'refused'));
  for (const { taskId } of claim.leases) expect((await t.ledger.get(taskId)).refused_results).toBe(1);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('an outcome its runner cannot tell puts the task in doubt, also when it was asked to stop (I3)', async () => {
  const t = await testLedger();
  const [plain, asked] = await t.ledger.submitMany('some.task', [
    { input: 1, protected: true },
    { input: 2, protected: true },
  ]);
  const claim = await claimSome(t.pool, 2);
  await t.ledger.abort(asked!.id);
  expect(await settleAll(t.pool, claim, 'in_doubt', { detailJson: '{"reason":"killed"}' })).toEqual([]);
  for (const { id } of [plain!, asked!]) {
    expect(await t.ledger.get(id)).toMatchObject({ state: 'in_doubt', lease: null, error: { message: 'killed' } });
  }
  expect(await claimRows(t.pool)).toEqual([]);
  await claimSome(t.pool, 0, { maxTasks: 10 });
  expect(await t.ledger.resolve(asked!.id, { outcome: 'failed' })).toBe('failed');
  expect(await t.ledger.get(asked!.id)).toMatchObject({ state: 'failed', open_requests: [] });
  expect(await differencesFromLog(t)).toEqual([]);
});
