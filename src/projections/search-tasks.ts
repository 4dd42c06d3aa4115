import type { TaskStateName } from '../events/task-state.ts';
import type { Queryable } from '../postgres/queryable.ts';

export interface TaskSearch {
  readonly state?: TaskStateName | undefined;
  readonly name?: string | undefined;
  readonly queue?: string | undefined;
  readonly key?: string | undefined;
  /** Of the error that was last recorded, as long as no success followed. */
  readonly errorCode?: string | undefined;
  /** Submitted at or after. */
  readonly since?: Date | undefined;
  /** Submitted before. */
  readonly until?: Date | undefined;
}

export interface SearchPage {
  /** Most rows to return; default 100. */
  readonly limit?: number | undefined;
  /** The id of the last task of the page before, which is its `cursor`. */
  readonly after?: string | undefined;
}

export interface FoundTask {
  readonly id: string;
  readonly name: string;
  readonly state: TaskStateName;
  readonly queue: string;
  readonly priority: number;
  readonly key: string | null;
  readonly attempt: number;
  /** Of the hot row, which is newer than any event, at the owner; elsewhere as it was last recorded. Null unless the task is open. */
  readonly progress: { readonly fraction?: number | null; readonly message?: string | null } | null;
  readonly submitted_at: Date;
  readonly finished_at: Date | null;
}

const conditions = {
  state: 't.state =',
  name: 't.name =',
  queue: 't.queue =',
  key: 't.key =',
  errorCode: 't.error_code =',
  since: 't.submitted_at >=',
  until: 't.submitted_at <',
} as const satisfies Record<keyof TaskSearch, string>;

/** The hot row knows of reports that became no event; only the owner of a task has one. */
const progress = `case when o.task_id is not null then o.progress
       when t.state = 'leased' and coalesce(t.fraction::text, t.message) is not null
       then json_build_object('fraction', t.fraction, 'message', t.message) end`;

/**
 * Searches the projected tasks, newest first by id, a page at a time: made for millions of them. Only what is asked for is in
 * the statement, so that the index of the narrowest condition is used (`migrations/0007_projections.sql` has one for each).
 * @throws whatever pg throws
 */
export async function searchTasks(db: Queryable, search: TaskSearch, page: SearchPage = {}): Promise<FoundTask[]> {
  const values: unknown[] = [page.limit ?? 100];
  const where: string[] = [];
  const demand = (condition: string, value: unknown): void => {
    where.push(`${condition} $${values.push(value)}`);
  };
  for (const [name, condition] of Object.entries(conditions) as [keyof TaskSearch, string][]) {
    const value = search[name];
    if (value !== undefined) demand(condition, value instanceof Date ? value.toISOString() : value);
  }
  // What the partial index needs to be told, as it is planned before it knows the value.
  if (search.state !== undefined && search.state !== 'completed') where.push("t.state <> 'completed'");
  if (page.after !== undefined) demand('t.id <', page.after);
  const { rows } = await db.query(
    `select t.id, t.name, t.state, t.queue, t.priority, t.key, t.attempt, ${progress} as progress, t.submitted_at, t.finished_at
       from (select * from taskledger.projected_tasks t ${where.length > 0 ? `where ${where.join(' and ')}` : ''}
              order by t.id desc limit $1) t
       left join taskledger.open_tasks o on o.task_id = t.id
      order by t.id desc`,
    values,
  );
  return rows as FoundTask[];
}
