import type { TaskStateName } from '../events/task-state.ts';
import { encodePayload } from '../events/payload.ts';
import type { Queryable } from '../postgres/queryable.ts';
import { refuseUnknownOptions } from './known-options.ts';
import { requireReason } from './reason.ts';

export interface Resolution {
  /** What really happened: it was done, it was not and shall not be, or it was not and shall be run again. */
  readonly outcome: 'completed' | 'failed' | 'rerun';
  readonly output?: unknown;
  readonly reason?: string | undefined;
}

const resolutionOptions: ReadonlySet<string> = new Set(['outcome', 'output', 'reason']);

/**
 * Ends the doubt about a protected task; returns the state it is in now.
 * @throws whatever pg throws; the caller translates
 */
export async function resolveTask(db: Queryable, taskId: string, resolution: Resolution): Promise<TaskStateName> {
  refuseUnknownOptions(resolution, resolutionOptions, 'resolve');
  const { outcome, output } = resolution;
  const reason = requireReason(resolution.reason);
  const { rows } = await db.query('select taskledger.resolve($1::uuid, $2, $3::json, $4) as state', [
    taskId,
    outcome,
    output === undefined ? null : encodePayload(output, 'the output'),
    reason ?? null,
  ]);
  return (rows[0] as { state: TaskStateName }).state;
}
