import type pg from 'pg';
import { auditOf, type Audit } from './audit/audit.ts';
import { systemClock, type Clock } from './clock.ts';
import { readConfig } from './config.ts';
import { follow, type FollowedEvent, type FollowOptions } from './events/blocks/follow.ts';
import type { Codec } from './events/codec.ts';
import type { TaskEvent } from './events/event.ts';
import { fold } from './events/evolve.ts';
import { readTaskEvents } from './events/read.ts';
import type { TaskState, TaskStateName } from './events/task-state.ts';
import { requestAbort } from './ledger/abort.ts';
import { listTasks, type ListFilter, type TaskSummary } from './ledger/list-tasks.ts';
import { decodedEach, decodedHistory, encodedResolution } from './ledger/decoded.ts';
import { refuseUnknownOptions, requireInteger } from './ledger/known-options.ts';
import { writeError } from './ledger/outcome-unknown.ts';
import { requireReason } from './ledger/reason.ts';
import { requestReschedule, type Reschedule } from './ledger/reschedule.ts';
import { resolveTask, type Resolution } from './ledger/resolve.ts';
import { requestRetry } from './ledger/retry.ts';
import {
  submitTask,
  submitTasks,
  type SubmissionItem,
  type SubmissionKind,
  type SubmitContext,
  type SubmitOptions,
  type Submitted,
} from './ledger/submit.ts';
import { requireCallOptions, requireItemOptions, requireItems } from './ledger/submit-options.ts';
import type { Swept } from './ledger/sweep.ts';
import { Sweeper } from './ledger/sweeper.ts';
import { inputJson, requireTask, type TaskRef } from './ledger/task-input.ts';
import { requireTaskId, taskNotFound } from './ledger/task-id.ts';
import { waitForResult } from './ledger/wait-for-result.ts';
import { asQueryable, type CallerTransaction } from './postgres/as-queryable.ts';
import { requireConnectionString } from './postgres/connection-string.ts';
import { createPool } from './postgres/pool.ts';
import { checkSchema } from './postgres/schema-status.ts';
import { translateSqlError } from './postgres/sql-error.ts';
import type { Queryable } from './postgres/queryable.ts';
import { Runner, type RunnerOptions } from './runner/runner.ts';
import { whenCaughtUp } from './projections/caught-up.ts';
import { createSignals, type Signals } from './signals.ts';

export interface LedgerOptions {
  /** Default: the environment's TASKLEDGER_DATABASE_URL. */
  readonly connectionString?: string;
  /** A pg pool of yours to use for everything but runners; it is not ended by `close`. */
  readonly pool?: pg.Pool;
  /** Connections of the ledger's own pool. Default 10. */
  readonly maxConnections?: number;
  readonly signals?: Signals;
  /** Encodes payloads before they are stored, and decodes them: docs/guides/personal-data.md. Runners opened here use it too. */
  readonly codec?: Codec;
  /** What this process takes for the time. Default: the system's. Leases and events go by the database's, whatever this says. */
  readonly clock?: Clock;
}

/** The compiler sees to it that none is forgotten. */
const ledgerOptions: Readonly<Record<keyof LedgerOptions, true>> = {
  connectionString: true,
  pool: true,
  maxConnections: true,
  signals: true,
  codec: true,
  clock: true,
};
const knownLedgerOptions: ReadonlySet<string> = new Set(Object.keys(ledgerOptions));
const followOptions: ReadonlySet<string> = new Set<keyof FollowOptions>(['from', 'signal']);
const reasonOptions: ReadonlySet<string> = new Set(['reason']);

/** No statement of an application may wait longer for its answer: a connection can die without a word. */
const answerTimeoutMs = 60_000;

export interface SubmitCall extends SubmitOptions, SubmitContext {
  /** Your own open transaction: the task exists if and only if it commits. */
  readonly tx?: CallerTransaction;
}

/** One task of `submitMany`: an input with options of its own. */
export interface SubmitItem<Input> extends SubmitOptions {
  readonly input: Input;
}

export type { TaskRef };

