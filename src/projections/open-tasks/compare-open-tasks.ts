import { NIL as firstId } from 'uuid';
import { LedgerError } from '../../errors.ts';
import { readEventsOfTasks, type TaskRows } from '../../events/read.ts';
import type { Queryable } from '../../postgres/queryable.ts';
import { claimDifferences, readClaims, type HeldClaims } from './compare-claims.ts';
import { doubtDifferences } from './compare-doubts.ts';
import { keyDifferences } from './compare-keys.ts';
import { placeDifferences } from './compare-places.ts';
import { differenceOf, type Difference } from './difference.ts';
import { toldRow, type ToldRow } from './told-row.ts';
import { readUnheardRequests, type UnheardRequests } from './unheard-requests.ts';

type HotRow = Readonly<Record<string, unknown>>;

/** Tasks whose histories are in memory at a time. */
const pageTasks = 200;

/**
 * I4: folds the history of every task and tells where the hot tables (open_tasks, claims, doubts, places, task_keys) differ from it. Not
 * compared, because the log does not hold them: the end of a lease, its last heartbeat, the digest of its secret, a
 * progress report that became no event, and when a task in doubt is asked about next.
 * @param db of one snapshot (`withSnapshot`): what changes between two pages would be told as a difference
 * @param only these tasks and the claims; default everything
 */
export async function* compareOpenTasks(db: Queryable, only?: readonly string[]): AsyncGenerator<Difference> {
  const claims = await readClaims(db);
  yield* claimDifferences(claims);
  for await (const ids of only === undefined ? pagesOfIds(db) : [only]) {
    const events = await readEventsOfTasks(db, ids);
    const hot = await readHotRows(db, ids);
    const unheard = await readUnheardRequests(db, ids);
    for (const id of ids) yield* taskDifferences(id, { rows: events.get(id), hot: hot.get(id), claims, unheard });
  }
  if (only !== undefined) return;
  yield* doubtDifferences(db);
  yield* placeDifferences(db);
  yield* keyDifferences(db);
}

/** Every task of this site's realms that has a history, and every hot row, in the order of their ids. */
async function* pagesOfIds(db: Queryable): AsyncGenerator<string[]> {
  for (let after: string = firstId; ;) {
    const { rows } = await db.query(
      `(select distinct e.task_id from taskledger.events e
         where e.task_id > $1 and e.realm in (select r.realm from taskledger.realms r join taskledger.site s on s.name = r.owner)
         order by 1 limit $2)
       union (select task_id from taskledger.open_tasks where task_id > $1 order by 1 limit $2) order by 1 limit $2`,
      [after, pageTasks],
    );
    const ids = (rows as { task_id: string }[]).map(({ task_id }) => task_id);
    if (ids.length > 0) yield ids;
    if (ids.length < pageTasks) return;
    after = ids.at(-1) ?? after;
  }
}

async function readHotRows(db: Queryable, ids: readonly string[]): Promise<Map<string, HotRow>> {
  const { rows } = await db.query('select * from taskledger.open_tasks where task_id = any ($1)', [ids]);
  return new Map((rows as HotRow[]).map((row) => [String(row['task_id']), row]));
}

interface Task {
  readonly rows: TaskRows | undefined;
  readonly hot: HotRow | undefined;
  readonly claims: HeldClaims;
  readonly unheard: UnheardRequests;
}

function* taskDifferences(id: string, { rows, hot, claims, unheard }: Task): Generator<Difference> {
  const of = { what: 'task', id } as const;
  let told: ToldRow | undefined;
  try {
    told = toldRow(unheard.leaveOut(rows?.events() ?? []));
  } catch (error) {
    // What cannot be folded is the worst difference, and no reason to leave the others untold.
    if (!(error instanceof LedgerError)) throw error;
    yield { ...of, column: 'history', log: error.expected, found: error.found };
    return;
  }
  if (told === undefined || hot === undefined) {
    yield* differenceOf({
      ...of,
      column: 'row',
      log: told?.state ?? 'finished',
      found: hot === undefined ? 'finished' : hot['state'],
    });
    return;
  }
  for (const [column, log] of Object.entries(told.columns)) {
    // The next question about a doubt is nobody's decision.
    if (column === 'run_at' && told.state === 'in_doubt') continue;
    yield* differenceOf({ ...of, column, log, found: column === 'progress' ? recordedAt(hot[column]) : hot[column] });
  }
  yield* claims.differencesOfLease(of, told, hot['claim_id']);
}

function recordedAt(progress: unknown): unknown {
  if (progress === null) return null;
  const at =
    typeof progress === 'object' && 'recorded_at' in progress ? new Date(String(progress.recorded_at)) : undefined;
  return at === undefined || Number.isNaN(at.getTime()) ? 'a report that does not say when' : at;
}
