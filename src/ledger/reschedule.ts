import { LedgerError } from '../errors.ts';
import { momentSchema } from '../events/envelope.ts';
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
  if (moment !== undefined && !momentSchema.safeParse(moment).success) {
    throw new LedgerError('TASKLEDGER_INVALID_OPTION', {
      expected: 'a start time with its offset such as 2026-01-31T08:00:00Z',
      found: JSON.stringify(moment.slice(0, 60)),
      remedy: 'Correct it and send the request again; nothing was recorded',
    });
  }
  const { rows } = await db.query('select taskledger.request_reschedule($1::uuid, $2, $3, $4) as state', [
    taskId,
    moment ?? null,
    priority ?? null,
    reason ?? null,
  ]);
  return (rows[0] as { state: TaskStateName }).state;
}
