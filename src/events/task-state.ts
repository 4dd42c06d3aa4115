import type { TaskRemark } from './event.ts';
import type { AttemptError } from './outcome-events.ts';
import type { Position } from './position.ts';
import type { RetryPolicy } from './submitted.ts';

export type TaskStateName = 'pending' | 'leased' | 'completed' | 'failed' | 'aborted' | 'missed' | 'in_doubt';

/** The lease a task is held under; `(epoch, version)` is its fencing token. */
export interface TaskLease {
  readonly epoch: number;
  readonly version: number;
  readonly runner: string;
  readonly host: string;
  /** SHA-256 of the lease secret, hex. */
  readonly digest: string;
  readonly leased_at: string;
  readonly ttl_ms: number;
}

/**
 * What asking for something comes to: the state the task is in now, or `requested` where another site owns it. Then the request
 * is recorded and on its way, and the history tells the owner's answer when it has come.
 */
export type RequestAnswer = TaskStateName | 'requested';

/** A request no decision has answered yet. */
export interface OpenRequest extends Position {
  readonly type: Exclude<TaskRemark['type'], 'task.result_refused'>;
}

/**
 * What a task is now: the fold of its events, and nothing that is not in them. Times are ISO 8601, UTC, milliseconds;
 * null where there is none. `output` and `checkpoint` are undefined where there is none, since null is a value.
 */
export interface TaskState {
  readonly id: string;
  readonly realm: string;
  /** Epoch and version of the last decision. */
  readonly epoch: number;
  readonly version: number;
  readonly state: TaskStateName;
  readonly name: string;
  readonly input: unknown;
  readonly queue: string;
  readonly group: string | null;
  readonly priority: number;
  readonly key: string | null;
  readonly protected: boolean;
  /** The range of plugin versions it asks for. */
  readonly plugin: string | null;
  readonly retry: RetryPolicy;
  readonly timeout_ms: number | null;
  /** From when on it can be claimed, once pending. */
  readonly run_at: string;
  /** Both windows are lifted by a redrive, which would otherwise end at once in what it redrives. */
  readonly start_before: string | null;
  readonly deadline: string | null;
  /** Attempts allowed. */
  readonly attempts: number;
  /** Attempts used, the running one included: a lost lease counts, a released one does not, a redrive starts at 0. */
  readonly attempt: number;
  readonly lease: TaskLease | null;
  /** Plugin and version that run, or ran, the latest attempt; null for a handler in a module. */
  readonly run_by: string | null;
  /** Of the latest attempt. */
  readonly progress: { readonly fraction: number | null; readonly message: string | null } | null;
  /** What the next attempt may resume from; outlives attempts and redrives. */
  readonly checkpoint: unknown;
  readonly output: unknown;
  /** Why the latest attempt that ended did not succeed. */
  readonly error: AttemptError | null;
  readonly submitted_at: string;
  readonly submitted: Position;
  /** Start of the latest attempt: when it was leased, then what its runner reported. */
  readonly started_at: string | null;
  /** When the task reached completed, failed, aborted or missed. */
  readonly finished_at: string | null;
  readonly open_requests: readonly OpenRequest[];
  /** Requests whose answer came before themselves: they will not be open when they arrive. */
  readonly answered_early: readonly Position[];
  /** How many results from lost leases were refused. */
  readonly refused_results: number;
}
