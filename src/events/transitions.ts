import type { EventOf, TaskDecision } from './event.ts';
import type { TaskStateName } from './task-state.ts';

const anyState = ['pending', 'leased', 'completed', 'failed', 'aborted', 'missed', 'in_doubt'] as const;

/**
 * From which states each decision can be made (I3): only `task.retried` leaves failed, aborted and missed, only
 * `task.resolved` leaves in_doubt, nothing leaves completed.
 */
export const allowedFrom: Readonly<Record<TaskDecision['type'], readonly TaskStateName[]>> = {
  'task.submitted': [],
  'task.leased': ['pending'],
  'task.progressed': ['leased'],
  'task.completed': ['leased'],
  'task.attempt_failed': ['leased'],
  // Pending: the deadline passed before anyone started it.
  'task.failed': ['pending', 'leased'],
  'task.lease_expired': ['leased'],
  'task.lease_released': ['leased'],
  'task.request_refused': anyState,
  'task.aborted': ['pending', 'leased'],
  'task.missed': ['pending'],
  'task.retried': ['failed', 'aborted', 'missed'],
  'task.rescheduled': ['pending'],
  'task.in_doubt': ['leased'],
  'task.resolved': ['in_doubt'],
};

const underLease = [
  'task.progressed',
  'task.completed',
  'task.attempt_failed',
  'task.failed',
  'task.lease_expired',
  'task.lease_released',
  'task.aborted',
  'task.in_doubt',
] as const;

const underLeaseTypes: ReadonlySet<string> = new Set(underLease);

/** A decision that uses or ends a lease, and therefore names its token whenever the task is leased (I2). */
export type DecisionUnderLease = EventOf<(typeof underLease)[number]>;

export function isUnderLease(event: TaskDecision): event is DecisionUnderLease {
  return underLeaseTypes.has(event.type);
}
