import { expect, test } from 'vitest';
import { askForTasks, type Claim } from '../../src/ledger/claim.ts';
import { rebuildOpenTasks } from '../../src/projections/open-tasks/rebuild-open-tasks.ts';
import { differencesFromLog, testLedger, type TestLedger } from '../support/ledger.ts';
import { defineTask } from '../../src/ledger/define-task.ts';
import { claimAs, claimSome, expireLeases, inTransaction, settleAll, waitsForLock } from '../support/leases.ts';
import { scaled } from '../support/scale.ts';

const items = (count: number, more: object = {}): { input: number }[] =>
  Array.from({ length: count }, (_, input) => ({ input, ...more }));

const request = { names: ['some.task'], maxTasks: 10, runner: 'r1', host: 'h1', ttlMs: 15_000 };

const leased = (claim: Claim | undefined): number => claim?.leases.length ?? 0;

test('a queue never has more tasks leased than its rule allows, whoever claims at once', async () => {
  const t = await testLedger();
  const most = 3;
  const tasks = scaled(150);
  await t.ledger.submitMany('some.task', items(tasks, { queue: 'few' }));
  await t.ledger.queues.set('few', { concurrency: most });
  let held = 0;
  let highest = 0;
  let done = 0;
  // Counted after a lease was granted and until before it is settled: never more than are in force.
  const work = async (): Promise<void> => {
    while (done < tasks) {
      const claim = await claimAs(t.pool, { maxTasks: 2 });
      held += leased(claim);
      highest = Math.max(highest, held);
      if (claim === undefined) continue;
      await t.pool.query('select 1');
      held -= leased(claim);
      await settleAll(t.pool, claim, 'completed');
      done += leased(claim);
    }
  };
  await Promise.all(Array.from({ length: 4 }, work));
  expect(highest).toBe(most);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a place is free again however the lease ended', async () => {
  const t = await testLedger();
  await t.ledger.submitMany('some.task', items(12));
  await t.ledger.queues.set('default', { concurrency: 2 });
  for (const kind of ['completed', 'failed', 'retry', 'released'] as const) {
    const claim = await claimSome(t.pool, 2, { maxTasks: 10 });
    expect(await claimAs(t.pool)).toBeUndefined();
    await settleAll(t.pool, claim, kind, { retryInMs: 60_000 });
  }
  // Nobody tells of the end of these: their runner was killed.
  await claimSome(t.pool, 2, { maxTasks: 10 });
  await expireLeases(t);
  expect(await claimAs(t.pool)).toBeUndefined();
  await t.ledger.sweep();
  await claimSome(t.pool, 2, { maxTasks: 10 });
  expect(await differencesFromLog(t)).toEqual([]);
});

test('what was leased before the rule was set takes its place, and what is rebuilt keeps it', async () => {
  const t = await testLedger();
  await t.ledger.submitMany('some.task', items(9));
  const before = await claimSome(t.pool, 3);
  await t.ledger.queues.set('default', { concurrency: 4 });
  await claimSome(t.pool, 1, { maxTasks: 10 });
  expect(await claimAs(t.pool)).toBeUndefined();
  expect(await differencesFromLog(t)).toEqual([]);
  // As a claim says once every transaction of the server that is older than the rule has ended: other tests have some.
  await t.pool.query('update taskledger.rules set changed_in = null');
  await t.pool.query('truncate taskledger.places');
  expect(await differencesFromLog(t)).toHaveLength(4);
  await rebuildOpenTasks(t.pool);
  expect(await differencesFromLog(t)).toEqual([]);
  expect(await claimAs(t.pool)).toBeUndefined();
  await settleAll(t.pool, before, 'completed');
  await claimSome(t.pool, 3, { maxTasks: 10 });
});

