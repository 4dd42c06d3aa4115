import { expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { whenCaughtUp } from '../../src/projections/caught-up.ts';
import { projections } from '../../src/projections/projections.ts';
import { projectingTest, type ProjectingTest } from '../projections/projecting.ts';
import { spawnDaemon } from '../support/daemon-process.ts';
import { holdStatements } from '../support/held-statements.ts';
import { closeIncident, raiseIncident } from '../support/incidents.ts';
import { claimSome, settleAll } from '../support/leases.ts';

/** kill -9 of a daemon at every step of projecting: the next one goes on, and each event is in the rows exactly once. */

const names = projections.map(({ name }) => name);

/** A block with something for every projection. */
async function sealSome({ ledger, pool, sealer }: ProjectingTest): Promise<void> {
  await ledger.submitMany('some.task', [{ input: 1 }, { input: 2 }, { input: 3 }]);
  await settleAll(pool, await claimSome(pool, 2), 'completed');
  await closeIncident(pool, await raiseIncident(pool, 'closed by hand'));
  await raiseIncident(pool, 'open');
  expect((await sealer.runOnce()).blocks).toBe(1);
}

/** Another daemon reads what is left; then every row is what the log says (I4): nothing twice, nothing passed over. */
async function expectReadOnce(t: ProjectingTest): Promise<void> {
  spawnDaemon(t.url);
  expect(await whenCaughtUp(t.pool, systemClock, { timeoutMs: 20_000 })).toBe(true);
  expect(await t.differences()).toEqual([]);
}

async function killedAt(t: ProjectingTest, diesAt: string): Promise<void> {
  expect(await spawnDaemon(t.url, diesAt).died).toBe('SIGKILL');
}

test.each([
  ['before a block', 'projection.begun'],
  ['after its commit', 'projection.advanced'],
])('I8, I10: each projector killed with -9 %s: the next one goes on, nothing twice', async (_when, signal) => {
  const t = await projectingTest();
  for (const name of names) {
    await sealSome(t);
    await killedAt(t, `name === '${signal}' && data.projection === '${name}'`);
  }
  await expectReadOnce(t);
});

/** Resolves once each cursor is in the hands of a projector, alone or with others. */
async function everyCursorHeld({ pool }: ProjectingTest): Promise<void> {
  const cursors = `select (select count(*)::int from taskledger.cursors) as cursors,
    (select count(*)::int from (select from taskledger.cursors for no key update skip locked) free) as free`;
  await expect
    .poll(async () => (await pool.query<Record<string, number>>(cursors)).rows, { timeout: 15_000 })
    .toEqual([{ cursors: names.length, free: 0 }]);
}

const middles = [
  `before insert on taskledger.task_rows for each row when (new.state = 'pending')`,
  'before insert on taskledger.attempt_rows for each row',
  `before insert on taskledger.queue_duration_rows for each row when (new.what = 'wait')`,
  'before insert on taskledger.incident_rows for each row',
];
const beforeCommit = 'after update on taskledger.cursors deferrable initially deferred for each row';

test.each([
  ['in the middle of the rows', 'ends with it', middles.map((fires) => ['trigger', fires] as const)],
  ['in the middle of the rows', 'goes on', middles.map((fires) => ['trigger', fires] as const)],
  ['after the rows, before the commit', 'ends with it', [['constraint trigger', beforeCommit] as const]],
  ['after the rows, before the commit', 'goes on', [['constraint trigger', beforeCommit] as const]],
])('I8, I10: all projectors killed with -9 %s, and the session %s: nothing twice', async (_when, session, triggers) => {
  const t = await projectingTest();
  await sealSome(t);
  await sealSome(t);
  await using held = await holdStatements(t, triggers);
  const first = spawnDaemon(t.url);
  await held.waiting(1);
  await everyCursorHeld(t);
  first.kill();
  await first.died;
  const { rows } = await t.pool.query<{ died: Date }>('select clock_timestamp() as died');
  // It comes before the server knows, and waits.
  spawnDaemon(t.url);
  const waiting = `from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  await expect
    .poll(async () => (await t.pool.query(`select ${waiting} and backend_start > $1`, [rows[0]!.died])).rows.length, {
      timeout: 15_000,
    })
    .toBe(names.length);
  if (session === 'ends with it')
    await t.pool.query(`select pg_terminate_backend(pid) ${waiting} and wait_event = 'advisory'`);
  await held.release();
  await expectReadOnce(t);
});

test.each([
  ['before a block', `name === 'projection.begun' && data.slot === 'b'`],
  ['after its commit', `name === 'projection.advanced' && data.slot === 'b'`],
  ['after the switch', `name === 'projection.switched'`],
])(
  'I8, I10: killed with -9 %s while it fills the other slot: the next one goes live with it',
  async (_when, diesAt) => {
    const t = await projectingTest();
    await sealSome(t);
    await t.project();
    for (const name of names) {
      await t.pool.query('select taskledger.rebuild_projection($1)', [name]);
      await killedAt(t, `data.projection === '${name}' && ${diesAt}`);
    }
    await sealSome(t);
    spawnDaemon(t.url);
    const live = async (): Promise<unknown[]> =>
      (await t.pool.query<object>('select distinct live from taskledger.projections')).rows;
    await expect.poll(live, { timeout: 20_000 }).toEqual([{ live: 'b' }]);
    await expectReadOnce(t);
  },
);
