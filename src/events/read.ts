import type { Queryable } from '../postgres/queryable.ts';
import { parseEvent } from './parse-event.ts';
import { isTaskEvent, type TaskEvent } from './event.ts';

/** Columns as text wherever a driver would lose something: 64-bit numbers and times. */
const columns = `site, seq::text, realm, epoch, task_id, version, type,
  to_char(occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as occurred_at, actor, context, data`;

interface StoredRow {
  readonly seq: string;
}

/**
 * Every event of one task, oldest first: decisions in the order of (epoch, version), requests and refused results where
 * they were recorded. Empty when the task is not known here.
 * @throws LedgerError TASKLEDGER_UNKNOWN_EVENT
 */
export async function readTaskEvents(db: Queryable, taskId: string): Promise<TaskEvent[]> {
  const { rows } = await db.query(
    `select ${columns} from taskledger.events where task_id = $1::uuid order by occurred_at, site, events.seq`,
    [taskId],
  );
  return (rows as StoredRow[]).map((row) => parseEvent({ ...row, seq: BigInt(row.seq) })).filter(isTaskEvent);
}