test('a claim that was under way when the rule was set counts as soon as it commits', async () => {
  const t = await testLedger();
  await t.ledger.submitMany('some.task', items(9));
  await inTransaction(t.pool, 'commit', async (tx) => {
    await claimSome(tx, 2);
    await t.ledger.queues.set('default', { concurrency: 3 });
    await claimSome(t.pool, 3, { maxTasks: 10 });
  });
  // Five are leased now, and two of them end: no place is free.
  const { rows } = await t.pool.query<{ n: number }>(
    "select count(*)::int as n from taskledger.open_tasks where state = 'leased'",
  );
  expect(rows).toEqual([{ n: 5 }]);
  expect(await claimAs(t.pool)).toBeUndefined();
  expect((await t.ledger.queues.list())[0]).toMatchObject({ concurrency: 3, leased: 5 });
  expect(await differencesFromLog(t)).toEqual([]);
});

test('rules about a queue, a task name and a group hold together', async () => {
  const t = await testLedger();
  await t.ledger.submitMany('some.task', [...items(4, { group: 'acme' }), ...items(4, { group: 'bolt' }), ...items(4)]);
  await t.ledger.submitMany('other.task', items(4));
  await t.ledger.queues.set('default', { concurrency: 8 });
  await t.ledger.queues.set({ task: 'some.task' }, { concurrency: 5 });
  await t.ledger.queues.set({ group: 'acme' }, { concurrency: 1 });
  const names = ['some.task', 'other.task'];
  const claim = await claimSome(t.pool, 8, { names, maxTasks: 16 });
  const ofGroup = claim.leases.filter(({ submitted }) => submitted.group === 'acme');
  const ofName = claim.leases.filter(({ submitted }) => submitted.name === 'some.task');
  expect(ofGroup.length).toBeLessThanOrEqual(1);
  expect(ofName.length).toBeLessThanOrEqual(5);
  expect(await claimAs(t.pool, { names })).toBeUndefined();
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a rule somebody else is at is passed over, not waited for, and other lanes are claimed', async () => {
  const t = await testLedger();
  await t.ledger.submitMany('some.task', [...items(2, { queue: 'few' }), ...items(2, { queue: 'many' })]);
  await t.ledger.queues.set('few', { concurrency: 1 });
  await inTransaction(t.pool, 'rollback', async (tx) => {
    await claimSome(tx, 1, { queues: ['few'], maxTasks: 10 });
    expect((await claimSome(t.pool, 2, { maxTasks: 10 })).leases[0]?.submitted.queue).toBe('many');
    expect(await askForTasks(t.pool, request)).toEqual({ claim: undefined, againMs: 20 });
  });
  expect((await askForTasks(t.pool, request)).claim?.leases).toHaveLength(1);
  // Full is no reason to ask again soon: nobody knows when a place will be free.
  expect(await askForTasks(t.pool, request)).toEqual({ claim: undefined });
});

test('what was leased while a claim waited for the lock on its rule is counted', async () => {
  const t = await testLedger();
  await t.ledger.submitMany('some.task', items(4));
  await t.ledger.queues.set('default', { concurrency: 1 });
  const late = await inTransaction(t.pool, 'commit', async (tx) => {
    // Rules can be read, and not locked, but by this transaction.
    await tx.query('lock table taskledger.rules in exclusive mode');
    const waiting = askForTasks(t.pool, request);
    await waitsForLock(t, 'taskledger.claim(');
    await claimSome(tx, 1, { maxTasks: 10 });
    return { waiting };
  });
  expect(await late.waiting).toEqual({ claim: undefined });
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a paused queue gives nothing until it is resumed, and keeps what was set', async () => {
  const t = await testLedger();
  const [first] = await t.ledger.submitMany('some.task', items(2));
  await t.ledger.queues.set('default', { concurrency: 1 });
  await t.ledger.queues.pause('default');
  expect(await claimAs(t.pool)).toBeUndefined();
  expect(await t.ledger.queues.list()).toMatchObject([
    { kind: 'queue', name: 'default', paused: true, concurrency: 1 },
  ]);
  await t.ledger.queues.resume('default');
  expect((await claimSome(t.pool, 1, { maxTasks: 10 })).leases[0]?.taskId).toBe(first?.id);
  await t.ledger.queues.set('default', { concurrency: null });
  expect(await t.ledger.queues.list()).toEqual([]);
  await claimSome(t.pool, 1, { maxTasks: 10 });
});

