import type { Clock } from '../clock.ts';
import type { TaskStateName } from '../events/task-state.ts';
import type { Queryable } from '../postgres/queryable.ts';
import { isProjecting, whenCaughtUp } from '../projections/caught-up.ts';
import {
  searchTasks,
  type FoundTask,
  type SearchPage,
  type TaskPlace,
  type TaskSearch,
} from '../projections/search-tasks.ts';
import { requireTaskId, taskNotFound } from './task-id.ts';

/** Which tasks, and which page of them: the last submitted first. */
export interface ListFilter extends TaskSearch {
  /** Most tasks to return; default 100. */
  readonly limit?: number | undefined;
  /** The `cursor` of the last task of the page before: only tasks submitted before it, those of its millisecond by their ids. */
  readonly after?: string | undefined;
}

export interface TaskSummary {
  readonly id: string;
  readonly name: string;
  readonly state: TaskStateName;
  readonly queue: string;
  readonly priority: number;
  readonly key: string | null;
  readonly attempt: number;
  /** Plugin and version that run, or ran, the latest attempt; null for a handler in a module. */
  readonly runBy: string | null;
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
 * Tasks, the last submitted first, a page at a time: from the projection, which is made for millions of them, or from the log
 * itself where nothing is projected or that would take too long. The answers are the same.
 * @throws LedgerError TASKLEDGER_INVALID_ID, TASKLEDGER_NOT_FOUND for an `after` that is no task's id; and whatever pg throws,
 *   which the caller translates
 */
export async function listTasks(db: Queryable, clock: Clock, filter: ListFilter = {}): Promise<TaskSummary[]> {
  const { limit, after, ...search } = filter;
  const page = { limit, before: after === undefined ? undefined : await placeOf(db, requireTaskId(after)) };
  const waiting = { timeoutMs: LIST_WAIT_MS, projections: ['tasks'] };
  const isProjected = (await isProjecting(db)) && (await whenCaughtUp(db, clock, waiting));
  const found = isProjected ? await searchTasks(db, search, page) : await searchLog(db, search, page);
  return found.map(({ submitted_at, finished_at, run_by, progress, ...row }) => ({
    ...row,
    runBy: run_by,
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

/** Of the latest lease, unless it was given back, or the task was made ready to run again. */
const runBy = `(select case e.type when 'task.leased' then e.data ->> 'plugin' end
              from taskledger.events e
             where e.task_id = t.id and e.type in ('task.leased', 'task.lease_released', 'task.retried')
             order by e.epoch desc, e.version desc limit 1)`;

/** @throws LedgerError TASKLEDGER_NOT_FOUND */
async function placeOf(db: Queryable, id: string): Promise<TaskPlace> {
  const { rows } = await db.query(
    "select e.occurred_at from taskledger.events e where e.task_id = $1 and e.type = 'task.submitted'",
    [id],
  );
  const [submission] = rows as { occurred_at: Date }[];
  if (submission === undefined) throw taskNotFound(id);
  return { submittedAt: submission.occurred_at, id };
}

async function searchLog(db: Queryable, search: TaskSearch, { limit = 100, before }: SearchPage): Promise<FoundTask[]> {
  // What became of a task is looked up for those of the page alone, unless it decides which those are.
  const choosesByLife = search.state !== undefined || search.errorCode !== undefined;
  const { rows } = await db.query(
    `select t.id, t.name, t.state, t.queue, t.priority, t.key, t.attempt, t.submitted_at, t.finished_at,
            ${runBy} as run_by, ${progress} as progress
       from taskledger.tasks t left join taskledger.open_tasks o on o.task_id = t.id
      where t.id in (
              select e.task_id from taskledger.events e
               where e.type = 'task.submitted'
                 and ($2::text is null or e.data ->> 'name' = $2) and ($3::text is null or e.data ->> 'queue' = $3)
                 and ($4::text is null or e.data ->> 'key' = $4)
                 and ($5::timestamptz is null or e.occurred_at >= $5) and ($6::timestamptz is null or e.occurred_at < $6)
                 and ($7::timestamptz is null or (e.occurred_at, e.task_id) < ($7, $8::uuid))
               ${choosesByLife ? '' : 'order by e.occurred_at desc, e.task_id desc limit $1'})
        and ($9::text is null or t.state = $9) and ($10::text is null or t.error_code = $10)
      order by t.submitted_at desc, t.id desc limit $1`,
    [
      limit,
      search.name ?? null,
      search.queue ?? null,
      search.key ?? null,
      search.since?.toISOString() ?? null,
      search.until?.toISOString() ?? null,
      before?.submittedAt.toISOString() ?? null,
      before?.id ?? null,
      search.state ?? null,
      search.errorCode ?? null,
    ],
  );
  return rows as FoundTask[];
}
