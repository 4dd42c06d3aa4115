import { systemClock } from '../clock.ts';
import { LedgerError } from '../errors.ts';
import type { Handler } from '../ledger/define-task.ts';
import { openLedger, type Ledger } from '../open-ledger.ts';
import type { EmbeddedPostgres } from '../postgres/embedded/embedded-server.ts';
import { startEmbeddedPostgres } from '../postgres/embedded/start-embedded-postgres.ts';
import { migrate } from '../postgres/migrate.ts';
import { createPool } from '../postgres/pool.ts';
import type { Runner } from '../runner/runner.ts';
import { createSignals } from '../signals.ts';
import { waitUntilIdle } from './wait-until-idle.ts';

export interface TestLedgerOptions {
  /** What `runUntilIdle` runs unless it is given others. */
  readonly handlers?: readonly Handler[] | undefined;
  /** A database to use, of a user who may migrate it. Default: a PostgreSQL server of its own, gone after `stop`. */
  readonly connectionString?: string | undefined;
}

export interface RunUntilIdle {
  /** Default: those of `startTestLedger`. */
  readonly handlers?: readonly Handler[] | undefined;
  /** Default 10 000. */
  readonly timeoutMs?: number | undefined;
}

/** A ledger for tests, with everything that is needed to run what was submitted to it. */
export interface TestLedger extends AsyncDisposable {
  readonly ledger: Ledger;
  /** Of its database: for the application's own connection, so that it submits in its own transactions. */
  readonly url: string;
  /**
   * Runs a runner until none of its tasks is due or leased, then stops it. A task that is to start later, such as a retry
   * waiting for its backoff, is left pending; so is one that no handler is given for.
   * @throws LedgerError TASKLEDGER_TIMEOUT naming a task that is not done; TASKLEDGER_HANDLERS_INVALID
   */
  runUntilIdle(options?: RunUntilIdle): Promise<void>;
  /** Stops what still runs, closes every connection, and ends the server if it is its own. Twice is fine. */
  stop(): Promise<void>;
}

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
  ownHandlers: readonly Handler[],
): Promise<TestLedger> {
  const pool = createPool({ connectionString: url, max: 5, applicationName: 'taskledger/testing' });
  const signals = createSignals();
  const ledger = await openLedger({ pool, connectionString: url, signals }).catch(async (error: unknown) => {
    await pool.end();
    throw error;
  });
  const running = new Set<Runner>();
  const stopping = new AbortController();
  let stopped: Promise<void> | undefined;

  const runUntilIdle = async ({ handlers = ownHandlers, timeoutMs = 10_000 }: RunUntilIdle = {}): Promise<void> => {
    if (stopped !== undefined) throw alreadyStopped();
    const runner = ledger.runner({ handlers, pollMs: 20, name: 'test runner' });
    running.add(runner);
    try {
      await runner.start();
      const names = handlers.map((handler) => handler.definition.name);
      await waitUntilIdle(pool, names, { timeoutMs, clock: systemClock, signal: stopping.signal });
      if (stopping.signal.aborted) throw alreadyStopped();
      await runner.stop();
    } finally {
      await runner.stop(0);
      running.delete(runner);
    }
  };
  const stop = async (): Promise<void> => {
    stopping.abort();
    await Promise.all([...running].map((runner) => runner.stop(0)));
    await pool.end();
    await server?.stop('immediate');
  };
  const stopOnce = (): Promise<void> => (stopped ??= stop());
  return { ledger, url, runUntilIdle, stop: stopOnce, [Symbol.asyncDispose]: stopOnce };
}

function alreadyStopped(): LedgerError {
  return new LedgerError('TASKLEDGER_UNREACHABLE', {
    expected: 'a test ledger that runs',
    found: 'one that was stopped',
    remedy: 'Call runUntilIdle before stop, or start another test ledger',
  });
}
