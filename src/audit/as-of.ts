import { fold } from '../events/evolve.ts';
import type { TaskEvent } from '../events/event.ts';
import { readTaskEvents } from '../events/read.ts';
import type { TaskState } from '../events/task-state.ts';
import type { Queryable } from '../postgres/queryable.ts';
import type { Cut } from './moments.ts';
import { placesOfTask } from './stored-event.ts';

/** The events of a task that were in blocks at a moment, oldest first. */
export async function eventsAsOf(db: Queryable, taskId: string, cuts: readonly Cut[]): Promise<TaskEvent[]> {
  const until = new Map(cuts.map(({ site, block }) => [site, block]));
  const places = await placesOfTask(db, taskId);
  const sealed = new Set(
    places
      .filter(({ site, block }) => block !== undefined && block.header.number <= (until.get(site) ?? 0n))
      .map(({ site, seq }) => `${site}/${seq}`),
  );
  return (await readTaskEvents(db, taskId)).filter(({ site, seq }) => sealed.has(`${site}/${seq}`));
}

/** What a task was at a moment; undefined when it was not known yet. */
export async function stateAsOf(db: Queryable, taskId: string, cuts: readonly Cut[]): Promise<TaskState | undefined> {
  return fold(await eventsAsOf(db, taskId, cuts));
}

/** How many tasks of a name were in a state. */
export interface StateCount {
  readonly name: string;
  readonly state: string;
  readonly tasks: number;
}

/** A task that is not what it was; null before it was known. */
export interface StateChange {
  readonly id: string;
  readonly name: string;
  readonly before: string | null;
  readonly after: string;
}

/** How many tasks went from one state to another between two moments. */
export interface ChangeCount {
  readonly name: string;
  readonly before: string | null;
  readonly after: string;
  readonly tasks: number;
}

// The last decision of each task that was in a block by then, and the state it left the task in: as the view `tasks` says it.
const statesAt = (sites: string, blocks: string): string => `
  select distinct on (e.task_id) e.task_id as id,
         case e.type
           when 'task.completed' then 'completed' when 'task.failed' then 'failed' when 'task.aborted' then 'aborted'
           when 'task.missed' then 'missed' when 'task.in_doubt' then 'in_doubt'
           when 'task.leased' then 'leased' when 'task.progressed' then 'leased'
           when 'task.lease_expired' then e.data ->> 'next'
           when 'task.resolved' then case e.data ->> 'outcome' when 'rerun' then 'pending' else e.data ->> 'outcome' end
           else 'pending' end as state
    from unnest(${sites}::text[], ${blocks}::bigint[]) as cut(site, block)
    join taskledger.blocks b on b.site = cut.site and b.number <= cut.block
   cross join unnest(b.members) r
   cross join lateral (
         select * from taskledger.events e where e.site = b.site and e.seq >= lower(r) and e.seq < upper(r) offset 0) e
   where e.version is not null and e.type <> 'task.request_refused'
   order by e.task_id, e.epoch desc, e.version desc`;

const nameOf = (id: string): string =>
  `(select s.data ->> 'name' from taskledger.events s where s.task_id = ${id} and s.version = 1 order by s.epoch limit 1)`;

/** Tasks by name and state at a moment: the whole ledger, from the events of its blocks. Postgres sorts them, on disk if need be. */
export async function countsAsOf(db: Queryable, cuts: readonly Cut[]): Promise<StateCount[]> {
  const { rows } = await db.query(
    `with states as (${statesAt('$1', '$2')})
     select ${nameOf('t.id')} as name, t.state, count(*)::int as tasks from states t group by 1, 2 order by 1, 2`,
    arraysOf(cuts),
  );
  return rows as StateCount[];
}

const changed = `
  with earlier as (${statesAt('$1', '$2')}),
       later as (${statesAt('$3', '$4')}),
       changed as (
         select l.id, e.state as before, l.state as after from later l left join earlier e on e.id = l.id
          where e.state is distinct from l.state)`;

/** What changed between two moments, counted. */
export async function changesBetween(db: Queryable, from: readonly Cut[], to: readonly Cut[]): Promise<ChangeCount[]> {
  const { rows } = await db.query(
    `${changed} select ${nameOf('c.id')} as name, c.before, c.after, count(*)::int as tasks from changed c
      group by 1, 2, 3 order by 1, 2 nulls first, 3`,
    [...arraysOf(from), ...arraysOf(to)],
  );
  return rows as ChangeCount[];
}

/** The tasks that are not what they were, by id, at most `limit`. */
export async function tasksChangedBetween(
  db: Queryable,
  from: readonly Cut[],
  to: readonly Cut[],
  limit: number,
): Promise<StateChange[]> {
  const { rows } = await db.query(
    `${changed} select c.id::text as id, ${nameOf('c.id')} as name, c.before, c.after
       from (select * from changed order by id limit $5) c order by c.id`,
    [...arraysOf(from), ...arraysOf(to), limit],
  );
  return rows as StateChange[];
}

function arraysOf(cuts: readonly Cut[]): [sites: string[], blocks: string[]] {
  return [cuts.map(({ site }) => site), cuts.map(({ block }) => String(block))];
}
