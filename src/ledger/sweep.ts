import type { PreparedQueryable } from '../postgres/queryable.ts';

/** How many tasks one sweep ended or put back. */
export interface Swept {
  readonly expired: number;
  readonly missed: number;
  readonly overdue: number;
}

/**
 * Ends leases nobody renewed, and records missed windows and passed deadlines.
 * @throws whatever pg throws; the caller translates
 */
export async function sweepOnce(db: PreparedQueryable, maxTasks: number): Promise<Swept> {
  const { rows } = await db.query({
    name: 'taskledger.sweep',
    text: 'select expired, missed, overdue from taskledger.sweep($1)',
    values: [maxTasks],
  });
  return rows[0] as Swept;
}
