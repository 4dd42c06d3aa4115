import pg from 'pg';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { defineTask, type Handler, type TaskDefinition } from '../../src/index.ts';
import { openLedger, type Ledger } from '../../src/open-ledger.ts';
import { migrate } from '../../src/postgres/migrate.ts';
import { Runner, type RunnerOptions } from '../../src/runner/runner.ts';
import { createSignals, type Signals } from '../../src/signals.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { proxyTo, type TcpProxy } from './tcp-proxy.ts';

export interface SiteOfRunner {
  readonly url: string;
  readonly pool: pg.Pool;
  readonly ledger: Ledger;
}

export interface RunnerAtTwoSites {
  /** The runner's own. */
  readonly fra: SiteOfRunner;
  readonly ams: SiteOfRunner;
  /** The links over which the runner reaches them. */
  readonly toFra: TcpProxy;
  readonly toAms: TcpProxy;
  /** Of the runner. */
  readonly signals: Signals;
  /** A kind of task nobody else has. */
  readonly task: TaskDefinition<{ readonly n: number }>;
  /** A runner that is stopped when the test ends; not started. */
  runner(handlers: readonly Handler[], options?: Partial<RunnerOptions>): Runner;
}

async function openSite(database: TestDatabase): Promise<SiteOfRunner & AsyncDisposable> {
  const pool = new pg.Pool({ connectionString: database.url, max: 2 });
  pool.on('error', () => undefined);
  const ledger = await openLedger({ connectionString: database.url, maxConnections: 3 });
  const dispose = async (): Promise<void> => {
    await ledger.close();
    await pool.end();
    await database.drop();
  };
  return { url: database.url, pool, ledger, [Symbol.asyncDispose]: dispose };
}

/** Two sites for all tests of a file, to which nobody ships anything. Returns what gives a test its links and its runner. */
export function runnerAtTwoSites(): () => Promise<RunnerAtTwoSites> {
  const opened: (SiteOfRunner & AsyncDisposable)[] = [];
  let tests = 0;
  beforeAll(async () => {
    const empty = await createTestDatabase({ empty: true });
    await migrate({ connectionString: empty.url, site: 'fra' });
    opened.push(await openSite(empty), await openSite(await createTestDatabase()));
  });
  afterAll(async () => {
    for (const site of opened) await site[Symbol.asyncDispose]();
  });
  return async () => {
    const [fra, ams] = [opened[0]!, opened[1]!];
    const [toFra, toAms] = [await proxyTo(fra.url), await proxyTo(ams.url)];
    const signals = createSignals();
    const own = { name: 'fra', connectionString: toFra.url(fra.url), checked: false };
    const sites = { ams: toAms.url(ams.url), fra: own.connectionString };
    tests += 1;
    return {
      fra,
      ams,
      toFra,
      toAms,
      signals,
      task: defineTask<{ readonly n: number }>({ name: `test.of${tests}` }),
      runner(handlers, options = {}) {
        const chosen = { handlers, name: 'r1', concurrency: 2, pollMs: 25, leaseTtlMs: 1500, sites, ...options };
        const runner = new Runner(chosen, { own, clock: systemClock, random: Math.random, signals });
        onTestFinished(async () => {
          toFra.mend();
          toAms.mend();
          await runner.stop(0);
        });
        return runner;
      },
    };
  };
}
