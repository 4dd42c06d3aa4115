import type { TaskStateName } from '../events/task-state.ts';
import { encodePayload } from '../events/payload.ts';
import type { Queryable } from '../postgres/queryable.ts';

export interface Resolution {
  /** What really happened: it was done, it was not and shall not be, or it was not and shall be run again. */
  readonly outcome: 'completed' | 'failed' | 'rerun';
  readonly output?: unknown;
  readonly reason?: string | undefined;
}

/**
 * Ends the doubt about a protected task; returns the state it is in now.
 * @throws whatever pg throws; the caller translates
 */
export async function resolveTask(
  db: Queryable,
  taskId: string,
  { outcome, output, reason }: Resolution,
): Promise<TaskStateName> {
  const { rows } = await db.query('select taskledger.resolve($1::uuid, $2, $3::json, $4) as state', [
    taskId,
    outcome,
    output === undefined ? null : encodePayload(output, 'the output'),
    reason ?? null,
  ]);
  return (rows[0] as { state: TaskStateName }).state;
}
