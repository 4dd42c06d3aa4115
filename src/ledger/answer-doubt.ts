import type { TaskStateName } from '../events/task-state.ts';
import type { PreparedQueryable } from '../postgres/queryable.ts';

/** What a verify handler found out, as the ledger takes it; `released` when it was not asked to the end. */
export interface DoubtAnswer {
  readonly outcome: 'completed' | 'not_executed' | 'unknown' | 'released';
  /** JSON text, of completed. */
  readonly outputJson?: string | undefined;
  readonly reason?: string | undefined;
}

export type AnsweredState = Extract<TaskStateName, 'completed' | 'pending' | 'failed' | 'aborted' | 'in_doubt'>;

/**
 * Answers for a task taken with `takeDoubts`. Returns the state it is in now, or `refused` when the doubt is over, or is
 * not held with this secret: then nothing was changed.
 * @throws whatever pg throws; the caller translates
 */
export async function answerDoubt(
  db: PreparedQueryable,
  { taskId, secret }: { readonly taskId: string; readonly secret: string },
  { outcome, outputJson, reason }: DoubtAnswer,
): Promise<AnsweredState | 'refused'> {
  const { rows } = await db.query({
    name: 'taskledger.answer_doubt',
    text: 'select taskledger.answer_doubt($1::uuid, $2, $3, $4::json, $5) as state',
    values: [taskId, secret, outcome, outputJson ?? null, reason ?? null],
  });
  return (rows[0] as { state: AnsweredState | 'refused' }).state;
}
