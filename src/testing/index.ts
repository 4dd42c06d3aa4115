/** taskledger/testing: what the tests of an application need. See docs/testing.md. */
export { startTestLedger, type RunUntilIdle, type TestLedger, type TestLedgerOptions } from './start-test-ledger.ts';
export { stateAfter } from './state-after.ts';
