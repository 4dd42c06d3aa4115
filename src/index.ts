/**
 * taskledger: an event-sourced task ledger on PostgreSQL.
 *
 * ```ts
 * import { defineTask, openLedger } from 'taskledger';
 *
 * const greet = defineTask<{ name: string }>({ name: 'greetings.say' });
 * const ledger = await openLedger({ connectionString: 'postgres://…' });
 * await ledger.submit(greet, { name: 'Ada' });
 * const runner = ledger.runner({ handlers: [greet.handle(({ input }) => `Hello ${input.name}`)] });
 * await runner.start();
 * ```
 */
export { openLedger, type Ledger, type LedgerOptions, type TaskRef } from './open-ledger.ts';
export {
  defineTask,
  type Handler,
  type HandlerContext,
  type HandlerFunction,
  type HandlerPlugin,
  type RetryOptions,
  type TaskDefinition,
  type TaskOptions,
} from './ledger/define-task.ts';
export type { AttemptLog, LogFields, LogLevel } from './ledger/attempt-log.ts';
export type { VerifyAnswer, VerifyContext, VerifyFunction } from './ledger/verify.ts';
export type {
  ChildIsolation,
  IsolationOptions,
  PoolIsolation,
  PoolLimits,
  ProcessIsolation,
} from './ledger/isolation.ts';
export type { SubmitCall, SubmitCalls, SubmitItem } from './ledger/submit-calls.ts';
export type { LogLine } from './events/log-line.ts';
export type { Watched, WatchOptions, WatchTrouble } from './ledger/watch.ts';
export type { Durability, ReplicationGoal, SubmitOptions, Submitted } from './ledger/submit.ts';
export type { ListFilter, TaskSummary } from './ledger/list-tasks.ts';
export type { OfferedTask, TaskNeeds } from './ledger/offered.ts';
export type { Unoffered, UnofferedFilter, UnofferedTask } from './ledger/unoffered.ts';
export type { Duration } from './ledger/duration.ts';
export type { StandardSchema } from './ledger/standard-schema.ts';
export { FatalError, RetryAfter, RetryAt } from './runner/retry-errors.ts';
export { tasksOfPlugins } from './runner/plugins/tasks-of-plugins.ts';
export type { Runner, RunnerOptions } from './runner/runner.ts';
export type { FollowedEvent, FollowOptions } from './events/blocks/follow.ts';
export type { Codec, PayloadAbout } from './events/codec.ts';
export type { LedgerEvent } from './events/event.ts';
export type { RequestAnswer, TaskState, TaskStateName } from './events/task-state.ts';
export type {
  Audit,
  BlockChoice,
  Finding,
  Head,
  Moment,
  ProvenEvent,
  VerifyOptions,
  VerifyReport,
} from './audit/audit.ts';
export type { HaltedStream, ProofStatus, SiteStatus } from './replication/status.ts';
export type { Recorded, Replicated } from './replication/when-replicated.ts';
export type { PeerStatus } from './replication/peer-status.ts';
export { LedgerError, type LedgerErrorCode } from './errors.ts';
export { createSignals, type Signal, type SignalMap, type SignalName, type Signals } from './signals.ts';
export { migrate } from './postgres/migrate.ts';
