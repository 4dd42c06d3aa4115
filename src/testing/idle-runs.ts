import { LedgerError } from '../errors.ts';
import { systemClock } from '../clock.ts';
import type { Handler } from '../ledger/define-task.ts';
import type { Ledger } from '../open-ledger.ts';
import type { PreparedQueryable } from '../postgres/queryable.ts';
import type { Runner } from '../runner/runner.ts';
import type { RunUntilIdle } from './test-ledger.ts';
import { waitUntilIdle } from './wait-until-idle.ts';

interface IdleRunsOptions {
  readonly ledger: Ledger;
  readonly db: PreparedQueryable;
  readonly handlers: readonly Handler[];
  readonly sqlNow: () => string;
}

/** The runs of `runUntilIdle`: each with a runner of its own, all of them ended by `stop`. */
export class IdleRuns {
  readonly #options: IdleRunsOptions;
  readonly #running = new Set<Runner>();
  readonly #stopping = new AbortController();

  constructor(options: IdleRunsOptions) {
    this.#options = options;
  }

  get areUnderWay(): boolean {
    return this.#running.size > 0;
  }

  async run({ handlers = this.#options.handlers, timeoutMs = 10_000, leaseTtlMs }: RunUntilIdle): Promise<void> {
    this.#requireNotStopped();
    const { ledger, db, sqlNow } = this.#options;
    const ttl = leaseTtlMs === undefined ? {} : { leaseTtlMs };
    const runner = ledger.runner({ handlers, pollMs: 20, name: 'test runner', ...ttl });
    this.#running.add(runner);
    try {
      await runner.start();
      const names = handlers.map((handler) => handler.definition.name);
      await waitUntilIdle(db, names, { timeoutMs, clock: systemClock, sqlNow, signal: this.#stopping.signal });
      this.#requireNotStopped();
      await runner.stop();
    } finally {
      await runner.stop(0);
      this.#running.delete(runner);
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([...this.#running].map((runner) => runner.stop(0)));
  }

  #requireNotStopped(): void {
    if (!this.#stopping.signal.aborted) return;
    throw new LedgerError('TASKLEDGER_UNREACHABLE', {
      expected: 'a test ledger that runs',
      found: 'one that was stopped',
      remedy: 'Call runUntilIdle before stop, or start another test ledger',
    });
  }
}
