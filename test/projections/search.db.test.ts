import { expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { listTasks, type ListFilter, type TaskSummary } from '../../src/ledger/list-tasks.ts';
import { claimSome, settleAll } from '../support/leases.ts';
import { projectingTest, type ProjectingTest } from './projecting.ts';

/** Tasks in every state there is, and one with a key. */
async function manyStates({ ledger, pool }: ProjectingTest): Promise<void> {
  const submit = async (count: number, call = {}): Promise<void> => {
    for (let i = 0; i < count; i += 1) await ledger.submit('some.task', i, call);
  };
  await submit(2, { retry: { attempts: 1 } });
  await settleAll(pool, await claimSome(pool, 2), 'failed');
  await submit(2);
  await settleAll(pool, await claimSome(pool, 2), 'completed');
  await submit(1, { protected: true });
  await settleAll(pool, await claimSome(pool, 1), 'in_doubt');
  await submit(1);
  await settleAll(pool, await claimSome(pool, 1), 'retry', { retryInMs: 60_000 });
  const [waiting] = await ledger.list({ limit: 1 });
  await ledger.reschedule(waiting!.id, { priority: 7 });
  await ledger.abort(waiting!.id);
  await submit(1);
  await claimSome(pool, 1);
  await ledger.submit('other.task', 1, { key: 'k1', queue: 'slow', priority: 3 });
}

const filters = (middle: Date): ListFilter[] => [
  {},
  ...(['pending', 'leased', 'completed', 'failed', 'aborted', 'in_doubt'] as const).map((state) => ({ state })),
  { name: 'other.task' },
  { queue: 'slow' },
  { key: 'k1' },
  { key: 'none' },
  { errorCode: 'HANDLER_ERROR' },
  { errorCode: 'IN_DOUBT', state: 'in_doubt' },
  { since: middle },
  { until: middle },
  { name: 'some.task', limit: 2 },
];

test('the projection and the log answer every filter alike', async () => {
  const t = await projectingTest();
  await manyStates(t);
  const all = await listTasks(t.pool, systemClock);
  expect(all).toHaveLength(8);
  const asked = filters(all[4]!.submittedAt);
  const byLog: TaskSummary[][] = [];
  for (const filter of asked) byLog.push(await listTasks(t.pool, systemClock, filter));
  await t.project();
  for (const [i, filter] of asked.entries()) {
    expect(await listTasks(t.pool, systemClock, filter), JSON.stringify(filter)).toEqual(byLog[i]);
  }
});

test('pages follow one another without a gap, and see what was recorded before the call', async () => {
  const t = await projectingTest();
  await manyStates(t);
  await t.project();
  // Not projected: read from the log after the wait.
  const { id } = await t.ledger.submit('late.task', 1);
  const ids: string[] = [];
  for (let after: string | undefined; ;) {
    const page = await t.ledger.list({ limit: 4, after });
    ids.push(...page.map((task) => task.id));
    after = page.at(-1)?.cursor;
    if (page.length < 4) break;
  }
  expect(ids).toHaveLength(9);
  expect(ids).toContain(id);
  expect(ids).toEqual([...ids].sort().reverse());
});
