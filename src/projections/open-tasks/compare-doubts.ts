import type { Queryable } from '../../postgres/queryable.ts';
import type { Difference } from './difference.ts';

interface DoubtRow {
  readonly id: string;
  readonly log: string | null;
  readonly found: string | null;
}

/** Every task in doubt, and no other, waits in `doubts` for an answer under its own name. */
export async function* doubtDifferences(db: Queryable): AsyncGenerator<Difference> {
  const { rows } = await db.query(
    `select task_id as id, o.realm || '/' || o.name as log, d.realm || '/' || d.name as found
       from (select task_id, realm, name from taskledger.open_tasks where state = 'in_doubt') o
       full join taskledger.doubts d using (task_id)
      where (o.realm, o.name) is distinct from (d.realm, d.name)
      order by 1`,
    [],
  );
  for (const { id, log, found } of rows as DoubtRow[]) yield { what: 'doubt', id, column: 'row', log, found };
}
