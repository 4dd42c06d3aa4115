import type { RequestAnswer } from '../events/task-state.ts';
import type { Queryable } from '../postgres/queryable.ts';

/**
 * Asks for a failed, aborted or missed task to be run again, with all its attempts and without its windows; returns the
 * state it is in now, or `requested` where another site decides.
 * @throws whatever pg throws; the caller translates
 */
export async function requestRetry(db: Queryable, taskId: string, reason: string | undefined): Promise<RequestAnswer> {
  const { rows } = await db.query('select taskledger.request_retry($1::uuid, $2) as state', [taskId, reason ?? null]);
  return (rows[0] as { state: RequestAnswer }).state;
}
