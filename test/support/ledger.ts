import pg from 'pg';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { fold } from '../../src/events/evolve.ts';
import type { TaskEvent } from '../../src/events/event.ts';
import type { TaskState } from '../../src/events/task-state.ts';
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

interface HotRow {
  readonly task_id: string;
  readonly state: string;
  readonly version: number;
  readonly attempt: number;
  readonly attempts: number;
  readonly lease: string;
  readonly priority: number;
  readonly run_at: Date;
  readonly start_before: Date | null;
  readonly deadline: Date | null;
  readonly checkpoint: string;
}

const hotRows = `select task_id, state, version, attempt, attempts, priority, run_at, start_before, deadline,
    case state when 'leased' then lease_epoch || '/' || lease_version else '-' end as lease,
    coalesce(checkpoint::jsonb::text, '-') as checkpoint
  from taskledger.open_tasks`;

/** Every claim counts the leases that are held under it, and every lease has its claim. */
const miscountedClaims = `select coalesce(c.claim_id, t.claim_id)::text as id, c.open, count(t.task_id)::int as held
  from taskledger.claims c full join taskledger.open_tasks t on t.claim_id = c.claim_id
 where c.claim_id is not null or t.claim_id is not null
 group by 1, c.open having c.open is distinct from count(t.task_id)::int`;

/**
 * I3 and I4: the events of every task follow one another, every row of the hot table equals the fold of its task's events,
 * and every unfinished task has one.
 * @param only look at these tasks; default all
 */
export async function differencesFromLog({ pool, ledger }: TestLedger, only?: readonly string[]): Promise<string[]> {
  const { rows: open } = await pool.query<HotRow>(hotRows);
  const { rows: ids } = await pool.query<{ task_id: string }>(
    'select distinct task_id from taskledger.events where task_id is not null and ($1::uuid[] is null or task_id = any ($1))',
    [only ?? null],
  );
  const { rows: miscounted } = await pool.query<{ id: string; open: number | null; held: number }>(miscountedClaims);
  const differences = miscounted.map(({ id, open, held }) => `claim ${id}: ${open} open, ${held} held`);
  const hot = new Map(open.map((row) => [row.task_id, row]));
  for (const { task_id } of ids) {
    const told = toldBy(fold(await ledger.history(task_id)));
    const kept = keptIn(hot.get(task_id));
    if (told !== kept) differences.push(`${task_id}: log ${told}, hot table ${kept}`);
  }
  return differences;
}

function toldBy(state: TaskState | undefined): string {
  if (state === undefined || !['pending', 'leased', 'in_doubt'].includes(state.state)) return 'finished';
  const { lease, checkpoint, start_before, deadline } = state;
  return [
    `${state.state} v${state.version} p${state.priority} a${state.attempt}/${state.attempts}`,
    lease === null ? '-' : `${lease.epoch}/${lease.version}`,
    state.state === 'in_doubt' ? '' : state.run_at,
    start_before ?? '-',
    deadline ?? '-',
    checkpoint === undefined ? '-' : JSON.stringify(checkpoint),
  ].join(' ');
}

function keptIn(row: HotRow | undefined): string {
  if (row === undefined) return 'finished';
  const { start_before, deadline, checkpoint } = row;
  return [
    `${row.state} v${row.version} p${row.priority} a${row.attempt}/${row.attempts}`,
    row.lease,
    row.state === 'in_doubt' ? '' : row.run_at.toISOString(),
    start_before?.toISOString() ?? '-',
    deadline?.toISOString() ?? '-',
    checkpoint === '-' ? '-' : JSON.stringify(JSON.parse(checkpoint)),
  ].join(' ');
}

export function typesOf(events: readonly TaskEvent[]): string[] {
  return events.map((event) => event.type.replace('task.', ''));
}
