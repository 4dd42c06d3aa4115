import type { RequestAnswer } from '../events/task-state.ts';
import type { Queryable } from '../postgres/queryable.ts';

/** The channel a runner hears abort requests on, with the task id as payload. */
export const ABORT_CHANNEL = 'taskledger_abort';

/**
 * Asks for a task to be aborted; returns the state it is in now: `aborted`, `leased` (its runner has been told), or
 * whatever it was when the request could not be granted, which the history then says too; `requested` where another site decides.
 * @throws whatever pg throws; the caller translates
 */
export async function requestAbort(db: Queryable, taskId: string, reason: string | undefined): Promise<RequestAnswer> {
  const { rows } = await db.query('select taskledger.request_abort($1::uuid, $2) as state', [taskId, reason ?? null]);
  return (rows[0] as { state: RequestAnswer }).state;
}
