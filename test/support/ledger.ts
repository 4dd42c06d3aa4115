import pg from 'pg';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import type { TaskEvent } from '../../src/events/event.ts';
import { openLedger, type Ledger } from '../../src/open-ledger.ts';
import type { Handler } from '../../src/ledger/define-task.ts';
import { withSnapshot } from '../../src/postgres/snapshot.ts';
import { compareOpenTasks } from '../../src/projections/open-tasks/compare-open-tasks.ts';
import type { Difference } from '../../src/projections/open-tasks/difference.ts';
import type { Runner, RunnerOptions } from '../../src/runner/runner.ts';
import { createTestDatabase } from './database.ts';
import { differencesOfRebuild } from './rebuild-on-a-copy.ts';

export interface TestLedger {
  readonly ledger: Ledger;
  readonly url: string;
  /** A superuser's pool on the same database. */
  readonly pool: pg.Pool;
  /** Starts a runner that is stopped when the test ends. */
  run(handlers: readonly Handler[], options?: Partial<RunnerOptions>): Promise<Runner>;
  /** Resolves when no task is pending or leased any more. */
  settled(): Promise<void>;
}

/** A ledger on a database of this test's own; everything is closed when the test ends. */
export async function testLedger(): Promise<TestLedger> {
  const { close, ...opened } = await openTestLedger();
  onTestFinished(close);
  return opened;
}

/** One ledger for all tests of a file, made before the first: for tests that write nothing. Returns how to get it. */
export function sharedLedger(): () => TestLedger {
  let opened: (TestLedger & { close: () => Promise<void> }) | undefined;
  beforeAll(async () => {
    opened = await openTestLedger();
  });
  afterAll(() => opened?.close());
  return () => opened!;
}

async function openTestLedger(): Promise<TestLedger & { close: () => Promise<void> }> {
  const database = await createTestDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 4 });
  pool.on('error', () => undefined);
  const ledger = await openLedger({ connectionString: database.url });
  const runners: Runner[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(runners.map((runner) => runner.stop(0)));
    await ledger.close();
    await pool.end();
    await database.drop();
  };
  return {
    close,
    ledger,
    url: database.url,
    pool,
    async run(handlers, options = {}) {
      const runner = ledger.runner({ handlers, pollMs: 50, drainMs: 1000, ...options });
      runners.push(runner);
      await runner.start();
      return runner;
    },
    async settled() {
      const anyLeft = "select exists (select from taskledger.open_tasks where state in ('pending', 'leased')) as left";
      for (;;) {
        // Asked for first: what is settled while the query is on its way must not be missed.
        const settled = ledger.signals.next('settle.recorded');
        const { rows } = await pool.query<{ left: boolean }>(anyLeft);
        if (rows[0]?.left !== true) return;
        await settled;
      }
    },
  };
}

/**
 * I3 and I4: the events of every task follow one another, the hot tables equal the fold of the events, and a rebuild of them
 * from the log makes the same rows again (tried in a transaction that is rolled back).
 * @param only look at these tasks, and rebuild nothing; default all
 */
export async function differencesFromLog(
  { pool }: Pick<TestLedger, 'pool'>,
  only?: readonly string[],
): Promise<string[]> {
  const found = await withSnapshot(pool, async (db) => {
    const differences: Difference[] = [];
    for await (const difference of compareOpenTasks(db, only)) differences.push(difference);
    return differences.map(
      ({ what, id, column, log, found: hot }) =>
        `${what} ${id}: ${column} is ${JSON.stringify(hot)}, by the log ${JSON.stringify(log)}`,
    );
  });
  return only === undefined ? [...found, ...(await differencesOfRebuild(pool))] : found;
}

export function typesOf(events: readonly TaskEvent[]): string[] {
  return events.map((event) => event.type.replace('task.', ''));
}
