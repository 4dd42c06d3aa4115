import { appendFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { defineTask, openLedger, type Ledger } from '../../src/index.ts';
import type { EmbeddedPostgres } from '../../src/postgres/embedded/embedded-server.ts';
import { startEmbeddedPostgres } from '../../src/postgres/embedded/start-embedded-postgres.ts';
import { migrate } from '../../src/postgres/migrate.ts';
import type { Signal } from '../../src/signals.ts';
import { urlOfDatabase, withConnection } from '../support/admin-connection.ts';
import { effectsByTask, unexplainedEffects } from '../support/effects.ts';
import { tokensThatDoNotIncrease } from '../support/fencing-tokens.ts';
import { holdEvents } from '../support/held-events.ts';
import { differencesFromLog, typesOf } from '../support/ledger.ts';
import { waitForMissingStandby } from '../support/missing-standby.ts';
import { effectsFile, type Effects } from '../support/runner-process.ts';
import { scaled } from '../support/scale.ts';

/**
 * kill -9 of Postgres itself, with fsync on, at the steps of claim, run and settle, under load. It is started again, and
 * nothing else is: what the ledger had acknowledged is there (I1), and the runner goes on by itself (I10).
 */
let server: EmbeddedPostgres;
beforeAll(async () => {
  server = await startEmbeddedPostgres();
});
afterAll(() => server.stop('immediate'));

interface Site {
  readonly ledger: Ledger;
  readonly pool: pg.Pool;
  readonly effects: Effects;
  /** Ids of tasks whose submission was acknowledged: kept outside the database. */
  readonly acknowledged: string[];
}

let site: Site;
let databases = 0;

beforeEach(async () => {
  databases += 1;
  const name = `killed_${databases}`;
  await withConnection(server.url, (client) => client.query(`create database ${name} template template0`));
  const connectionString = urlOfDatabase(server.url, name);
  await migrate({ connectionString, site: 'ams' });
  const pool = new pg.Pool({ connectionString, max: 4 });
  pool.on('error', () => undefined);
  const ledger = await openLedger({ connectionString, maxConnections: 4 });
  onTestFinished(async () => {
    await ledger.close();
    await pool.end();
  });
  site = { ledger, pool, effects: await effectsFile(), acknowledged: [] };
});

/** Runs until the test ends; counts what it does outside the ledger. */
async function startRunner(
  { ledger, effects: { file } }: Site,
  leaseTtlMs = 15_000,
  go?: Promise<void>,
): Promise<void> {
  const task = defineTask({ name: 'some.task' });
  const handler = task.handle(async ({ taskId, lease }) => {
    await go;
    appendFileSync(file, `runner ${taskId} ${lease.version}\n`);
  });
  const runner = ledger.runner({ handlers: [handler], leaseTtlMs, pollMs: 50, concurrency: 10, maxBatch: 10 });
  onTestFinished(() => runner.stop(0));
  await runner.start();
}

/** Resolves once so many attempts have been started. */
async function started({ ledger: { signals } }: Site, attempts: number): Promise<void> {
  let count = 0;
  await signals.next('attempt.started', () => (count += 1) >= attempts);
}

/** Submits one task after the other, also while the server is away; stops once `enough` says so. */
async function submitUntil({ ledger, acknowledged }: Site, enough: () => boolean): Promise<void> {
  while (!enough()) {
    await ledger.submit('some.task', acknowledged.length).then(
      ({ id }) => acknowledged.push(id),
      // Away, or its answer was lost: this one was not acknowledged. Again when the runner tries again.
      () => ledger.signals.next('exchange.begun'),
    );
  }
}

async function restart(): Promise<void> {
  await server.kill();
  await server.restart();
}

const leftToDo = `select count(*)::int as n from taskledger.open_tasks`;

async function expectRecovered({ ledger, pool, effects, acknowledged }: Site): Promise<void> {
  const left = async (): Promise<number | undefined> =>
    (await pool.query<{ n: number }>(leftToDo).catch(() => undefined))?.rows[0]!.n;
  await expect.poll(left, { timeout: 20_000, interval: 50 }).toBe(0);
  const byTask = effectsByTask(await effects.lines());
  for (const id of acknowledged) {
    expect((await ledger.get(id)).state).toBe('completed');
    expect(byTask.has(id)).toBe(true);
  }
  for (const [id, done] of byTask) expect(unexplainedEffects(await ledger.history(id), done)).toEqual([]);
  expect(await tokensThatDoNotIncrease({ pool })).toEqual([]);
  expect(await differencesFromLog({ pool })).toEqual([]);
}

/** Kills the server inside the `count`th signal that `accept` agrees to, while tasks are submitted. */
async function killAtSignal(accept: (signal: Signal) => boolean, count: number): Promise<void> {
  let seen = 0;
  let restarted: Promise<void> | undefined;
  let isBack = false;
  site.ledger.signals.subscribe((signal) => {
    if (!accept(signal) || (seen += 1) !== count) return;
    process.kill(server.pid, 'SIGKILL');
    restarted = restart().then(() => void (isBack = true));
  });
  // Leases whose answer was lost have to run out.
  await startRunner(site, 2000);
  const enough = scaled(60);
  await submitUntil(site, () => isBack && site.acknowledged.length >= enough);
  await restarted;
}

const steps: readonly (readonly [string, (signal: Signal) => boolean, number])[] = [
  ['a claim is about to be sent', ({ name, data }) => name === 'exchange.begun' && data.asked > 0, 5],
  ['a claim was answered', ({ name, data }) => name === 'claim.granted' && data.tasks > 0, 5],
  ['outcomes are about to be sent', ({ name, data }) => name === 'exchange.begun' && data.outcomes > 0, 5],
  ['outcomes were recorded', ({ name }) => name === 'settle.recorded', 5],
  ['a sweep is about to be sent', ({ name }) => name === 'sweep.begun', 2],
];

test.each(steps)(
  'I1, I10: Postgres killed as %s comes back with all it acknowledged, and work goes on',
  async (_at, accept, count) => {
    await killAtSignal(accept, count);
    await expectRecovered(site);
  },
);

test.each([
  ['claim', 'task.leased'],
  ['settle', 'task.completed'],
])(
  'I10: of a %s that Postgres was killed in the middle of nothing is left, and it is done again',
  async (_what, type) => {
    await using held = await holdEvents(site, [type]);
    await startRunner(site);
    await submitUntil(site, () => site.acknowledged.length >= 20);
    await held.waiting(1);
    await server.kill();
    await server.restart();
    await expectRecovered(site);
    await expectRunOnce(site);
  },
);

test('I1: a claim that committed and never answered is kept: its runner recalls it, or its leases run out', async () => {
  await submitUntil(site, () => site.acknowledged.length >= 10);
  const standby = await waitForMissingStandby(site.pool);
  await startRunner(site, 1000);
  await standby.waits('taskledger.claim');
  await standby.dismiss();
  await restart();
  await expectRecovered(site);
  const histories = await Promise.all(site.acknowledged.map((id) => site.ledger.history(id)));
  // Recalled in time: one lease. Else it ran out first: the next one comes after the record of that.
  for (const types of histories.map(typesOf)) {
    const leases = types.filter((type) => type === 'leased').length;
    expect(leases).toBe(1 + types.filter((type) => type === 'lease_expired').length);
  }
  expect((await site.effects.lines()).length).toBe(site.acknowledged.length);
});

test('I1: outcomes that committed and were never answered are kept, and sent again change nothing', async () => {
  let goAhead = (): void => undefined;
  const go = new Promise<void>((resolve) => (goAhead = resolve));
  await submitUntil(site, () => site.acknowledged.length >= 10);
  // All of them in hand: an exchange that also leased would leave leases nobody heard of.
  const begun = started(site, 10);
  await startRunner(site, 15_000, go);
  await begun;
  const standby = await waitForMissingStandby(site.pool);
  goAhead();
  await standby.waits('taskledger.settle');
  await standby.dismiss();
  await restart();
  await expectRecovered(site);
  await expectRunOnce(site);
});

async function expectRunOnce({ ledger, effects, acknowledged }: Site): Promise<void> {
  expect((await effects.lines()).length).toBe(acknowledged.length);
  for (const id of acknowledged) expect(await ledger.get(id)).toMatchObject({ attempt: 1, refused_results: 0 });
}
