import { encodePayload } from '../events/payload.ts';
import type { PreparedQueryable } from '../postgres/queryable.ts';

/** How far an attempt is: at least one of the three. */
export interface Progress {
  /** 0 … 1. */
  readonly fraction?: number | undefined;
  readonly message?: string | undefined;
  /** What the next attempt may resume from; recorded at once, always. */
  readonly checkpoint?: unknown;
}

export type ProgressAnswer = 'recorded' | 'noted' | 'abort' | 'lost';

/**
 * Notes the progress of a leased task.
 * @throws whatever pg throws; the caller translates
 */
export async function reportProgress(
  db: PreparedQueryable,
  lease: { readonly claimId: string; readonly secret: string; readonly taskId: string },
  progress: Progress,
): Promise<ProgressAnswer> {
  const { rows } = await db.query({
    name: 'taskledger.report_progress',
    text: 'select taskledger.report_progress($1, $2, $3, $4, $5, $6) as answer',
    values: [
      lease.claimId,
      lease.secret,
      lease.taskId,
      progress.fraction ?? null,
      progress.message ?? null,
      progress.checkpoint === undefined ? null : encodePayload(progress.checkpoint, 'the checkpoint'),
    ],
  });
  return (rows[0] as { answer: ProgressAnswer }).answer;
}
