import {
  isDecision,
  isTaskEvent,
  type EventOf,
  type LedgerEvent,
  type TaskDecision,
} from '../../../src/events/event.ts';
import { microsOf } from './moments.ts';

/** One decision about a task, and from when on the task could be claimed before it was made, in microseconds. */
export interface LifeStep {
  readonly event: TaskDecision;
  readonly dueMicros: number;
}

export interface Life {
  readonly submitted: EventOf<'task.submitted'>['data'];
  readonly steps: readonly LifeStep[];
}

/** What was decided about each task, oldest first, from events in any order. */
export function livesOf(events: readonly LedgerEvent[]): Life[] {
  const byTask = new Map<string, TaskDecision[]>();
  for (const event of events.filter(isTaskEvent).filter(isDecision)) {
    byTask.set(event.task_id, [...(byTask.get(event.task_id) ?? []), event]);
  }
  return Array.from(byTask.values(), lifeOf);
}

function lifeOf(decisions: readonly TaskDecision[]): Life {
  const ordered = decisions.toSorted((a, b) => a.epoch - b.epoch || a.version - b.version);
  const [first] = ordered;
  if (first?.type !== 'task.submitted') throw new Error(`a task begins with ${String(first?.type)}`);
  let dueMicros = Number.NaN;
  const steps = ordered.map((event) => {
    const step = { event, dueMicros };
    const due = dueAfter(event);
    if (due !== undefined) dueMicros = microsOf(due);
    return step;
  });
  return { submitted: first.data, steps };
}

/** From when on a task can be claimed after this, if this says so. */
function dueAfter({ type, occurred_at, data }: TaskDecision): string | undefined {
  if (type === 'task.submitted') return data.start_after ?? occurred_at;
  if (type === 'task.rescheduled') return data.start_after;
  if (type === 'task.attempt_failed') return data.retry_at;
  if (type === 'task.retried' || type === 'task.lease_released') return data.run_at ?? occurred_at;
  if (type === 'task.lease_expired' && data.next === 'pending') return data.run_at ?? occurred_at;
  return type === 'task.resolved' && data.outcome === 'rerun' ? occurred_at : undefined;
}
