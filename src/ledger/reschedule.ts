import { LedgerError } from '../errors.ts';
import { momentSchema } from '../events/envelope.ts';
import { MAX_PRIORITY, MIN_PRIORITY } from '../events/limits.ts';
import type { RequestAnswer } from '../events/task-state.ts';
import type { Queryable } from '../postgres/queryable.ts';
import { refuseUnknownOptions, requireInteger } from './known-options.ts';
import { requireReason } from './reason.ts';

export interface Reschedule {
  readonly startAfter?: Date | string | undefined;
  readonly priority?: number | undefined;
  readonly reason?: string | undefined;
}

const rescheduleOptions: ReadonlySet<string> = new Set(['startAfter', 'priority', 'reason']);

/**
 * Asks for a pending task to start at another time, or with another priority; returns the state it is in now, or
 * `requested` where another site decides.
 * @throws whatever pg throws; the caller translates
 */
export async function requestReschedule(db: Queryable, taskId: string, change: Reschedule): Promise<RequestAnswer> {
  refuseUnknownOptions(change, rescheduleOptions, 'reschedule');
  const { startAfter, priority } = change;
  if (priority !== undefined) requireInteger(priority, 'priority', { min: MIN_PRIORITY, max: MAX_PRIORITY });
  const reason = requireReason(change.reason);
  const moment = startAfter === undefined ? undefined : momentText(startAfter);
  const { rows } = await db.query('select taskledger.request_reschedule($1::uuid, $2, $3, $4) as state', [
    taskId,
    moment ?? null,
    priority ?? null,
    reason ?? null,
  ]);
  return (rows[0] as { state: RequestAnswer }).state;
}

function momentText(given: Date | string): string {
  const text = given instanceof Date && !Number.isNaN(given.getTime()) ? given.toISOString() : given;
  if (typeof text === 'string' && momentSchema.safeParse(text).success) return text;
  throw new LedgerError('TASKLEDGER_INVALID_OPTION', {
    expected: 'a start time with its offset such as 2026-01-31T08:00:00Z',
    found: typeof text === 'string' ? JSON.stringify(text.slice(0, 60)) : 'no time at all',
    remedy: 'Correct it and send the request again; nothing was recorded',
  });
}
