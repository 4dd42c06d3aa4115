import type { PreparedQueryable } from '../postgres/queryable.ts';

/** Bytes of JSON text that lines may have to be sent at once: a notification carries less than 8000. */
export const MAX_REPORTED_BYTES = 7700;

/** `later`: too soon after the last ones; nothing was sent. `nobody`: nobody watches any more. `lost`: the lease is. */
export type LogAnswer = 'told' | 'later' | 'nobody' | 'lost';

/**
 * Sends lines of an attempt's log to those who watch; see report_log.sql.
 * @throws whatever pg throws; the caller translates
 */
export async function reportLog(
  db: PreparedQueryable,
  lease: { readonly claimId: string; readonly secret: string; readonly taskId: string },
  log: { readonly first: number; readonly lines: readonly string[] },
): Promise<LogAnswer> {
  const { rows } = await db.query({
    name: 'taskledger.report_log',
    text: 'select taskledger.report_log($1, $2, $3, $4, $5) as answer',
    values: [lease.claimId, lease.secret, lease.taskId, log.first, JSON.stringify(log.lines)],
  });
  return (rows[0] as { answer: LogAnswer }).answer;
}
