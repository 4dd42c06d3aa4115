import pg from 'pg';
import { onTestFinished } from 'vitest';
import { fold } from '../../src/events/evolve.ts';
import type { TaskEvent } from '../../src/events/event.ts';
import { openLedger, type Ledger } from '../../src/open-ledger.ts';
import type { Handler } from '../../src/ledger/define-task.ts';
import type { Runner, RunnerOptions } from '../../src/runner/runner.ts';
import { createTestDatabase } from './database.ts';

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
  const database = await createTestDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 4 });
  pool.on('error', () => undefined);
  const ledger = await openLedger({ connectionString: database.url });
  const runners: Runner[] = [];
  onTestFinished(async () => {
    await Promise.all(runners.map((runner) => runner.stop(0)));
    await ledger.close();
    await pool.end();
    await database.drop();
  });
  return {
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
        const { rows } = await pool.query<{ left: boolean }>(anyLeft);
        if (rows[0]?.left !== true) return;
        await ledger.signals.next('settle.recorded');
      }
    },
  };
}

interface HotRow {
  readonly task_id: string;
  readonly state: string;
  readonly version: number;
  readonly attempt: number;
  readonly lease_version: number | null;
}

/** I4: every row of the hot table equals the fold of its task's events, and every unfinished task has one. */
export async function differencesFromLog({ pool, ledger }: TestLedger): Promise<string[]> {
  const { rows: open } = await pool.query<HotRow>(
    'select task_id, state, version, attempt, lease_version from taskledger.open_tasks',
  );
  const { rows: ids } = await pool.query<{ task_id: string }>(
    'select distinct task_id from taskledger.events where task_id is not null',
  );
  const hot = new Map(open.map((row) => [row.task_id, row]));
  const differences: string[] = [];
  for (const { task_id } of ids) {
    const state = fold(await ledger.history(task_id));
    const row = hot.get(task_id);
    const isOpen = state !== undefined && ['pending', 'leased', 'in_doubt'].includes(state.state);
    const told = isOpen
      ? `${state.state} v${state.version} a${state.attempt} l${state.lease?.version ?? '-'}`
      : 'finished';
    const kept =
      row === undefined
        ? 'finished'
        : `${row.state} v${row.version} a${row.attempt} l${row.state === 'leased' ? row.lease_version : '-'}`;
    if (told !== kept) differences.push(`${task_id}: log ${told}, hot table ${kept}`);
  }
  return differences;
}

export function typesOf(events: readonly TaskEvent[]): string[] {
  return events.map((event) => event.type.replace('task.', ''));
}
