import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { auditOf, type Audit } from './audit/audit.ts';
import { systemClock, type Clock } from './clock.ts';
import { readConfig } from './config.ts';
import { follow, type FollowedEvent, type FollowOptions } from './events/blocks/follow.ts';
import type { Codec } from './events/codec.ts';
import type { TaskEvent } from './events/event.ts';
import { fold } from './events/evolve.ts';
import { readTaskEvents } from './events/read.ts';
import type { RequestAnswer, TaskState, TaskStateName } from './events/task-state.ts';
import { requestAbort } from './ledger/abort.ts';
import { LogListener } from './ledger/log-listener.ts';
import { listTasks, type ListFilter, type TaskSummary } from './ledger/list-tasks.ts';
import { decodedEach, decodedHistory, encodedResolution } from './ledger/decoded.ts';
import { refuseUnknownOptions, requireInteger } from './ledger/known-options.ts';
import { isOffered, readOffered, tellUnoffered, type OfferedTask, type TaskNeeds } from './ledger/offered.ts';
import { writeError } from './ledger/outcome-unknown.ts';
import { requireReason } from './ledger/reason.ts';
import { readOwner } from './ledger/owner.ts';
import { requestReschedule, type Reschedule } from './ledger/reschedule.ts';
import { resolveTask, type Resolution } from './ledger/resolve.ts';
import { queueRules, type QueueRules } from './ledger/rules.ts';
import { requestRetry } from './ledger/retry.ts';
import { submitCalls, type SubmitCalls } from './ledger/submit-calls.ts';
import type { ReplicationGoal } from './ledger/submit.ts';
import type { Swept } from './ledger/sweep.ts';
import { Sweeper } from './ledger/sweeper.ts';
import { requireTaskId, taskNotFound } from './ledger/task-id.ts';
import {
  listUnoffered,
  readUnoffered,
  type Unoffered,
  type UnofferedFilter,
  type UnofferedTask,
} from './ledger/unoffered.ts';
import { waitForResult } from './ledger/wait-for-result.ts';
import { watch, type Watched, type WatchOptions } from './ledger/watch.ts';
import { requireConnectionString } from './postgres/connection-string.ts';
import { connectionOf, createPool } from './postgres/pool.ts';
import { checkSchema } from './postgres/schema-status.ts';
import { translateSqlError } from './postgres/sql-error.ts';
import { readSiteStatus, type SiteStatus } from './replication/status.ts';
import { OtherSites, positionsOf, type Recorded, type Replicated } from './replication/when-replicated.ts';
import type { Runner, RunnerOptions } from './runner/runner.ts';
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
  /**
   * The other sites, for `whenReplicated` and `durability`: connection strings by name, of users with the role
   * taskledger_peer. Nothing connects before it is asked for.
   */
  readonly peers?: Readonly<Record<string, string>>;
}

/** The compiler sees to it that none is forgotten. */
const ledgerOptions = {
  connectionString: true,
  pool: true,
  maxConnections: true,
  signals: true,
  codec: true,
  clock: true,
  peers: true,
} satisfies Readonly<Record<keyof LedgerOptions, true>>;
const knownLedgerOptions: ReadonlySet<string> = new Set(Object.keys(ledgerOptions));
const followOptions: ReadonlySet<string> = new Set<keyof FollowOptions>(['from', 'signal']);
const reasonOptions: ReadonlySet<string> = new Set(['reason']);

/** No statement of an application may wait longer for its answer: a connection can die without a word. */
const answerTimeoutMs = 60_000;

export type { TaskRef } from './ledger/task-input.ts';

