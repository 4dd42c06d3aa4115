import type { PreparedQueryable } from '../postgres/queryable.ts';
import type { SubmittedData } from './claim.ts';

export interface TakeRequest {
  readonly names: readonly string[];
  /** At most that many, 1 … 100. */
  readonly maxDoubts: number;
  readonly runner: string;
  /** Random, made for this call alone; `answerDoubt` asks for it. */
  readonly secret: string;
  /** How long nobody else is asked. The take is not renewed. */
  readonly ttlMs: number;
}

/** A task in doubt that this runner may ask its verify handler about. */
export interface Doubt {
  readonly taskId: string;
  /** The attempt nobody knows the end of. */
  readonly attempt: number;
  readonly submitted: SubmittedData;
}

/**
 * Takes doubts that are due to be asked about.
 * @throws whatever pg throws; the caller translates
 */
export async function takeDoubts(db: PreparedQueryable, request: TakeRequest): Promise<Doubt[]> {
  const { rows } = await db.query({
    name: 'taskledger.take_doubts',
    text: 'select task_id, attempt, data from taskledger.take_doubts($1, $2, $3, $4, $5)',
    values: [request.names, request.maxDoubts, request.runner, request.secret, request.ttlMs],
  });
  return (rows as { task_id: string; attempt: number; data: SubmittedData }[]).map(({ task_id, attempt, data }) => ({
    taskId: task_id,
    attempt,
    submitted: data,
  }));
}
