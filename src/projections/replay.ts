import { LedgerError } from '../errors.ts';
import type { Queryable } from '../postgres/queryable.ts';
import { nextSteps, projectStep } from './project-next.ts';
import { projections as allProjections, type Projection } from './projections.ts';

/** What a projection came to when it was computed again from its first block. */
export interface Replayed {
  readonly projection: string;
  /** Blocks read, of all streams. */
  readonly blocks: number;
  readonly rows: number;
  /** The first row that is not the same, as JSON, from both; null when all are. */
  readonly difference: ReplayDifference | null;
}

export interface ReplayDifference {
  readonly table: string;
  readonly live: unknown;
  readonly replayed: unknown;
}

/** How often it may meet the live slot in the middle of a block before it gives up. */
const meetings = 1000;

/**
 * Computes projections again from the log, into the slot that is not live, and compares every row with the live one (I4). Others
 * go on working; the slot is emptied afterwards. One after the other.
 * @param session one connection, outside a transaction, of an operator
 * @throws LedgerError TASKLEDGER_REBUILD_RUNNING, TASKLEDGER_PROJECTION_IN_USE once translated, and whatever pg throws
 */
export async function* replay(
  session: Queryable,
  projections: readonly Projection[] = allProjections,
): AsyncGenerator<Replayed> {
  for (const projection of projections) {
    const { rows } = await session.query('select taskledger.rebuild_projection($1, true) as slot', [projection.name]);
    const { slot } = rows[0] as { slot: string };
    try {
      yield await replayOne(session, projection, slot);
    } finally {
      await leave(session, projection, slot);
    }
  }
}

async function leave(session: Queryable, { name }: Projection, slot: string): Promise<void> {
  await session.query('select taskledger.empty_slot($1, $2)', [name, slot]);
  await session.query("select pg_advisory_unlock(hashtextextended('taskledger.replay.' || $1, 0))", [name]);
}

async function replayOne(session: Queryable, projection: Projection, slot: string): Promise<Replayed> {
  for (let meeting = 0; meeting < meetings; meeting += 1) {
    await readAll(session, projection, slot);
    await session.query('begin isolation level repeatable read read only', []);
    try {
      const blocks = await blocksWhenEqual(session, projection);
      if (blocks !== undefined)
        return { projection: projection.name, blocks, ...(await compare(session, projection, slot)) };
    } finally {
      await session.query('rollback', []);
    }
  }
  throw new LedgerError('TASKLEDGER_REBUILD_RUNNING', {
    expected: `the replay of ${projection.name} to catch up with its live rows`,
    found: 'blocks that come faster than they are read',
    remedy: 'Try again when the site is less busy.',
  });
}

async function readAll(session: Queryable, projection: Projection, slot: string): Promise<void> {
  for (;;) {
    const steps = (await nextSteps(session, projection)).filter((step) => step.slot === slot);
    if (steps.length === 0) return;
    for (const step of steps) await projectStep(session, projection, step);
  }
}

/** How many blocks both slots have read; undefined when one has read more than the other. */
async function blocksWhenEqual(session: Queryable, { name }: Projection): Promise<number | undefined> {
  const { rows } = await session.query(
    `select sum(l.block)::text as blocks, bool_and(l.block = o.block) as equal
       from taskledger.projections p
       join taskledger.cursors l on l.projection = p.name and l.slot = p.live
       left join taskledger.cursors o on o.projection = p.name and o.slot <> p.live and o.site = l.site
      where p.name = $1`,
    [name],
  );
  const { blocks, equal } = rows[0] as { blocks: string | null; equal: boolean | null };
  return equal === true ? Number(blocks) : undefined;
}

async function compare(
  session: Queryable,
  { tables }: Projection,
  slot: string,
): Promise<Pick<Replayed, 'rows' | 'difference'>> {
  const live = slot === 'a' ? 'b' : 'a';
  let count = 0;
  for (const [table, key] of Object.entries(tables)) {
    const counted = await session.query(
      `select count(*)::text as rows from taskledger.${table} where slot = '${slot}'`,
      [],
    );
    count += Number((counted.rows[0] as { rows: string }).rows);
    const { rows } = await session.query(
      `select to_jsonb(l) - 'slot' as live, to_jsonb(r) - 'slot' as replayed
         from (select * from taskledger.${table} where slot = '${live}') l
         full join (select * from taskledger.${table} where slot = '${slot}') r using (${key})
        where to_jsonb(l) - 'slot' is distinct from to_jsonb(r) - 'slot'
        order by ${key} limit 1`,
      [],
    );
    const [first] = rows as Omit<ReplayDifference, 'table'>[];
    if (first !== undefined) return { rows: count, difference: { table, ...first } };
  }
  return { rows: count, difference: null };
}
