import { systemClock } from '../clock.ts';
import type { Handler } from '../ledger/define-task.ts';
import { openLedger, type Ledger } from '../open-ledger.ts';
import type { EmbeddedPostgres } from '../postgres/embedded/embedded-server.ts';
import { startEmbeddedPostgres } from '../postgres/embedded/start-embedded-postgres.ts';
import { migrate } from '../postgres/migrate.ts';
import { createPool } from '../postgres/pool.ts';
import { createSignals } from '../signals.ts';
import { expectEvents } from './expect-events.ts';
import { takeSteps, type GivenStep, type SubmittedStep } from './given-steps.ts';
import { IdleRuns } from './idle-runs.ts';
import { MovableClock } from './test-clock.ts';
import type { GivenSteps, TestLedger } from './test-ledger.ts';

export interface TestLedgerOptions {
  /** What `runUntilIdle` runs unless it is given others. */
  readonly handlers?: readonly Handler[] | undefined;
  /** A database to use, of a user who may migrate it. Default: a PostgreSQL server of its own, gone after `stop`. */
  readonly connectionString?: string | undefined;
}

type Pool = ReturnType<typeof createPool>;

/** A crash of the machine would lose a temporary server's data anyway: it need not wait for the disk. */
const settings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };

/**
 * Starts a migrated ledger for tests. It takes a few seconds with a server of its own: start one for a test file, or give
 * each test a `connectionString` to a database that is there already.
 * @throws LedgerError TASKLEDGER_NO_POSTGRES_BINARY, TASKLEDGER_EMBEDDED_FAILED, and those of `migrate` and `openLedger`
 */
export async function startTestLedger(options: TestLedgerOptions = {}): Promise<TestLedger> {
  const server = options.connectionString === undefined ? await startEmbeddedPostgres({ settings }) : undefined;
  const url = options.connectionString ?? server?.url ?? '';
  try {
    await migrate({ connectionString: url });
    return await testLedgerOn(url, server, options.handlers ?? []);
  } catch (error) {
    await server?.stop('immediate');
    throw error;
  }
}

async function testLedgerOn(
  url: string,
  server: EmbeddedPostgres | undefined,
  handlers: readonly Handler[],
): Promise<TestLedger> {
  const pool = createPool({ connectionString: url, max: 5, applicationName: 'taskledger/testing' });
  const clock = new MovableClock({
    pool,
    real: systemClock,
    // While a runner runs, a lease that has just ended must be lost before its runner can renew it.
    onMoved: async () => {
      if (runs.areUnderWay) await ledger.sweep();
    },
  });
  const ledger = await openOn(pool, url, clock);
  const runs = new IdleRuns({ ledger, db: pool, handlers, sqlNow: () => clock.sqlNow });
  const stop = async (): Promise<void> => {
    await runs.stop();
    // A server of its own is thrown away; a given database stays, and must not live in another time.
    if (server === undefined) await clock.reset();
    await pool.end();
    await server?.stop('immediate');
  };
  let stopped: Promise<void> | undefined;
  const stopOnce = (): Promise<void> => (stopped ??= stop());
  return {
    ledger,
    url,
    clock,
    given: async (task, input, ...all) => {
      const { call, steps } = takenApart(all);
      const { id } = await ledger.submit(task, input, call);
      await takeSteps(pool, () => ledger.get(id), steps);
      return ledger.get(id);
    },
    expectEvents: async (id, expected) => expectEvents(await ledger.history(id), expected),
    runUntilIdle: (options = {}) => runs.run(options),
    stop: stopOnce,
    [Symbol.asyncDispose]: stopOnce,
  };
}

/** In real time to begin with, even where a test run that was cut off has left another one. */
async function openOn(pool: Pool, connectionString: string, clock: MovableClock): Promise<Ledger> {
  try {
    await clock.reset();
    return await openLedger({ pool, connectionString, signals: createSignals(), clock: clock.forRunner });
  } catch (error) {
    await pool.end();
    throw error;
  }
}

function takenApart(all: GivenSteps): { call: SubmittedStep['call']; steps: readonly GivenStep[] } {
  const [first, ...rest] = all;
  if (first === undefined) return { call: {}, steps: [] };
  return first.step === 'submitted' ? { call: first.call, steps: rest } : { call: {}, steps: [first, ...rest] };
}
