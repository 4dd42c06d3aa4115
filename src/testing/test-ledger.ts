import type { TaskState } from '../events/task-state.ts';
import type { Handler } from '../ledger/define-task.ts';
import type { Ledger, TaskRef } from '../open-ledger.ts';
import type { ExpectedEvent } from './expect-events.ts';
import type { GivenStep, SubmittedStep } from './given-steps.ts';
import type { TestClock } from './test-clock.ts';

/** What happens to a task, in order. How it is submitted may be said first. */
export type GivenSteps = readonly [] | readonly [SubmittedStep | GivenStep, ...(readonly GivenStep[])];

export interface RunUntilIdle {
  /** Default: those of `startTestLedger`. */
  readonly handlers?: readonly Handler[] | undefined;
  /** Real time, whatever `clock` says. Default 10 000. */
  readonly timeoutMs?: number | undefined;
  /** As of a runner: a handler whose lease was lost hears of it within a third of that, real time. Default 15 000. */
  readonly leaseTtlMs?: number | undefined;
}

/** A ledger for tests, with everything that is needed to run what was submitted to it. */
export interface TestLedger extends AsyncDisposable {
  readonly ledger: Ledger;
  /** Of its database: for the application's own connection, so that it submits in its own transactions. */
  readonly url: string;
  /** The time of the ledger, which a test may move. */
  readonly clock: TestClock;
  /**
   * Submits a task and takes it through these steps with the ledger's own functions, as runners would. A step that needs
   * a lease takes one first: `t.given(settlePayout, { payoutId: '7' }, attemptFailed('the bank is away'))`.
   * @throws LedgerError TASKLEDGER_WRONG_STATE when a step cannot follow, and those of `submit`
   */
  given<Input>(task: TaskRef<Input>, input: Input, ...steps: GivenSteps): Promise<TaskState>;
  /**
   * Compares everything that happened to a task with what was expected.
   * @throws AssertionError that shows where they part; LedgerError TASKLEDGER_NOT_FOUND
   */
  expectEvents(id: string, expected: readonly ExpectedEvent[]): Promise<void>;
  /**
   * Runs a runner until none of its tasks is due or leased, then stops it. A task that is to start later, such as a retry
   * waiting for its backoff, is left pending; so is one that no handler is given for.
   * @throws LedgerError TASKLEDGER_TIMEOUT naming a task that is not done; TASKLEDGER_HANDLERS_INVALID
   */
  runUntilIdle(options?: RunUntilIdle): Promise<void>;
  /** Stops what still runs, closes every connection, and ends the server if it is its own. Twice is fine. */
  stop(): Promise<void>;
}
