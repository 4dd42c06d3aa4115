import type { TaskEvent } from './event.ts';
import { historyBroken } from './history-broken.ts';
import { isoMs } from './iso-ms.ts';
import type { TaskState } from './task-state.ts';

/**
 * The state of a task that was just submitted.
 * @throws LedgerError `TASKLEDGER_HISTORY_BROKEN` if its first event is not `task.submitted` with version 1
 */
export function initialState(event: TaskEvent): TaskState {
  if (event.type !== 'task.submitted' || event.version !== 1) {
    throw historyBroken(undefined, event, 'task.submitted with version 1 first');
  }
  const { data } = event;
  return {
    ...nothingYet,
    id: event.task_id,
    realm: event.realm,
    epoch: event.epoch,
    version: event.version,
    name: data.name,
    input: data.input,
    queue: data.queue,
    group: data.group ?? null,
    priority: data.priority,
    key: data.key ?? null,
    protected: data.protected ?? false,
    plugin: data.plugin ?? null,
    retry: data.retry,
    timeout_ms: data.timeout_ms ?? null,
    run_at: isoMs(data.start_after ?? event.occurred_at),
    start_before: data.start_before === undefined ? null : isoMs(data.start_before),
    deadline: data.deadline === undefined ? null : isoMs(data.deadline),
    attempts: data.retry.attempts,
    submitted_at: event.occurred_at,
    submitted: { site: event.site, seq: event.seq },
  };
}

const nothingYet = {
  state: 'pending',
  attempt: 0,
  lease: null,
  run_by: null,
  progress: null,
  checkpoint: undefined,
  output: undefined,
  error: null,
  started_at: null,
  finished_at: null,
  open_requests: [],
  answered_early: [],
  refused_results: 0,
} as const satisfies Partial<TaskState>;
