import { expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { listTasks, type ListFilter, type TaskSummary } from '../../src/ledger/list-tasks.ts';
import { readMigrationFiles } from '../../src/postgres/migration-files.ts';
import { searchTasks } from '../../src/projections/search-tasks.ts';
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

test('0018: what was projected before is found by its state', async () => {
  const t = await projectingTest();
  await manyStates(t);
  await t.project();
  const { rows: states } = await t.pool.query('select * from taskledger.task_state_rows order by task_id');
  expect(states).toHaveLength(6);
  // As a database of the release before: without what the migration makes.
  await t.pool.query(`drop view taskledger.task_states; drop table taskledger.task_state_rows;
    create index task_rows_state_submitted_at_task_id_idx on taskledger.task_rows (state, submitted_at, task_id)`);
  const { migrations } = await readMigrationFiles();
  await t.pool.query(migrations.find(({ name }) => name === '0018_states')!.text);
  expect((await t.pool.query('select * from taskledger.task_state_rows order by task_id')).rows).toEqual(states);
});

/** Every page of three, the next one asked for after `meanwhile`. */
async function pagesOf(
  t: ProjectingTest,
  filter: ListFilter,
  meanwhile: () => Promise<unknown>,
): Promise<TaskSummary[]> {
  const found: TaskSummary[] = [];
  for (let after: string | undefined; ;) {
    const page = await listTasks(t.pool, systemClock, { ...filter, limit: 3, after });
    found.push(...page);
    if (page.length < 3) return found;
    after = page.at(-1)!.cursor;
    await meanwhile();
  }
}

const places = (tasks: readonly TaskSummary[]): string[] =>
  tasks.map(({ submittedAt, id }) => `${submittedAt.toISOString()} ${id}`);

/** Three times: a few tasks of one moment, and one whose id says nothing about when it was submitted. */
async function tasksOfThreeMoments({ ledger, pool }: ProjectingTest): Promise<void> {
  for (const digit of ['9', '1', '5']) {
    await ledger.submitMany(
      'some.task',
      Array.from({ length: 5 }, (_, input) => ({ input })),
    );
    const id = `${digit.repeat(8)}-1111-4111-8111-111111111111`;
    await pool.query("select taskledger.submit('some.task', '1', $1)", [JSON.stringify({ id })]);
  }
}

test.each([
  ['the log', false],
  ['the projection', true],
])('pages from %s have every task once, the last submitted first, while others arrive', async (_from, projected) => {
  const t = await projectingTest();
  await tasksOfThreeMoments(t);
  if (projected) await t.project();
  const all = await listTasks(t.pool, systemClock);
  expect(all).toHaveLength(18);
  expect(new Set(all.map(({ submittedAt }) => submittedAt.getTime())).size).toBeLessThan(10);
  expect(places(all)).toEqual(places(all).sort().reverse());
  const arrives = async (): Promise<void> => {
    await t.ledger.submit('some.task', 'late');
    if (projected) await t.project();
  };
  expect(places(await pagesOf(t, { name: 'some.task' }, arrives))).toEqual(places(all));
});

test('a page is of tasks before the cursor and before until, whichever comes first', async () => {
  const t = await projectingTest();
  await tasksOfThreeMoments(t);
  const all = await listTasks(t.pool, systemClock);
  const ofLog = async (filter: ListFilter): Promise<string[]> => places(await listTasks(t.pool, systemClock, filter));
  const asked = [4, 10].flatMap((cursor) =>
    [2, 8, 15].map((until) => ({ after: all[cursor]!.cursor, until: all[until]!.submittedAt })),
  );
  const expected = asked.map(({ after, until }) => {
    const rest = all.slice(all.findIndex(({ id }) => id === after) + 1);
    return places(rest.filter(({ submittedAt }) => submittedAt < until));
  });
  for (const [i, filter] of asked.entries()) expect(await ofLog(filter)).toEqual(expected[i]);
  await t.project();
  for (const [i, filter] of asked.entries()) expect(await ofLog(filter)).toEqual(expected[i]);
});

test('pages see what was recorded before the call', async () => {
  const t = await projectingTest();
  await manyStates(t);
  await t.project();
  // Not projected: read from the log after the wait.
  const { id } = await t.ledger.submit('late.task', 1);
  expect((await pagesOf(t, {}, async () => undefined)).map((task) => task.id)).toContain(id);
});

test.each([
  ['no task’s id', '019a3b5c-0e8f-7c1a-9d2e-3f4a5b6c7d8e', 'TASKLEDGER_NOT_FOUND'],
  ['no id', 'x', 'TASKLEDGER_INVALID_ID'],
])('a cursor that is %s is refused', async (_what, after, code) => {
  const t = await projectingTest();
  await t.ledger.submit('some.task', 1);
  await expect(t.ledger.list({ after })).rejects.toMatchObject({ code });
});

/** Tasks of 200 seconds, a hundred a second: one in a hundred failed, one in a thousand in the queue `slow`. */
const manyRows = `
  insert into taskledger.task_rows_a (slot, task_id, realm, name, queue, key, submitted_at, state, error_code)
  select 'a', gen_random_uuid(), 'ams', 'some.task', case when n % 1000 = 0 then 'slow' else 'default' end, 'k' || n,
         timestamptz '2026-01-01' + n * interval '10 ms', case when n % 100 = 0 then 'failed' else 'completed' end,
         case when n % 100 = 0 then 'HANDLER_ERROR' end
    from generate_series(1, 20000) n;
  insert into taskledger.task_state_rows_a (slot, task_id, state, submitted_at)
  select t.slot, t.task_id, t.state, t.submitted_at from taskledger.task_rows_a t where t.state <> 'completed'`;

test('every page is read off an index in its order, from where it begins', async () => {
  const t = await projectingTest();
  await t.pool.query(`${manyRows}; analyze taskledger.task_rows_a, taskledger.task_state_rows_a`);
  const at = (second: number): Date => new Date(Date.UTC(2026, 0, 1, 0, 0, second));
  const before = { submittedAt: at(100), id: '00000000-0000-0000-0000-000000000000' };
  const search = [
    {},
    { since: at(20) },
    { until: at(20) },
    { since: at(20), until: at(40) },
    { name: 'some.task', until: at(20) },
    { queue: 'slow' },
    { queue: 'default', since: at(20), until: at(40) },
    { state: 'failed', until: at(20) },
    { errorCode: 'HANDLER_ERROR', until: at(20) },
    { key: 'k5' },
  ] as const;
  for (const filter of search) {
    for (const page of [{ limit: 5 }, { limit: 5, before }]) {
      const plan: string[] = [];
      const explain = async (text: string, values: readonly unknown[]) => {
        const explained = await t.pool.query<{ 'QUERY PLAN': string }>(
          `explain (analyze, buffers, costs off, timing off) ${text}`,
          [...values],
        );
        plan.push(...explained.rows.map((row) => row['QUERY PLAN']));
        return { rows: [] };
      };
      await searchTasks({ query: explain }, filter, page);
      const wasteful = plan.filter((line) => /Seq Scan on task_rows|Bitmap|Rows Removed by Filter: \d{3}/.test(line));
      const blocks = Number(/shared hit=(\d+)/.exec(plan.join('\n'))?.[1]);
      // A walk over the 80 seconds between the place and `until` is some sixty.
      const told = `${JSON.stringify({ filter, page })}\n${plan.join('\n')}`;
      expect([wasteful, blocks < 40, blocks], told).toEqual([[], true, blocks]);
    }
  }
});