/** A connection to one site's ledger. Make one per process. */
export interface Ledger extends AsyncDisposable {
  /** The site this database is. */
  readonly site: string;
  readonly signals: Signals;
  /** Records one task. @throws LedgerError TASKLEDGER_INVALID_INPUT and those of `submitTasks` */
  submit<Input>(task: TaskRef<Input>, input: Input, call?: SubmitCall): Promise<Submitted>;
  /** Records many tasks of one kind, all or none; answers in input order. At most 10 000. */
  submitMany<Input>(task: TaskRef<Input>, items: readonly SubmitItem<Input>[], call?: SubmitCall): Promise<Submitted[]>;
  /** What the task is now: the fold of its events. @throws LedgerError TASKLEDGER_NOT_FOUND */
  get(id: string): Promise<TaskState>;
  /** Every event of the task, oldest first. @throws LedgerError TASKLEDGER_NOT_FOUND */
  history(id: string): Promise<TaskEvent[]>;
  /** Tasks, newest first, a page at a time. */
  list(filter?: ListFilter): Promise<TaskSummary[]>;
  /** True once everything visible at the call is projected; false when that takes longer. Default 10 000 ms. */
  whenCaughtUp(options?: { readonly timeoutMs?: number }): Promise<boolean>;
  /** Waits for the task's output. @throws LedgerError TASKLEDGER_TIMEOUT, TASKLEDGER_TASK_NOT_COMPLETED */
  result(id: string, options?: { readonly timeoutMs?: number }): Promise<unknown>;
  /** Asks for the task to be aborted; answers the state it is in now. @throws LedgerError TASKLEDGER_NOT_FOUND */
  abort(id: string, options?: { readonly reason?: string }): Promise<TaskStateName>;
  /** Asks for a failed, aborted or missed task to be run again; answers the state it is in now. */
  retry(id: string, options?: { readonly reason?: string }): Promise<TaskStateName>;
  /** Asks for a pending task to start at another time or priority; answers the state it is in now. */
  reschedule(id: string, change: Reschedule): Promise<TaskStateName>;
  /** Ends the doubt about a protected task. @throws LedgerError TASKLEDGER_WRONG_STATE when it is not in doubt */
  resolve(id: string, resolution: Resolution): Promise<TaskStateName>;
  /** Ends lost leases, missed windows and passed deadlines once, as every runner does each second. */
  sweep(): Promise<Swept>;
  /** Looking back: verify, prove, export, any task at any moment. Payloads are as they are stored. */
  readonly audit: Audit;
  /**
   * Every sealed event, in an order in which none is skipped and none comes twice; waits for new ones until `signal`
   * aborts. Needs a daemon that seals. Store `position` together with what you do because of the event, and follow from it.
   * @throws LedgerError (while iterating) TASKLEDGER_INVALID_OPTION, TASKLEDGER_UNREACHABLE, TASKLEDGER_NOT_PROVEN
   */
  follow(options?: FollowOptions): AsyncIterableIterator<FollowedEvent>;
  /** A runner for these handlers, not started yet. */
  runner(options: RunnerOptions): Runner;
  close(): Promise<void>;
}

/**
 * Opens the ledger in a database that `taskledger migrate` has prepared.
 * @throws LedgerError TASKLEDGER_INVALID_URL, TASKLEDGER_UNREACHABLE, TASKLEDGER_NOT_MIGRATED, TASKLEDGER_SCHEMA_NEWER
 */
export async function openLedger(options: LedgerOptions = {}): Promise<Ledger> {
  refuseUnknownOptions(options, knownLedgerOptions, 'openLedger');
  const { maxConnections: max = 10 } = options;
  requireInteger(max, 'maxConnections', { min: 1, max: 1000 });
  const signals = options.signals ?? createSignals();
  const connectionString = options.connectionString ?? readConfig('TASKLEDGER_DATABASE_URL');
  const pool =
    options.pool ?? createPool({ connectionString: requireConnectionString(connectionString), max, answerTimeoutMs });
  const close = (): Promise<void> => (options.pool === undefined && !pool.ended ? pool.end() : Promise.resolve());
  try {
    const { site } = await checkSchema(pool);
    const { clock = systemClock, codec } = options;
    return ledgerOn(pool, { site, signals, clock, codec, connectionString, close });
  } catch (error) {
    await close();
    throw translateSqlError(error);
  }
}

interface Opened {
  readonly site: string;
  readonly signals: Signals;
  readonly clock: Clock;
  readonly codec: Codec | undefined;
  readonly connectionString: string | undefined;
  readonly close: () => Promise<void>;
}

