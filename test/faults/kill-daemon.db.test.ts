import { expect, test } from 'vitest';
import { spawnDaemon } from '../support/daemon-process.ts';
import { holdEvents } from '../support/held-events.ts';
import { claimSome, expireLeases } from '../support/leases.ts';
import { differencesFromLog, testLedger, typesOf, type TestLedger } from '../support/ledger.ts';

/** kill -9 of a site's daemon at every step of a sweep: the next one ends each lost lease, and none twice. */

const oneSweep = `name === 'sweep.done'`;

/** Two tasks of a runner that is gone; one of them must not be started again. */
async function lostLeases(t: TestLedger): Promise<readonly string[]> {
  const tasks = await t.ledger.submitMany('some.task', [{ input: 1 }, { input: 2, protected: true }]);
  await claimSome(t.pool, 2);
  await expireLeases(t);
  return tasks.map(({ id }) => id);
}

async function swept(t: TestLedger): Promise<boolean> {
  const { rows } = await t.pool.query('select from taskledger.claims');
  return rows.length === 0;
}

/** A second daemon goes on; what it finds to do is done once. */
async function expectSweptOnce(t: TestLedger, [standard = '', payment = '']: readonly string[]): Promise<void> {
  expect(await spawnDaemon(t.url, oneSweep).died).toBe('SIGKILL');
  for (const id of [standard, payment]) {
    expect(typesOf(await t.ledger.history(id))).toEqual(['submitted', 'leased', 'lease_expired']);
  }
  expect((await t.ledger.get(standard)).state).toBe('pending');
  expect((await t.ledger.get(payment)).state).toBe('in_doubt');
  expect(await differencesFromLog(t)).toEqual([]);
}

test.each([
  ['a sweep is about to be sent', `name === 'sweep.begun'`, false],
  ['a sweep is done', oneSweep, true],
])(
  'I4, I10: a daemon killed with -9 as %s leaves nothing half done, and the next one goes on',
  async (_at, diesAt, done) => {
    const t = await testLedger();
    const ids = await lostLeases(t);
    expect(await spawnDaemon(t.url, diesAt).died).toBe('SIGKILL');
    expect(await swept(t)).toBe(done);
    await expectSweptOnce(t, ids);
  },
);

test('I4, I10: a sweep whose daemon is killed while it runs inside the database commits, and is not done again', async () => {
  const t = await testLedger();
  const ids = await lostLeases(t);
  await using held = await holdEvents(t, ['task.lease_expired']);
  const first = spawnDaemon(t.url);
  await held.waiting(1);
  first.kill();
  await first.died;
  await held.release();
  expect(await swept(t)).toBe(true);
  await expectSweptOnce(t, ids);
});
