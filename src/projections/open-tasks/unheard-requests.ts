import type { TaskEvent } from '../../events/event.ts';
import { formatPosition, type Position } from '../../events/position.ts';
import type { Queryable } from '../../postgres/queryable.ts';

/** Requests that came from other sites and that this one has not heard yet: they have changed nothing so far. */
export interface UnheardRequests {
  /** The events without them. */
  leaveOut(events: readonly TaskEvent[]): TaskEvent[];
}

/** Of the open tasks among these; a request about any other task moves no hot row. */
export async function readUnheardRequests(db: Queryable, taskIds: readonly string[]): Promise<UnheardRequests> {
  const { rows } = await db.query(
    `select e.site, e.seq::text
       from taskledger.open_tasks o join taskledger.events e on e.task_id = o.task_id
      where o.task_id = any ($1::uuid[]) and o.state <> 'pending' and e.type = 'task.abort_requested'
        and e.site <> (select s.name from taskledger.site s) and not taskledger.request_heard(e.site, e.seq)`,
    [taskIds],
  );
  const unheard = new Set(
    (rows as { site: string; seq: string }[]).map(({ site, seq }) => key({ site, seq: BigInt(seq) })),
  );
  return { leaveOut: (events) => events.filter((event) => !unheard.has(key(event))) };
}

const key = (position: Position): string => formatPosition(position);
