import type { Clock } from '../clock.ts';
import type { TaskStateName } from '../events/task-state.ts';
import type { Queryable } from '../postgres/queryable.ts';
import { isProjecting, whenCaughtUp } from '../projections/caught-up.ts';
import { searchTasks, type FoundTask, type SearchPage, type TaskSearch } from '../projections/search-tasks.ts';

/** Which tasks, and which page of them. */
export type ListFilter = TaskSearch & SearchPage;

export interface TaskSummary {
  readonly id: string;
  readonly name: string;
  readonly state: TaskStateName;
  readonly queue: string;
  readonly priority: number;
  readonly key: string | null;
  readonly attempt: number;
  /** What its running attempt reported last; null unless it is leased and has reported something. */
  readonly progress: { readonly fraction: number | null; readonly message: string | null } | null;
  readonly submittedAt: Date;
  readonly finishedAt: Date | null;
  /** Hand it to `after` for the next page. */
  readonly cursor: string;
}

/** How long a list waits for what was recorded before it to be projected, milliseconds. */
const LIST_WAIT_MS = 300;

/**
 * Tasks, newest first by id (ids are UUIDv7, so by time of submission), a page at a time: from the projection, which is made
 * for millions of them, or from the log itself where nothing is projected or that would take too long. The answers are the same.
 * @throws whatever pg throws; the caller translates
 */
export async function listTasks(db: Queryable, clock: Clock, filter: ListFilter = {}): Promise<TaskSummary[]> {
  const { limit, after, ...search } = filter;
  const waiting = { timeoutMs: LIST_WAIT_MS, projections: ['tasks'] };
  const isProjected = (await isProjecting(db)) && (await whenCaughtUp(db, clock, waiting));
  const found = isProjected ? await searchTasks(db, search, { limit, after }) : await searchLog(db, filter);
  return found.map(({ submitted_at, finished_at, progress, ...row }) => ({
    ...row,
    progress: progress === null ? null : { fraction: progress.fraction ?? null, message: progress.message ?? null },
    submittedAt: submitted_at,
    finishedAt: finished_at,
    cursor: row.id,
  }));
}

/** As `searchTasks` tells it: of the hot row at the owner, elsewhere what the latest attempt last recorded. */
const progress = `case when o.task_id is not null then o.progress when t.state = 'leased' then (
              select json_build_object(
                       'fraction', (array_agg(e.data -> 'fraction' order by e.version desc) filter (where e.data -> 'fraction' is not null))[1],
                       'message', (array_agg(e.data -> 'message' order by e.version desc) filter (where e.data -> 'message' is not null))[1])
                from taskledger.events e
               where e.task_id = t.id and e.type = 'task.progressed'
                 and coalesce(e.data ->> 'fraction', e.data ->> 'message') is not null
                 and e.version > (select max(l.version) from taskledger.events l where l.task_id = t.id and l.type = 'task.leased')
              having count(*) > 0) end`;

async function searchLog(db: Queryable, filter: ListFilter): Promise<FoundTask[]> {
  const { rows } = await db.query(
    `select t.id, t.name, t.state, t.queue, t.priority, t.key, t.attempt, t.submitted_at, t.finished_at,
            ${progress} as progress
       from taskledger.tasks t left join taskledger.open_tasks o on o.task_id = t.id
      where ($1::text is null or t.state = $1) and ($2::text is null or t.name = $2) and ($3::text is null or t.queue = $3)
        and ($4::timestamptz is null or t.submitted_at >= $4) and ($5::uuid is null or t.id < $5)
        and ($7::text is null or t.key = $7) and ($8::text is null or t.error_code = $8)
        and ($9::timestamptz is null or t.submitted_at < $9)
      order by t.id desc limit $6`,
    [
      filter.state ?? null,
      filter.name ?? null,
      filter.queue ?? null,
      filter.since?.toISOString() ?? null,
      filter.after ?? null,
      filter.limit ?? 100,
      filter.key ?? null,
      filter.errorCode ?? null,
      filter.until?.toISOString() ?? null,
    ],
  );
  return rows as FoundTask[];
}
