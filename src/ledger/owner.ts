import type { Queryable } from '../postgres/queryable.ts';
import { taskNotFound } from './task-id.ts';

/**
 * The site that owns the realm of a task, as far as it is known here.
 * @throws LedgerError TASKLEDGER_NOT_FOUND, and whatever pg throws; the caller translates
 */
export async function readOwner(db: Queryable, taskId: string): Promise<string> {
  const { rows } = await db.query(
    `select r.owner from taskledger.events e join taskledger.realms r on r.realm = e.realm
      where e.task_id = $1::uuid and e.version is not null order by e.epoch desc, e.version desc limit 1`,
    [taskId],
  );
  const [row] = rows as { owner: string }[];
  if (row === undefined) throw taskNotFound(taskId);
  return row.owner;
}
