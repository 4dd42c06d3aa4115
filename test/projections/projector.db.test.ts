import { expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { whenCaughtUp } from '../../src/projections/caught-up.ts';
import { projections } from '../../src/projections/projections.ts';
import { replay, type Replayed } from '../../src/projections/replay.ts';
import { claimSome, settleAll } from '../support/leases.ts';
import { projectingTest, type ProjectingTest } from './projecting.ts';

const caughtUp = ({ pool }: ProjectingTest, timeoutMs = 20_000): Promise<boolean> =>
  whenCaughtUp(pool, systemClock, { timeoutMs });

async function projectedNames({ pool }: ProjectingTest): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>('select name from taskledger.projected_tasks order by name');
  return rows.map(({ name }) => name);
}

/** Tasks of which some are done, others not. */
async function someLives({ ledger, pool }: ProjectingTest, count = 20): Promise<void> {
  await ledger.submitMany(
    'some.task',
    Array.from({ length: count }, (_, input) => ({ input })),
  );
  await settleAll(pool, await claimSome(pool, count / 2), 'completed');
}

test('what was recorded is projected when whenCaughtUp says so', async () => {
  const t = await projectingTest();
  expect(await caughtUp(t, 0)).toBe(false);
  t.projector().start();
  t.keepSealing();
  await someLives(t);
  expect(await caughtUp(t)).toBe(true);
  expect(await projectedNames(t)).toHaveLength(20);
  const { rows } = await t.pool.query<Record<string, string>>(
    'select submitted, started, completed from taskledger.queue_minutes order by minute',
  );
  const total = (column: string): number => rows.reduce((sum, row) => sum + Number(row[column]), 0);
  expect(['submitted', 'started', 'completed'].map(total)).toEqual([20, 10, 10]);
  expect(await t.differences()).toEqual([]);
});

test('whenCaughtUp says not yet while the sealer or one projection stands', async () => {
  const t = await projectingTest();
  await t.project();
  await t.ledger.submit('not.sealed', 1);
  expect(await caughtUp(t, 50)).toBe(false);
  await t.sealer.runOnce();
  expect(await caughtUp(t, 50)).toBe(false);
  await t.project();
  expect(await caughtUp(t, 50)).toBe(true);
});

test('I8: a transaction that appended early and commits late is neither waited for nor skipped', async () => {
  const t = await projectingTest();
  const late = await t.pool.connect();
  await late.query('begin');
  await t.ledger.submit('late.task', 1, { tx: late });
  await t.ledger.submit('quick.task', 1);
  await t.project();
  expect(await projectedNames(t)).toEqual(['quick.task']);
  expect(await caughtUp(t, 0)).toBe(true);
  await late.query('commit');
  late.release();
  expect(await caughtUp(t, 0)).toBe(false);
  await t.project();
  expect(await projectedNames(t)).toEqual(['late.task', 'quick.task']);
  expect(await t.differences()).toEqual([]);
});

test('two projectors at once count no event twice', async () => {
  const t = await projectingTest();
  t.projector().start();
  t.projector().start();
  t.keepSealing();
  for (let round = 0; round < 5; round += 1) await someLives(t);
  expect(await caughtUp(t)).toBe(true);
  expect(await t.differences()).toEqual([]);
});

test('whichever projector comes first reads a block for all that stand before it', async () => {
  const t = await projectingTest();
  await t.project();
  for (const projection of projections) {
    await someLives(t);
    await t.sealer.runOnce();
    await t.projector([projection]).readAll();
    expect(await caughtUp(t, 0), projection.name).toBe(true);
  }
  expect(await t.differences()).toEqual([]);
});

test('a projection that was behind meets the others again, and they go on together', async () => {
  const t = await projectingTest();
  await t.project();
  const first = await t.pool.query<{ block: string }>('select max(number) + 1 as block from taskledger.blocks');
  for (let block = 0; block < 2; block += 1) {
    await someLives(t);
    await t.sealer.runOnce();
  }
  await t.pool.query(`select taskledger.project_attempts('a', 'ams', $1, $1)`, [first.rows[0]!.block]);
  await t.projector([projections[0]!]).readAll();
  expect(await caughtUp(t, 0)).toBe(true);
  expect(await t.differences()).toEqual([]);
});

test('a projector whose connection is cut in the middle of a block goes on where it was', async () => {
  const t = await projectingTest();
  await someLives(t);
  await t.sealer.runOnce();
  // Holds the projection in its transaction, after the cursor moved.
  const holder = await t.pool.connect();
  await holder.query('begin; lock table taskledger.task_rows_a in share mode');
  t.projector().start();
  // Whichever came first reads for all.
  const waits = `select pid from pg_stat_activity where datname = current_database() and application_name like 'taskledger projector %' and wait_event_type = 'Lock'`;
  let pid: number | undefined;
  while (pid === undefined) pid = (await t.pool.query<{ pid: number }>(waits)).rows[0]?.pid;
  const failed = t.signals.next('projection.failed');
  await t.pool.query('select pg_terminate_backend($1)', [pid]);
  await failed;
  await holder.query('rollback');
  holder.release();
  expect(await caughtUp(t)).toBe(true);
  expect(await t.differences()).toEqual([]);
});