test('in no stretch of time do more tasks begin than the rate brings and the bucket holds', async () => {
  const t = await testLedger();
  const tasks = scaled(40);
  await t.ledger.submitMany('some.task', items(tasks));
  const rate = { count: 20, per: 100, burst: 4 };
  await t.ledger.queues.set('default', { rate });
  let got = 0;
  const claimSoon = async (): Promise<void> => {
    while (got < tasks) {
      const more = leased(await claimAs(t.pool, { maxTasks: 3 }));
      got += more;
    }
  };
  await Promise.all([claimSoon(), claimSoon(), claimSoon()]);
  expect(got).toBe(tasks);
  const times = await leaseTimes(t);
  const excess = times.flatMap((from, i) =>
    times.slice(i).map((to, later) => later + 1 - rate.burst - ((to - from) * rate.count) / rate.per),
  );
  expect(Math.max(...excess)).toBeLessThanOrEqual(1e-6);
});

async function leaseTimes({ pool }: TestLedger): Promise<number[]> {
  const { rows } = await pool.query<{ at: Date }>(
    "select occurred_at as at from taskledger.events where type = 'task.leased' order by occurred_at, seq",
  );
  return rows.map(({ at }) => at.getTime());
}

test('runners share the places of a queue, and one that was refused comes back for what another one frees', async () => {
  const t = await testLedger();
  const tasks = 12;
  let running = 0;
  let highest = 0;
  const handler = {
    name: 'some.task',
    run: async () => {
      running += 1;
      highest = Math.max(highest, running);
      await t.pool.query('select pg_sleep(0.005)');
      running -= 1;
    },
  };
  const handlers = [defineTask({ name: handler.name }).handle(handler.run)];
  await t.ledger.queues.set('default', { concurrency: 1 });
  await t.ledger.submitMany('some.task', items(tasks));
  await t.run(handlers);
  await t.run(handlers);
  await t.settled();
  expect(highest).toBe(1);
  expect(await differencesFromLog(t)).toEqual([]);
});

test.each([
  ['a queue without a name', '', { concurrency: 1 }],
  ['a name no task has', { task: 'no name' }, { concurrency: 1 }],
  ['an unknown setting', 'q', { concurency: 1 }],
  ['a negative number', 'q', { concurrency: -1 }],
  ['a fraction', 'q', { concurrency: 1.5 }],
  ['a rate over more than a day', 'q', { rate: { count: 1, per: '25h' } }],
  ['a rate without a time', 'q', { rate: { count: 1 } }],
  ['a weight of nothing', 'q', { weight: 0 }],
  ['a pause that is no boolean', 'q', { paused: 'yes' }],
  ['ageing by less than a second', 'q', { ageing: '999ms' }],
  ['ageing by more than a week', 'q', { ageing: '8d' }],
  ['ageing of a task name', { task: 'some.task' }, { ageing: '5m' }],
])('a rule with %s is refused', async (_what, subject, change) => {
  const t = await testLedger();
  await expect(t.ledger.queues.set(subject, change as never)).rejects.toMatchObject({
    code: 'TASKLEDGER_INVALID_OPTION',
  });
  expect(await t.ledger.queues.list()).toEqual([]);
});

test('in a transaction whose snapshot may be older than the lock, what is capped is refused', async () => {
  const t = await testLedger();
  await t.ledger.submitMany('some.task', items(1));
  await t.ledger.queues.set('default', { concurrency: 1 });
  const client = await t.pool.connect();
  await client.query('begin isolation level repeatable read');
  await expect(claimAs(client)).rejects.toMatchObject({ code: 'TL002' });
  await client.query('rollback');
  client.release();
});