function ledgerOn(pool: pg.Pool, { site, signals, clock, codec, connectionString, close }: Opened): Ledger {
  const events = async (id: string): Promise<TaskEvent[]> => {
    const found = await translated(readTaskEvents(pool, requireTaskId(id)));
    if (found.length === 0) throw taskNotFound(id);
    return codec === undefined ? found : await decodedHistory(found, codec);
  };
  const get = async (id: string): Promise<TaskState> => {
    const state = fold(await events(id));
    if (state === undefined) throw taskNotFound(id);
    return state;
  };
  return {
    site,
    signals,
    ...submitCalls(pool, { signals, clock, codec }),
    get,
    history: events,
    whenCaughtUp: ({ timeoutMs = 10_000 } = {}) => translated(whenCaughtUp(pool, clock, { timeoutMs })),
    list: (filter) => translated(listTasks(pool, clock, filter)),
    abort: (id, options = {}) => written(id, (task) => requestAbort(pool, task, reasonOf(options, 'abort'))),
    retry: (id, options = {}) => written(id, (task) => requestRetry(pool, task, reasonOf(options, 'retry'))),
    reschedule: (id, change) => written(id, (task) => requestReschedule(pool, task, change)),
    resolve: async (id, resolution) => {
      const encoded = codec === undefined ? resolution : await encodedResolution(await get(id), resolution, codec);
      return await written(id, (task) => resolveTask(pool, task, encoded));
    },
    audit: auditOf(pool),
    sweep: () => translated(new Sweeper({ db: pool, clock, signals }).runOnce()),
    follow: (options = {}) => {
      refuseUnknownOptions(options, followOptions, 'follow');
      return translatedEach(decodedEach(follow(pool, { ...options, clock }), codec));
    },
    result: (id, { timeoutMs = 60_000 } = {}) => waitForResult(id, get, { timeoutMs, clock }),
    runner: (runnerOptions) =>
      new Runner(runnerOptions, {
        connectionString: requireConnectionString(connectionString),
        clock,
        random: Math.random,
        signals,
        codec,
      }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Submitting, in the caller's transaction where one is given. */
function submitCalls(
  pool: pg.Pool,
  { signals, clock, codec }: Pick<Opened, 'signals' | 'clock' | 'codec'>,
): Pick<Ledger, 'submit' | 'submitMany'> {
  const recorded = async <T extends Submitted | Submitted[]>(work: Promise<T>): Promise<T> => {
    const startedAt = clock.monotonic();
    const answer = await work;
    const tasks = [answer].flat();
    const created = tasks.filter((task) => task.created).length;
    signals.emit('submit.recorded', { tasks: tasks.length, created, durationMs: clock.monotonic() - startedAt });
    return answer;
  };
  const dbOf = ({ tx }: SubmitCall): Queryable => (tx === undefined ? pool : asQueryable(tx));
  return {
    submit: async (task, input, call = {}) => {
      requireTask(task);
      requireCallOptions(call, 'submit');
      return recorded(submitTask(dbOf(call), kindOf(task, call), await inputJson(task, input, codec, call.key), call));
    },
    submitMany: async (task, items, call = {}) => {
      requireTask(task);
      requireCallOptions(call, 'submitMany');
      requireItems(items);
      const batch: SubmissionItem[] = [];
      for (const item of items) {
        requireItemOptions(item);
        const { input, ...own } = item;
        batch.push({ ...own, inputJson: await inputJson(task, input, codec, own.key ?? call.key) });
      }
      return recorded(submitTasks(dbOf(call), kindOf(task, call), batch, call));
    },
  };
}

/** What the definition says of its tasks, and what the call says instead. */
function kindOf<Input>(task: TaskRef<Input>, call: SubmitCall): SubmissionKind {
  const { tx: _tx, realm: _realm, context: _context, ...own } = call;
  if (typeof task === 'string') return { ...own, name: task };
  const { name, queue, priority, retry, timeoutMs } = task;
  return {
    ...(queue === undefined ? {} : { queue }),
    ...(priority === undefined ? {} : { priority }),
    ...(retry === undefined ? {} : { retry }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(task.protected ? { protected: true } : {}),
    ...own,
    name,
  };
}

/** What a request to do something to this task comes to. */
async function written<T>(id: string, request: (taskId: string) => Promise<T>): Promise<T> {
  const taskId = requireTaskId(id);
  try {
    return await request(taskId);
  } catch (error) {
    throw writeError(error, [taskId]);
  }
}

function reasonOf(options: { readonly reason?: string }, what: string): string | undefined {
  refuseUnknownOptions(options, reasonOptions, what);
  return requireReason(options.reason);
}

async function translated<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw translateSqlError(error);
  }
}

async function* translatedEach<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* items;
  } catch (error) {
    throw translateSqlError(error);
  }
}