test('a projection with a bug stands alone and says where, and skips nothing when it is mended', async () => {
  const t = await projectingTest();
  await t.project();
  await t.pool.query(`
    create function taskledger.bug() returns trigger language plpgsql as $$
    begin
      if new.name = 'bad.task' then raise exception 'a bug'; end if;
      return new;
    end $$;
    create trigger bug before insert on taskledger.task_rows_a for each row execute function taskledger.bug()`);
  for (const name of ['good.one', 'bad.task', 'good.two']) {
    await t.ledger.submit(name, 1);
    await t.sealer.runOnce();
  }
  const named = t.signals.next('projection.failed', ({ toBlock }) => toBlock === undefined);
  t.projector().start();
  expect(await named).toMatchObject({ projection: 'tasks', stream: 'ams', block: '3', reason: 'a bug' });
  const others = projections.map(({ name }) => name).filter((name) => name !== 'tasks');
  expect(await whenCaughtUp(t.pool, systemClock, { timeoutMs: 20_000, projections: others })).toBe(true);
  expect(await whenCaughtUp(t.pool, systemClock, { timeoutMs: 0, projections: ['tasks'] })).toBe(false);
  expect(await projectedNames(t)).toEqual(['good.one']);
  await t.pool.query('drop trigger bug on taskledger.task_rows_a');
  expect(await caughtUp(t)).toBe(true);
  expect(await projectedNames(t)).toEqual(['bad.task', 'good.one', 'good.two']);
});

test('a block whose events are not all there is never read', async () => {
  const t = await projectingTest();
  await t.project();
  const { seq } = await t.ledger.submit('gone.task', 1);
  await t.sealer.runOnce();
  await t.pool
    .query(`alter table taskledger.events_ams disable trigger all; delete from taskledger.events_ams where seq = ${seq};
    alter table taskledger.events_ams enable trigger all`);
  for (const projection of projections) {
    await expect(t.projector([projection]).readAll()).rejects.toMatchObject({ code: 'TL040' });
  }
});

test('a new version fills the other slot beside the load, and readers never see fewer tasks', async () => {
  const t = await projectingTest();
  for (let round = 0; round < 5; round += 1) await someLives(t);
  await t.project();
  t.keepSealing();
  const newer = projections.map((projection) => ({ ...projection, version: 2 }));
  const switched = Promise.all(
    newer.map(({ name }) => t.signals.next('projection.switched', ({ projection }) => projection === name)),
  );
  t.projector(newer).start();
  let isSwitched = false;
  void switched.then(() => (isSwitched = true));
  let seen = 100;
  while (!isSwitched) {
    await someLives(t, 2);
    const now = (await projectedNames(t)).length;
    expect(now).toBeGreaterThanOrEqual(seen);
    seen = now;
  }
  expect(await caughtUp(t)).toBe(true);
  const { rows } = await t.pool.query('select distinct live, version, building_version from taskledger.projections');
  expect(rows).toEqual([{ live: 'b', version: 2, building_version: null }]);
});

test('a slot that has read less than the live one never goes live', async () => {
  const t = await projectingTest();
  await someLives(t);
  await t.project();
  await t.pool.query("select taskledger.rebuild_projection('tasks')");
  const { rows } = await t.pool.query("select taskledger.switch_projection('tasks') as left_slot");
  expect(rows).toEqual([{ left_slot: null }]);
  expect(await projectedNames(t)).toHaveLength(20);
  await t.project();
  const { rows: after } = await t.pool.query(
    "select live, building_version from taskledger.projections where name = 'tasks'",
  );
  expect(after).toEqual([{ live: 'b', building_version: null }]);
  expect(await projectedNames(t)).toHaveLength(20);
  expect(await t.differences()).toEqual([]);
});

test('a slot goes live with the statistics of its rows, and not before', async () => {
  const t = await projectingTest();
  await someLives(t);
  await t.project();
  await t.pool.query("select taskledger.rebuild_projection('tasks')");
  const holder = await t.pool.connect();
  await holder.query('begin; lock table taskledger.task_rows_b in share update exclusive mode');
  const slot = `select p.live, c.reltuples from taskledger.projections p, pg_class c
                 where p.name = 'tasks' and c.oid = 'taskledger.task_rows_b'::regclass`;
  await t.project();
  expect((await t.pool.query(slot)).rows).toEqual([{ live: 'a', reltuples: -1 }]);
  await holder.query('rollback');
  holder.release();
  await t.project();
  expect((await t.pool.query(slot)).rows).toEqual([{ live: 'b', reltuples: 20 }]);
});

test('a replay names the first row that is not what the log says, and leaves its slot empty', async () => {
  const t = await projectingTest();
  await someLives(t);
  await t.project();
  expect(await t.differences()).toEqual([]);
  await t.pool.query(
    "update taskledger.task_rows set state = 'failed' where task_id = (select task_id from taskledger.task_rows order by task_id desc limit 1)",
  );
  const session = await t.pool.connect();
  const replayed: Replayed[] = [];
  for await (const one of replay(session, [projections[0]!])) replayed.push(one);
  session.release();
  expect(replayed[0]).toMatchObject({
    projection: 'tasks',
    rows: 20,
    difference: { table: 'task_rows', live: { state: 'failed' }, replayed: { state: 'pending' } },
  });
  const { rows } = await t.pool.query('select count(*)::int as left from taskledger.task_rows_b');
  expect(rows).toEqual([{ left: 0 }]);
});
