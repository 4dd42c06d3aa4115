import type { Queryable } from '../postgres/queryable.ts';
import { parseEvent } from './parse-event.ts';
import { isTaskEvent, type LedgerEvent, type TaskEvent } from './event.ts';
import { inToldOrder } from './told-order.ts';

/** Columns as text wherever a driver would lose something: 64-bit numbers and times. */
const columns = `site, seq::text, realm, epoch, task_id, version, type,
  to_char(occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as occurred_at, actor, context, data`;

interface StoredRow {
  readonly seq: string;
}

/**
 * Every event of one task, oldest first: in the order of `inToldOrder`. Empty when the task is not known here.
 * @throws LedgerError TASKLEDGER_UNKNOWN_EVENT
 */
export async function readTaskEvents(db: Queryable, taskId: string): Promise<TaskEvent[]> {
  const { rows } = await db.query(`select ${columns} from taskledger.events where task_id = $1::uuid`, [taskId]);
  return inToldOrder((rows as StoredRow[]).map(read).filter(isTaskEvent));
}

/** The stored events of one task, not read yet: what cannot be read fails when it is asked for, not its neighbours. */
export interface TaskRows {
  /** @throws LedgerError TASKLEDGER_UNKNOWN_EVENT */
  events(): TaskEvent[];
}

/** The events of several tasks, by task; a task without any is missing. */
export async function readEventsOfTasks(db: Queryable, taskIds: readonly string[]): Promise<Map<string, TaskRows>> {
  const { rows } = await db.query(
    `select ${columns} from taskledger.events where task_id = any ($1::uuid[]) order by task_id`,
    [taskIds],
  );
  const byTask = new Map<string, StoredRow[]>();
  for (const row of rows as (StoredRow & { readonly task_id: string })[]) {
    const known = byTask.get(row.task_id);
    if (known === undefined) byTask.set(row.task_id, [row]);
    else known.push(row);
  }
  return new Map([...byTask].map(([id, stored]) => [id, { events: () => stored.map(read).filter(isTaskEvent) }]));
}

/** The newest seq of a stream; 0 when it is empty. */
export async function newestSeq(db: Queryable, site: string): Promise<bigint> {
  const { rows } = await db.query('select max(seq)::text as seq from taskledger.events where site = $1', [site]);
  return BigInt((rows as { seq: string | null }[])[0]?.seq ?? 0);
}

/** The seqs of a stream after one and up to another, or, without that, the next `limit`; ascending. */
export async function readSeqs(
  db: Queryable,
  site: string,
  range: { readonly after: bigint; readonly upTo?: bigint; readonly limit?: number },
): Promise<bigint[]> {
  const { rows } = await db.query(
    'select seq::text from taskledger.events where site = $1 and seq > $2 and ($3::bigint is null or seq <= $3) order by events.seq limit $4',
    [site, range.after, range.upTo ?? null, range.limit ?? null],
  );
  return (rows as StoredRow[]).map(({ seq }) => BigInt(seq));
}

/** The events of a stream with these seqs, ascending. @throws LedgerError TASKLEDGER_UNKNOWN_EVENT */
export async function readEventsAt(db: Queryable, site: string, seqs: readonly bigint[]): Promise<LedgerEvent[]> {
  const { rows } = await db.query(
    `select ${columns} from taskledger.events where site = $1 and seq = any ($2::bigint[]) order by events.seq`,
    [site, seqs],
  );
  return (rows as StoredRow[]).map(read);
}

/** The names these tasks were submitted with, by id. */
export async function readTaskNames(db: Queryable, taskIds: readonly string[]): Promise<Map<string, string>> {
  const { rows } = await db.query(
    "select task_id as id, data ->> 'name' as name from taskledger.events where task_id = any ($1::uuid[]) and version = 1",
    [taskIds],
  );
  return new Map((rows as { id: string; name: string }[]).map(({ id, name }) => [id, name]));
}

function read(row: StoredRow): LedgerEvent {
  return parseEvent({ ...row, seq: BigInt(row.seq) });
}
