import type { Queryable } from '../postgres/queryable.ts';
import { isOffered, readOffered, tellUnoffered, type TaskNeeds } from './offered.ts';

/** Pending tasks of one name, pin and queue that no running runner takes. */
export interface Unoffered extends TaskNeeds {
  /** How many; counting ends at `UNOFFERED_COUNT_MAX`. */
  readonly tasks: number;
  /** From when on the first of them can be claimed. */
  readonly since: Date;
  /** Why, in a sentence without its full stop. */
  readonly why: string;
}

/** More tasks than this are not counted. */
export const UNOFFERED_COUNT_MAX = 1000;

/** A pending task that nobody takes. */
export interface UnofferedTask extends TaskNeeds {
  readonly id: string;
  readonly priority: number;
  readonly key: string | null;
  readonly attempt: number;
  readonly submittedAt: Date;
  readonly runAt: Date;
  readonly why: string;
}

export interface UnofferedFilter {
  readonly name?: string | undefined;
  readonly queue?: string | undefined;
  /** Most tasks to return; default 100. */
  readonly limit?: number | undefined;
}

interface Kind {
  readonly name: string;
  readonly pin: string;
  readonly queue: string;
}

/**
 * Kinds of task that wait here although nobody takes them. Whoever owns tasks knows: those of other sites are asked for there.
 * @throws whatever pg throws; the caller translates
 */
export async function readUnoffered(db: Queryable, site: string): Promise<Unoffered[]> {
  const { kinds, tell } = await unofferedKinds(db, site);
  const { rows } = await db.query(
    `select k.name, k.pin, k.queue, count(*)::int as tasks, min(t.run_at) as since
       from unnest($1::text[], $2::text[], $3::text[]) k(name, pin, queue)
      cross join lateral (select t.run_at from taskledger.open_tasks t
                           where t.name = k.name and t.pin = k.pin and t.queue = k.queue and t.state = 'pending' limit $4) t
      group by k.name, k.pin, k.queue order by 5, 1, 2, 3`,
    [...columnsOf(kinds), UNOFFERED_COUNT_MAX],
  );
  return (rows as (Kind & { readonly tasks: number; readonly since: Date })[]).map(({ tasks, since, ...kind }) => {
    const needs = needsOf(kind);
    return { ...needs, tasks, since, why: tell(needs) };
  });
}

/**
 * Tasks that wait here although nobody takes them, the last submitted first of those that may start first.
 * @throws whatever pg throws; the caller translates
 */
export async function listUnoffered(
  db: Queryable,
  site: string,
  { name, queue, limit = 100 }: UnofferedFilter = {},
): Promise<UnofferedTask[]> {
  const { kinds, tell } = await unofferedKinds(db, site);
  const wanted = kinds.filter((kind) => (name ?? kind.name) === kind.name && (queue ?? kind.queue) === kind.queue);
  const { rows } = await db.query(
    `select t.task_id as id, t.name, t.pin, t.queue, t.priority, s.data ->> 'key' as key, t.attempt, s.occurred_at as "submittedAt", t.run_at as "runAt"
       from unnest($1::text[], $2::text[], $3::text[]) k(name, pin, queue)
      cross join lateral (select t.* from taskledger.open_tasks t
                           where t.name = k.name and t.pin = k.pin and t.queue = k.queue and t.state = 'pending' limit $4) t
       join taskledger.events s on s.site = t.submitted_site and s.seq = t.submitted_seq
      order by s.occurred_at desc, t.task_id desc limit $4`,
    [...columnsOf(wanted), limit],
  );
  return (rows as (Kind & Omit<UnofferedTask, keyof TaskNeeds>)[]).map(({ pin, ...task }) => {
    const needs = { ...task, plugin: pin === '' ? null : pin };
    return { ...needs, why: tell(needs) };
  });
}

interface Kinds {
  readonly kinds: readonly Kind[];
  readonly tell: (needs: TaskNeeds) => string;
}

async function unofferedKinds(db: Queryable, site: string): Promise<Kinds> {
  const { rows } = await db.query('select name, pin, queue from taskledger.waiting_kinds()', []);
  const offered = await readOffered(db);
  const kinds = (rows as Kind[]).filter((kind) => !isOffered(needsOf(kind), offered));
  return { kinds, tell: (needs) => tellUnoffered(needs, offered, site) };
}

function needsOf({ name, pin, queue }: Kind): TaskNeeds {
  return { name, plugin: pin === '' ? null : pin, queue };
}

function columnsOf(kinds: readonly Kind[]): readonly [string[], string[], string[]] {
  return [kinds.map(({ name }) => name), kinds.map(({ pin }) => pin), kinds.map(({ queue }) => queue)];
}
