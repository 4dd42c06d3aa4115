import type { Queryable } from '../../postgres/queryable.ts';
import type { Difference } from './difference.ts';

interface PlaceRow {
  readonly about: string;
  readonly task_id: string;
}

/**
 * Every lease that a rule with a concurrency is about has its place there, so that no more are granted than it allows. A place without
 * a lease is no difference: the next claim takes it away. Nor is a rule that was just set: claims look for its leases.
 */
export async function* placeDifferences(db: Queryable): AsyncGenerator<Difference> {
  const { rows } = await db.query(
    `select r.about, t.task_id
       from taskledger.open_tasks t
       join taskledger.rules r on r.about = any (array['queue:' || t.queue, 'task:' || t.name, 'group:' || t."group"])
       left join taskledger.places p on p.about = r.about and p.task_id = t.task_id
      where t.state = 'leased' and r.concurrency is not null and r.changed_in is null and p.task_id is null
      order by r.about, t.task_id`,
    [],
  );
  for (const { about, task_id } of rows as PlaceRow[])
    yield { what: 'place', id: `${about}/${task_id}`, column: 'row', log: task_id, found: null };
}
