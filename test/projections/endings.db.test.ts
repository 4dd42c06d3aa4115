import { expect, test } from 'vitest';
import { installMovableTime, setTime } from '../../src/testing/movable-time.ts';
import type { Claim } from '../../src/ledger/claim.ts';
import { closeIncident, raiseIncident } from '../support/incidents.ts';
import { claimSome, expireLeases, settleAll } from '../support/leases.ts';
import { projectingTest, type ProjectingTest } from './projecting.ts';

/** Ways to end that random lives may not come upon, all of them, each followed by a block. */

const inMs = (ms: number): Date => new Date(Date.now() + ms);
const usage = { reportJson: JSON.stringify({ usage: { cpu_ms: 12, max_rss_bytes: 4096 } }) };

async function leased(t: ProjectingTest, name: string, options = {}): Promise<{ id: string; claim: Claim }> {
  const { id } = await t.ledger.submit(name, 1, options);
  return { id, claim: await claimSome(t.pool, 1, { names: [name] }) };
}

async function settled(t: ProjectingTest): Promise<void> {
  for (const kind of ['completed', 'failed', 'retry', 'released', 'aborted', 'in_doubt'] as const) {
    const { claim } = await leased(t, `settled.${kind}`, { protected: kind === 'in_doubt' });
    await settleAll(t.pool, claim, kind, { ...usage, retryInMs: 0 });
    if (kind === 'retry' || kind === 'released') await claimSome(t.pool, 1, { names: [`settled.${kind}`] });
    await t.sealer.runOnce();
  }
}

async function resolved(t: ProjectingTest): Promise<void> {
  for (const outcome of ['completed', 'failed', 'rerun'] as const) {
    const { id, claim } = await leased(t, `resolved.${outcome}`, { protected: true });
    await settleAll(t.pool, claim, 'in_doubt');
    await t.sealer.runOnce();
    await t.ledger.resolve(id, { outcome });
    if (outcome === 'rerun') await claimSome(t.pool, 1, { names: [`resolved.${outcome}`] });
    await t.sealer.runOnce();
  }
}

async function ranOut(t: ProjectingTest): Promise<void> {
  await leased(t, 'lost.pending');
  await leased(t, 'lost.failed', { retry: { attempts: 1 } });
  await leased(t, 'lost.in_doubt', { protected: true });
  await expireLeases(t);
  await t.ledger.submit('window.missed', 1, { startBefore: inMs(30_000) });
  await t.ledger.submit('window.overdue', 1, { deadline: inMs(30_000) });
  await t.sealer.runOnce();
}

/** Two minutes later: what was to start then is claimed 10 ms after it could be. */
async function late(t: ProjectingTest): Promise<void> {
  const due = inMs(120_000);
  await t.ledger.submit('late.started', 1, { startAfter: due });
  const { id } = await t.ledger.submit('late.moved', 1);
  await t.ledger.reschedule(id, { startAfter: inMs(50_000) });
  await setTime(t.pool, { offsetMs: 0, frozenAt: new Date(due.getTime() + 10) });
  await t.ledger.sweep();
  for (const name of ['late.started', 'late.moved', 'lost.pending']) await claimSome(t.pool, 1, { names: [name] });
  await t.sealer.runOnce();
}

async function redriven(t: ProjectingTest): Promise<void> {
  const { id } = await t.ledger.submit('aborted.unbegun', 1);
  await t.ledger.abort(id);
  await t.sealer.runOnce();
  await t.ledger.retry(id);
  await claimSome(t.pool, 1, { names: ['aborted.unbegun'] });
  await t.sealer.runOnce();
}

async function incidents({ pool, sealer }: ProjectingTest): Promise<void> {
  const closedTwice = await raiseIncident(pool, 'closed twice');
  await closeIncident(pool, closedTwice, 'first');
  await closeIncident(pool, closedTwice);
  await raiseIncident(pool, 'open');
  await sealer.runOnce();
}

test('I4: every way an attempt, a task and an incident can end is in the rows as the fold tells it', async () => {
  const t = await projectingTest();
  await installMovableTime(t.pool);
  for (const live of [settled, resolved, ranOut, late, redriven, incidents]) await live(t);
  await t.project();
  expect(await t.differences()).toEqual([]);

  // That nothing was left out above: no counter is 0, no column of an attempt is empty but that of plugins.
  const [minutes, attempts] = await Promise.all(
    ['queue_minute_rows', 'attempt_rows'].map(async (table) => {
      const { rows } = await t.pool.query<Record<string, unknown>>(`select * from taskledger.${table}`);
      return rows;
    }),
  );
  const seen = (rows: Record<string, unknown>[] | undefined): string[] =>
    Object.keys(rows?.[0] ?? {}).filter((column) => rows?.some((row) => row[column] !== null && row[column] !== '0'));
  expect(seen(minutes)).toEqual(Object.keys(minutes?.[0] ?? {}));
  expect(seen(attempts)).toEqual(Object.keys(attempts?.[0] ?? {}).filter((column) => column !== 'plugin'));
  expect(new Set(attempts?.map(({ outcome }) => outcome))).toEqual(
    new Set([null, 'aborted', 'attempt_failed', 'completed', 'failed', 'in_doubt', 'lease_expired', 'lease_released']),
  );
});
