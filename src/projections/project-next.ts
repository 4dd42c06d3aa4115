import type { Queryable } from '../postgres/queryable.ts';
import type { Projection } from './projections.ts';

/** Most events of one step: bounds the memory of the server and how long a cursor is held. */
export const MAX_STEP_EVENTS = 20_000;

/** A run of blocks for one slot. */
export interface Step {
  readonly slot: string;
  readonly site: string;
  readonly from_block: string;
  readonly to_block: string;
  /** Filled beside the live slot. */
  readonly building: boolean;
  /** Other projections whose live slots stand at the same block. */
  readonly beside: readonly string[];
  readonly lag_ms: number;
}

/** What a step came to for one projection. */
export interface Projected {
  readonly projection: string;
  readonly events: number;
}

/** What there is to read: one step per slot and stream, those of the live slot first. */
export async function nextSteps(db: Queryable, { name }: Projection, maxEvents = MAX_STEP_EVENTS): Promise<Step[]> {
  const { rows } = await db.query('select * from taskledger.next_blocks($1, $2)', [name, maxEvents]);
  return rows as Step[];
}

/** Reads one step, rows and cursor in one transaction. Answers the events read; null when another projector had read them. */
export async function projectStep(db: Queryable, { project }: Projection, step: Step): Promise<number | null> {
  const { rows } = await db.query(`select ${project}($1, $2, $3, $4) as events`, [
    step.slot,
    step.site,
    step.from_block,
    step.to_block,
  ]);
  const { events } = rows[0] as { events: string | null };
  return events === null ? null : Number(events);
}

/**
 * Reads one step of a live slot for this projection and those beside it that nobody else is reading for: the events are read once,
 * and one transaction has the rows and cursors of all. Answers whose cursors moved, none when another projector had read them.
 */
export async function projectTogether(db: Queryable, { name }: Projection, step: Step): Promise<Projected[]> {
  const values = [name, step.site, step.from_block, step.to_block];
  const { rows } = await db.query('select * from taskledger.project_together($1, $2, $3, $4)', values);
  return (rows as { projected: string; events: string }[]).map(({ projected, events }) => ({
    projection: projected,
    events: Number(events),
  }));
}
