import type { Queryable } from '../../postgres/queryable.ts';
import type { Difference } from './difference.ts';

interface KeyRow {
  readonly id: string;
  readonly log: string | null;
  readonly found: string | null;
}

/** Keys name the task that was first submitted with them, and there are no others. Postgres compares: both sides are its rows. */
export async function* keyDifferences(db: Queryable): AsyncGenerator<Difference> {
  const { rows } = await db.query(
    `with told as (
       select distinct on (realm, data ->> 'name', data ->> 'key') realm, data ->> 'name' as name, data ->> 'key' as key, task_id
         from taskledger.events where type = 'task.submitted' and data -> 'key' is not null
          and realm in (select r.realm from taskledger.realms r join taskledger.site s on s.name = r.owner)
        order by realm, data ->> 'name', data ->> 'key', occurred_at, seq
     )
     select concat_ws('/', realm, name, key) as id, told.task_id as log, kept.task_id as found
       from told full join taskledger.task_keys kept using (realm, name, key)
      where told.task_id is distinct from kept.task_id
      order by 1`,
    [],
  );
  for (const { id, log, found } of rows as KeyRow[])
    yield { what: 'key', id, column: log === null || found === null ? 'row' : 'task_id', log, found };
}
