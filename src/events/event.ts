import { z } from 'zod';

import { taskInDoubt, taskResolved } from './doubt-events.ts';
import { incidentClosed, incidentRaised } from './incident-events.ts';
import { taskLeaseExpired, taskLeaseReleased, taskLeased, taskProgressed } from './lease-events.ts';
import * as outcomes from './outcome-events.ts';
import * as requests from './request-events.ts';
import * as sites from './site-events.ts';
import { taskSubmitted } from './submitted.ts';

/** Every event the ledger records, in its current version: the table of the model, told apart by `type`. */
export const eventSchema = z.discriminatedUnion('type', [
  taskSubmitted,
  taskLeased,
  taskProgressed,
  outcomes.taskCompleted,
  outcomes.taskAttemptFailed,
  outcomes.taskFailed,
  taskLeaseExpired,
  taskLeaseReleased,
  requests.taskAbortRequested,
  requests.taskRetryRequested,
  requests.taskRescheduleRequested,
  requests.taskRequestRefused,
  outcomes.taskAborted,
  outcomes.taskMissed,
  requests.taskRetried,
  requests.taskRescheduled,
  outcomes.taskResultRefused,
  taskInDoubt,
  taskResolved,
  sites.siteOpened,
  sites.siteJoined,
  sites.siteLeft,
  sites.siteKeyAdded,
  sites.realmOpened,
  sites.realmReleased,
  sites.realmTaken,
  incidentRaised,
  incidentClosed,
]);

/** An event as read from the log, in its current version. Unknown keys of `data` and `context` are kept. */
export type LedgerEvent = z.infer<typeof eventSchema>;
export type EventType = LedgerEvent['type'];

/** The event of one type. */
export type EventOf<T extends EventType> = Extract<LedgerEvent, { type: T }>;

/** An event about a task. */
export type TaskEvent = Extract<LedgerEvent, { task_id: string }>;

/** A decision of the owner: one version of a task. */
export type TaskDecision = Extract<TaskEvent, { version: number }>;

/** A request or a refused result: recorded by any site, no version of the task. */
export type TaskRemark = Exclude<TaskEvent, TaskDecision>;

/** Every type this release knows. */
export const eventTypes: ReadonlySet<string> = new Set<EventType>(
  eventSchema.options.map((option) => option.shape.type.value),
);

/** True for events about a task. */
export function isTaskEvent(event: LedgerEvent): event is TaskEvent {
  return event.task_id !== null;
}

/** True for decisions: events that are a version of their task. */
export function isDecision(event: TaskEvent): event is TaskDecision {
  return event.version !== null;
}
