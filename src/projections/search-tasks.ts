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

/** The place of a task among all: they are in the order of submission, those of one millisecond in the order of their ids. */
export interface TaskPlace {
  readonly submittedAt: Date;
  readonly id: string;
}

export interface SearchPage {
  /** Most rows to return; default 100. */
  readonly limit?: number | undefined;
  /** Only tasks before this place: that of the last task of the page before. */
  readonly before?: TaskPlace | undefined;
}

export interface FoundTask {
  readonly id: string;
  readonly name: string;
  readonly state: TaskStateName;
  readonly queue: string;
  readonly priority: number;
  readonly key: string | null;
  readonly attempt: number;
  /** Plugin and version of the latest attempt. */
  readonly run_by: string | null;
  /** Of the hot row, which is newer than any event, at the owner; elsewhere as it was last recorded. Null unless the task is open. */
  readonly progress: { readonly fraction?: number | null; readonly message?: string | null } | null;
  readonly submitted_at: Date;
  readonly finished_at: Date | null;
}

const conditions = {
  name: 't.name =',
  queue: 't.queue =',
  key: 't.key =',
  errorCode: 't.error_code =',
} as const satisfies Partial<Record<keyof TaskSearch, string>>;

/** The hot row knows of reports that became no event; only the owner of a task has one. */
const progress = `case when o.task_id is not null then o.progress
       when t.state = 'leased' and coalesce(t.fraction::text, t.message) is not null
       then json_build_object('fraction', t.fraction, 'message', t.message) end`;

/**
 * Searches the projected tasks, the last submitted first, a page at a time: made for millions of them. Only what is asked for is
 * in the statement, so that the index of the narrowest condition is used, and a page is one range of it: `migrations/0011_search.sql`
 * has one for each. The state has rows of its own in `task_states`, and `completed`, the one state they leave out, is what a walk
 * over all tasks meets.
 * @throws whatever pg throws
 */
export async function searchTasks(
  db: Queryable,
  { state, since, until, ...search }: TaskSearch,
  { limit = 100, before }: SearchPage = {},
): Promise<FoundTask[]> {
  const values: unknown[] = [limit];
  const parameter = (value: unknown): string => `$${values.push(value instanceof Date ? value.toISOString() : value)}`;
  // Of the rows that are walked over: those of the state, or the tasks themselves.
  const walked = state === undefined || state === 'completed' ? 't' : 's';
  // Rows whose submission was not read yet would come first, to be passed over one by one.
  const where = [`${walked}.submitted_at is not null`];
  if (state !== undefined) where.push(`${walked}.state = ${parameter(state)}`);
  for (const [name, condition] of Object.entries(conditions) as [keyof typeof conditions, string][]) {
    const value = search[name];
    if (value !== undefined) where.push(`${condition} ${parameter(value)}`);
  }
  if (since !== undefined) where.push(`${walked}.submitted_at >= ${parameter(since)}`);
  // The nearer end alone: given both, an index is entered at the place, and walked from there to `until`.
  if (before !== undefined && !(until !== undefined && until <= before.submittedAt)) {
    where.push(`(${walked}.submitted_at, ${walked}.id) < (${parameter(before.submittedAt)}, ${parameter(before.id)})`);
  } else if (until !== undefined) where.push(`${walked}.submitted_at < ${parameter(until)}`);
  const states = walked === 's' ? 'join taskledger.task_states s on s.id = t.id' : '';
  const { rows } = await db.query(
    `select t.id, t.name, t.state, t.queue, t.priority, t.key, t.attempt, t.plugin as run_by, ${progress} as progress, t.submitted_at, t.finished_at
       from (select t.* from taskledger.projected_tasks t ${states} where ${where.join(' and ')}
              order by ${walked}.submitted_at desc, ${walked}.id desc limit $1) t
       left join taskledger.open_tasks o on o.task_id = t.id
      order by t.submitted_at desc, t.id desc`,
    values,
  );
  return rows as FoundTask[];
}
