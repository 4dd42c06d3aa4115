/** taskledger/testing: what the tests of an application need. See docs/testing.md. */
export { startTestLedger, type TestLedgerOptions } from './start-test-ledger.ts';
export type { GivenSteps, RunUntilIdle, TestLedger } from './test-ledger.ts';
export type { TestClock } from './test-clock.ts';
export { runHandler, type HandlerRun, type RunHandlerOptions } from './run-handler.ts';
export { submitted, type GivenStep, type SubmittedStep } from './given-steps.ts';
export { attemptFailed, completed, failed, leased, progressed, released } from './given-steps.ts';
export { expectEvents, type EventName, type ExpectedEvent } from './expect-events.ts';
export { stateAfter } from './state-after.ts';
