import type { EventOf, TaskDecision } from './event.ts';
import { historyBroken } from './history-broken.ts';
import { isoMs } from './iso-ms.ts';
import type { AttemptError } from './outcome-events.ts';
import type { TaskState } from './task-state.ts';

type Changes = Partial<TaskState>;

/**
 * What a decision changes in the state of its task, apart from version and answered requests. The caller has checked
 * that it may follow: version, state, lease.
 * @throws LedgerError `TASKLEDGER_HISTORY_BROKEN` if the event contradicts what the state says
 */
export function changesOf(state: TaskState, event: TaskDecision): Changes {
  switch (event.type) {
    case 'task.leased':
      return leased(state, event);
    case 'task.progressed':
      return progressed(state, event);
    case 'task.completed':
      return completed(event);
    case 'task.attempt_failed':
      return attemptFailed(event);
    case 'task.failed':
      return failed(state, event);
    case 'task.lease_expired':
      return leaseExpired(state, event);
    case 'task.lease_released':
      return { ...backToPending(event), attempt: state.attempt - 1, run_by: null };
    case 'task.aborted':
      return ended('aborted', event.occurred_at);
    case 'task.missed':
      return ended('missed', event.occurred_at);
    case 'task.retried':
      return retried(event);
    case 'task.rescheduled':
      return rescheduled(state, event);
    case 'task.in_doubt':
      return { state: 'in_doubt', lease: null, error: { code: 'IN_DOUBT', message: event.data.why } };
    case 'task.resolved':
      return resolved(event);
    case 'task.request_refused':
      return {};
    case 'task.submitted':
      throw historyBroken(state, event, 'task.submitted only first');
    default:
      return event satisfies never;
  }
}

function leased(state: TaskState, event: EventOf<'task.leased'>): Changes {
  const { attempt, runner, host, lease_digest, ttl_ms, plugin: run_by = null } = event.data;
  if (attempt !== state.attempt + 1) {
    throw historyBroken(state, event, `a lease of attempt ${state.attempt + 1}`, `attempt ${attempt}`);
  }
  const leased_at = event.occurred_at;
  const lease = { epoch: event.epoch, version: event.version, runner, host, digest: lease_digest, leased_at, ttl_ms };
  return { state: 'leased', attempt, lease, run_by, progress: null, started_at: leased_at };
}

function progressed(state: TaskState, { data }: EventOf<'task.progressed'>): Changes {
  const fraction = data.fraction ?? state.progress?.fraction ?? null;
  const message = data.message ?? state.progress?.message ?? null;
  const progress = fraction === null && message === null ? null : { fraction, message };
  return data.checkpoint === undefined ? { progress } : { progress, checkpoint: data.checkpoint };
}

function completed({ data }: EventOf<'task.completed'>): Changes {
  const outcome = { output: data.output, error: null, started_at: isoMs(data.started_at) };
  return { ...ended('completed', isoMs(data.finished_at)), ...outcome };
}

function attemptFailed({ data }: EventOf<'task.attempt_failed'>): Changes {
  const { error, started_at, retry_at } = data;
  return { state: 'pending', lease: null, error, started_at: isoMs(started_at), run_at: isoMs(retry_at) };
}

function failed(state: TaskState, { data, occurred_at }: EventOf<'task.failed'>): Changes {
  const started_at = data.started_at === undefined ? state.started_at : isoMs(data.started_at);
  return { ...ended('failed', isoMs(data.finished_at ?? occurred_at)), error: data.error, started_at };
}

function leaseExpired(state: TaskState, event: EventOf<'task.lease_expired'>): Changes {
  const { attempt, next } = event.data;
  const error: AttemptError = { code: 'LEASE_EXPIRED', message: `The lease of attempt ${attempt} ran out.` };
  if (next === 'failed') return { ...ended('failed', event.occurred_at), error };
  if (next === 'in_doubt') return { state: 'in_doubt', lease: null, error };
  // Guarantee 4: it may have run, so only a verify handler or a person may let it start again.
  if (state.protected) throw historyBroken(state, event, 'a protected task to be in doubt after a lost lease');
  return { ...backToPending(event), error };
}

function retried(event: EventOf<'task.retried'>): Changes {
  const fresh = {
    attempt: 0,
    run_by: null,
    progress: null,
    output: undefined,
    error: null,
    started_at: null,
    finished_at: null,
  };
  // The windows were about the first life of the task: kept, they would miss or fail it again at once.
  return { ...backToPending(event), ...fresh, start_before: null, deadline: null };
}

function rescheduled(state: TaskState, { data }: EventOf<'task.rescheduled'>): Changes {
  const run_at = data.start_after === undefined ? state.run_at : isoMs(data.start_after);
  return { run_at, priority: data.priority ?? state.priority };
}

function resolved({ data, occurred_at }: EventOf<'task.resolved'>): Changes {
  switch (data.outcome) {
    case 'completed':
      return { ...ended('completed', occurred_at), output: data.output, error: null };
    case 'failed':
      return ended('failed', occurred_at);
    case 'rerun':
      return { state: 'pending', lease: null, run_at: occurred_at };
  }
}

function ended(state: 'completed' | 'failed' | 'aborted' | 'missed', finished_at: string): Changes {
  return { state, lease: null, finished_at };
}

function backToPending(event: EventOf<'task.lease_expired' | 'task.lease_released' | 'task.retried'>): Changes {
  return { state: 'pending', lease: null, run_at: isoMs(event.data.run_at ?? event.occurred_at) };
}
