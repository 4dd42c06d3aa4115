import type { Clock } from '../clock.ts';
import { LedgerError } from '../errors.ts';
import { sweepOnce } from '../ledger/sweep.ts';
import type { PreparedQueryable, Queryable } from '../postgres/queryable.ts';

interface WaitOptions {
  readonly timeoutMs: number;
  /** Measures how long it takes. */
  readonly clock: Clock;
  /** What SQL asks for the time, which a test may have moved. */
  readonly sqlNow: () => string;
  /** Ends the wait: nobody is interested any more. */
  readonly signal: AbortSignal;
}

interface BusyTask {
  readonly id: string;
  readonly name: string;
  readonly state: string;
}

const lookEveryMs = 10;
const maxSwept = 500;

/**
 * Resolves when none of the tasks of these names is leased or due. What time alone makes due is recorded meanwhile: the
 * runner's own sweeper would only do so after up to a second.
 * @throws LedgerError TASKLEDGER_TIMEOUT naming one that is; whatever pg throws
 */
export async function waitUntilIdle(
  db: PreparedQueryable,
  names: readonly string[],
  { timeoutMs, clock, sqlNow, signal }: WaitOptions,
): Promise<void> {
  const deadlineMs = clock.monotonic() + timeoutMs;
  while (!signal.aborted) {
    await sweepOnce(db, maxSwept);
    const task = await firstBusy(db, names, sqlNow());
    if (task === undefined) return;
    if (clock.monotonic() >= deadlineMs) throw timedOut(task, timeoutMs);
    await clock.sleep(lookEveryMs, signal);
  }
}

/** By the database's clock, which also decides what a runner may claim. */
async function firstBusy(db: Queryable, names: readonly string[], now: string): Promise<BusyTask | undefined> {
  const { rows } = await db.query(
    `select task_id as id, name, state
       from taskledger.open_tasks
      where name = any ($1) and (state = 'leased' or state = 'pending' and run_at <= ${now})
      order by run_at, task_id limit 1`,
    [names],
  );
  return rows[0] as BusyTask | undefined;
}

function timedOut({ id, name, state }: BusyTask, timeoutMs: number): LedgerError {
  return new LedgerError('TASKLEDGER_TIMEOUT', {
    expected: `every due task to end within ${timeoutMs} ms`,
    found: `task ${id} (${name}) still ${state}`,
    remedy:
      state === 'leased'
        ? 'Allow more time with timeoutMs; if nobody runs it any more, clock.advance past the end of its lease'
        : 'Look at its history, or allow more time with timeoutMs',
    details: { id, name, state },
  });
}