/** A connection to one site's ledger. Make one per process. */
export interface Ledger extends SubmitCalls, AsyncDisposable {
  /** The site this database is. */
  readonly site: string;
  readonly signals: Signals;
  /** What the task is now: the fold of its events. @throws LedgerError TASKLEDGER_NOT_FOUND */
  get(id: string): Promise<TaskState>;
  /** Every event of the task, oldest first. @throws LedgerError TASKLEDGER_NOT_FOUND */
  history(id: string): Promise<TaskEvent[]>;
  /**
   * Tasks, the last submitted first, a page at a time.
   * @throws LedgerError TASKLEDGER_INVALID_ID, TASKLEDGER_NOT_FOUND for an `after` that is not the id of a task
   */
  list(filter?: ListFilter): Promise<TaskSummary[]>;
  /** True once everything visible at the call is projected; false when that takes longer. Default 10 000 ms. */
  whenCaughtUp(options?: { readonly timeoutMs?: number }): Promise<boolean>;
  /** Waits for the task's output. @throws LedgerError TASKLEDGER_TIMEOUT, TASKLEDGER_TASK_NOT_COMPLETED */
  result(id: string, options?: { readonly timeoutMs?: number }): Promise<unknown>;
  /**
   * Asks for the task to be aborted; answers the state it is in now, or `requested` where another site owns it.
   * @throws LedgerError TASKLEDGER_NOT_FOUND, also for a task of another site whose events have not come here yet
   */
  abort(id: string, options?: { readonly reason?: string }): Promise<RequestAnswer>;
  /** Asks for a failed, aborted or missed task to be run again; answers as `abort` does. */
  retry(id: string, options?: { readonly reason?: string }): Promise<RequestAnswer>;
  /** Asks for a pending task to start at another time or priority; answers as `abort` does. */
  reschedule(id: string, change: Reschedule): Promise<RequestAnswer>;
  /** The site that decides about this task. @throws LedgerError TASKLEDGER_NOT_FOUND */
  ownerOf(id: string): Promise<string>;
  /** Ends the doubt about a protected task. @throws LedgerError TASKLEDGER_WRONG_STATE when it is not in doubt */
  resolve(id: string, resolution: Resolution): Promise<TaskStateName>;
  /** Ends lost leases, missed windows and passed deadlines once, as every runner does each second. */
  sweep(): Promise<Swept>;
  /**
   * Whether other sites have these events, durably; asks them until enough do, or the time is over. Call it after your commit.
   * @throws LedgerError TASKLEDGER_NOT_FOUND (not recorded here), TASKLEDGER_NOT_A_PEER (another site answers at a peer's URL)
   */
  whenReplicated(recorded: Recorded, goal?: ReplicationGoal): Promise<Replicated>;
  /** How the site is: sealed, shipped to its peers, proven there and here. `inSync` sums it up. */
  status(): Promise<SiteStatus>;
  /** What running runners take at this site: all of it, or what they take of one task name. */
  offered(name?: string): Promise<OfferedTask[]>;
  /** Why no running runner takes such a task at this site, in a sentence; undefined when one does. */
  whyUnoffered(task: TaskNeeds): Promise<string | undefined>;
  /** Kinds of task that wait at this site although no running runner takes them. */
  unoffered(): Promise<Unoffered[]>;
  /** Those tasks, the last submitted first. */
  listUnoffered(filter?: UnofferedFilter): Promise<UnofferedTask[]>;
  /** What holds for queues, task names and groups of this site: caps, rates, weights, pauses. */
  readonly queues: QueueRules;
  /** Looking back: verify, prove, export, any task at any moment. Payloads are as they are stored. */
  readonly audit: Audit;
  /**
   * Every sealed event, in an order in which none is skipped and none comes twice; waits for new ones until `signal`
   * aborts. Needs a daemon that seals. Store `position` together with what you do because of the event, and follow from it.
   * @throws LedgerError (while iterating) TASKLEDGER_INVALID_OPTION, TASKLEDGER_UNREACHABLE, TASKLEDGER_NOT_PROVEN
   */
  follow(options?: FollowOptions): AsyncIterableIterator<FollowedEvent>;
  /**
   * The story of a task as it goes on: its events from the first one on, and what its attempts log meanwhile, until it ends or
   * `signal` aborts. Lines come while it is watched alone; all who watch share one connection that listens.
   * @throws LedgerError (while iterating) TASKLEDGER_NOT_FOUND
   */
  watch(id: string, options?: WatchOptions): AsyncIterableIterator<Watched>;
  /** A runner for these handlers, not started yet. */
  runner(options: RunnerOptions): Runner;
  close(): Promise<void>;
}

/**
 * Opens the ledger in a database that `taskledger migrate` has prepared.
 * @throws LedgerError TASKLEDGER_INVALID_URL, TASKLEDGER_UNREACHABLE, TASKLEDGER_NOT_MIGRATED, TASKLEDGER_SCHEMA_NEWER
 */
export async function openLedger(options: LedgerOptions = {}): Promise<Ledger> {
  const { Runner } = await import('./runner/runner.ts');
  const { calls, clock, signals, codec, connectionString } = await open(options);
  return {
    ...calls,
    runner: (runnerOptions) =>
      new Runner(runnerOptions, {
        own: { name: calls.site, connectionString: requireConnectionString(connectionString), checked: true },
        clock,
        random: Math.random,
        signals,
        codec,
      }),
  };
}

