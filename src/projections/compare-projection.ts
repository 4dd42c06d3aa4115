import { NIL as firstId } from 'uuid';
import { LedgerError } from '../errors.ts';
import { fold } from '../events/evolve.ts';
import { readEventsOfTasks, type TaskRows } from '../events/read.ts';
import type { TaskState } from '../events/task-state.ts';
import type { Queryable } from '../postgres/queryable.ts';
import { differenceOf, type Difference } from './open-tasks/difference.ts';

/** Tasks whose histories are in memory at a time. */
const pageTasks = 200;
const errorMessageMax = 500;

type Row = Readonly<Record<string, unknown>>;

/**
 * I4: folds the history of every task and tells where `projected_tasks` differs from it. What was recorded but not projected yet is
 * told as a difference too: wait for `whenCaughtUp`, and let nobody write.
 * @param db of one snapshot (`withSnapshot`)
 */
export async function* compareProjection(db: Queryable): AsyncGenerator<Difference> {
  for (let after: string = firstId; ;) {
    const { rows } = await db.query(
      `(select distinct task_id from taskledger.events where task_id > $1 order by 1 limit $2)
       union (select id from taskledger.projected_tasks where id > $1 order by 1 limit $2) order by 1 limit $2`,
      [after, pageTasks],
    );
    const ids = (rows as { task_id: string }[]).map(({ task_id }) => task_id);
    const events = await readEventsOfTasks(db, ids);
    const projected = await readProjected(db, ids);
    for (const id of ids) yield* taskDifferences(id, events.get(id), projected.get(id));
    if (ids.length < pageTasks) return;
    after = ids.at(-1) ?? after;
  }
}

async function readProjected(db: Queryable, ids: readonly string[]): Promise<Map<string, Row>> {
  const { rows } = await db.query('select * from taskledger.projected_tasks where id = any ($1)', [ids]);
  return new Map((rows as Row[]).map((row) => [String(row['id']), row]));
}

function* taskDifferences(id: string, rows: TaskRows | undefined, found: Row | undefined): Generator<Difference> {
  const of = { what: 'task', id } as const;
  let told: TaskState | undefined;
  try {
    told = fold(rows?.events() ?? []);
  } catch (error) {
    // What cannot be folded is the worst difference, and no reason to leave the others untold.
    if (!(error instanceof LedgerError)) throw error;
    yield { ...of, column: 'history', log: error.expected, found: error.found };
    return;
  }
  if (told === undefined || found === undefined) {
    yield* differenceOf({ ...of, column: 'row', log: told?.state, found: found?.['state'] });
    return;
  }
  for (const [column, log] of Object.entries(projectedColumns(told))) {
    yield* differenceOf({ ...of, column, log, found: found[column] });
  }
}

/** The columns of `projected_tasks` that the state of a task says. The others tell of its latest attempt and last change. */
function projectedColumns(state: TaskState): Row {
  return {
    realm: state.realm,
    name: state.name,
    queue: state.queue,
    group: state.group,
    priority: state.priority,
    key: state.key,
    state: state.state,
    attempt: state.attempt,
    submitted_at: state.submitted_at,
    start_before: state.start_before,
    deadline: state.deadline,
    run_at: state.run_at,
    finished_at: state.finished_at,
    // Of a task that is leased; afterwards the projection still says who had it.
    ...(state.lease === null ? {} : { runner: state.lease.runner }),
    error_code: state.error?.code,
    error_message:
      state.error?.message === undefined ? null : Array.from(state.error.message).slice(0, errorMessageMax).join(''),
    fraction: state.progress?.fraction,
    message: state.progress?.message,
    refused_results: state.refused_results,
    open_requests: state.open_requests.length - state.answered_early.length,
    version: state.version,
    epoch: state.epoch,
  };
}
