import type { TaskStateName } from '../events/task-state.ts';
import type { Queryable } from '../postgres/queryable.ts';

export interface Reschedule {
  readonly startAfter?: Date | string | undefined;
  readonly priority?: number | undefined;
  readonly reason?: string | undefined;
}

/**
 * Asks for a pending task to start at another time, or with another priority; returns the state it is in now.
 * @throws whatever pg throws; the caller translates
 */
export async function requestReschedule(db: Queryable, taskId: string, change: Reschedule): Promise<TaskStateName> {
  const { startAfter, priority, reason } = change;
  const moment = startAfter instanceof Date ? startAfter.toISOString() : startAfter;
  const { rows } = await db.query('select taskledger.request_reschedule($1::uuid, $2, $3, $4) as state', [
    taskId,
    moment ?? null,
    priority ?? null,
    reason ?? null,
  ]);
  return (rows[0] as { state: TaskStateName }).state;
}