export type LedgerCalls = Omit<Ledger, 'runner'>;

/** Without runners and their modules, nearly half of all: a command that runs no tasks starts sooner. */
export async function openLedgerCalls(options: LedgerOptions): Promise<LedgerCalls> {
  return (await open(options)).calls;
}

async function open(options: LedgerOptions): Promise<Opened & { readonly calls: LedgerCalls }> {
  refuseUnknownOptions(options, knownLedgerOptions, 'openLedger');
  const { maxConnections: max = 10 } = options;
  requireInteger(max, 'maxConnections', { min: 1, max: 1000 });
  const signals = options.signals ?? createSignals();
  const connectionString = options.connectionString ?? readConfig('TASKLEDGER_DATABASE_URL');
  const pool =
    options.pool ?? createPool({ connectionString: requireConnectionString(connectionString), max, answerTimeoutMs });
  const endPool = (): Promise<void> => (options.pool === undefined && !pool.ended ? pool.end() : Promise.resolve());
  try {
    const { site } = await checkSchema(pool);
    const { clock = systemClock, codec, peers = {} } = options;
    const others = new OtherSites({ site, db: pool, peers, clock, signals });
    const listener = new LogListener({ connection: () => connectionOf(pool), clock, signals });
    const close = async (): Promise<void> => {
      await Promise.all([others.close(), listener.close(), endPool()]);
    };
    const opened = { site, signals, clock, codec, connectionString, others, listener, close };
    return { ...opened, calls: callsOn(pool, opened) };
  } catch (error) {
    await endPool();
    throw translateSqlError(error);
  }
}

interface Opened {
  readonly site: string;
  readonly signals: Signals;
  readonly clock: Clock;
  readonly codec: Codec | undefined;
  readonly connectionString: string | undefined;
  readonly others: OtherSites;
  readonly listener: LogListener;
  readonly close: () => Promise<void>;
}

function callsOn(pool: pg.Pool, opened: Opened): LedgerCalls {
  const { site, signals, clock, codec, others, listener, close } = opened;
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
    ...submitCalls(pool, opened),
    get,
    history: events,
    whenCaughtUp: ({ timeoutMs = 10_000 } = {}) => translated(whenCaughtUp(pool, clock, { timeoutMs })),
    list: (filter) => translated(listTasks(pool, clock, filter)),
    whenReplicated: async (recorded, goal) => await others.whenReplicated(positionsOf(recorded), others.checked(goal)),
    status: () => translated(readSiteStatus(pool)),
    abort: (id, options = {}) => written(id, (task) => requestAbort(pool, task, reasonOf(options, 'abort'))),
    retry: (id, options = {}) => written(id, (task) => requestRetry(pool, task, reasonOf(options, 'retry'))),
    reschedule: (id, change) => written(id, (task) => requestReschedule(pool, task, change)),
    ownerOf: (id) => translated(readOwner(pool, requireTaskId(id))),
    resolve: async (id, resolution) => {
      const encoded = codec === undefined ? resolution : await encodedResolution(await get(id), resolution, codec);
      return await written(id, (task) => resolveTask(pool, task, encoded));
    },
    offered: (name) => translated(readOffered(pool, name)),
    whyUnoffered: async (task) => {
      const offered = await translated(readOffered(pool, task.name));
      return isOffered(task, offered) ? undefined : tellUnoffered(task, offered, site);
    },
    unoffered: () => translated(readUnoffered(pool, site)),
    listUnoffered: (filter) => translated(listUnoffered(pool, site, filter)),
    queues: queueRules(pool),
    audit: auditOf(pool),
    sweep: () => translated(new Sweeper({ db: pool, clock, signals }).runOnce()),
    follow: (options = {}) => {
      refuseUnknownOptions(options, followOptions, 'follow');
      return translatedEach(decodedEach(follow(pool, { ...options, clock }), codec));
    },
    watch: (id, watchOptions) =>
      watch(id, watchOptions, { db: pool, site, history: events, listener, clock, newId: randomUUID }),
    result: (id, { timeoutMs = 60_000 } = {}) => waitForResult(id, get, { timeoutMs, clock }),
    close,
    [Symbol.asyncDispose]: close,
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
