import type { Queryable } from '../../postgres/queryable.ts';

/** How many rows a rebuild made or changed, and removed. All are 0 when the tables were what the log says. */
export interface Rebuilt {
  readonly tasksWritten: number;
  readonly tasksRemoved: number;
  readonly claimsWritten: number;
  readonly claimsRemoved: number;
  readonly doubtsWritten: number;
  readonly doubtsRemoved: number;
  readonly keysWritten: number;
  readonly keysRemoved: number;
}

/**
 * Makes the hot tables what the log says they are, in one transaction. Submits, claims and outcomes wait meanwhile;
 * leases that are in force stay in force.
 * @throws whatever pg throws; the caller translates. TL030 when an open transaction keeps it from beginning
 */
export async function rebuildOpenTasks(db: Queryable): Promise<Rebuilt> {
  const { rows } = await db.query(
    `select tasks_written as "tasksWritten", tasks_removed as "tasksRemoved", claims_written as "claimsWritten",
            claims_removed as "claimsRemoved", doubts_written as "doubtsWritten",
            doubts_removed as "doubtsRemoved", keys_written as "keysWritten", keys_removed as "keysRemoved"
       from taskledger.rebuild_open_tasks()`,
    [],
  );
  return rows[0] as Rebuilt;
}
