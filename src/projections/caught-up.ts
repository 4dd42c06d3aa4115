import type { Clock } from '../clock.ts';
import type { Queryable } from '../postgres/queryable.ts';

export interface CaughtUpOptions {
  /** How long to wait, milliseconds. */
  readonly timeoutMs: number;
  /** Which projections; default all. */
  readonly projections?: readonly string[];
}

const firstPauseMs = 5;
const longestPauseMs = 100;

/**
 * Resolves with true when everything visible at the call is projected: in a block, and that block read by every projection;
 * with false when that takes longer.
 * @throws whatever pg throws
 */
export async function whenCaughtUp(db: Queryable, clock: Clock, options: CaughtUpOptions): Promise<boolean> {
  const { timeoutMs, projections = null } = options;
  const { rows } = await db.query('select pg_current_snapshot()::text as since', []);
  const { since } = rows[0] as { since: string };
  const until = clock.monotonic() + timeoutMs;
  let head: string | null = null;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    head ??= await sealedHead(db, since);
    if (head !== null && (await isProjected(db, head, projections))) return true;
    const leftMs = until - clock.monotonic();
    if (leftMs <= 0) return false;
    await clock.sleep(Math.min(pauseMs, leftMs));
  }
}

/** Whether anything was ever projected here: a database without a daemon has nobody to wait for. */
export async function isProjecting(db: Queryable): Promise<boolean> {
  const { rows } = await db.query('select exists (select from taskledger.cursors where block > 0) as projecting', []);
  return (rows[0] as { projecting: boolean }).projecting;
}

async function sealedHead(db: Queryable, since: string): Promise<string | null> {
  const { rows } = await db.query('select taskledger.sealed_head($1) as head', [since]);
  return (rows[0] as { head: string | null }).head;
}

/** Whether the live slots have read the own stream up to this block. A projection without a cursor has read nothing. */
async function isProjected(db: Queryable, head: string, projections: readonly string[] | null): Promise<boolean> {
  const { rows } = await db.query(
    `select coalesce(bool_and(coalesce(c.block, 0) >= $1::bigint), false) as projected
       from taskledger.projections p cross join taskledger.site s
       left join taskledger.cursors c on c.projection = p.name and c.slot = p.live and c.site = s.name
      where $2::text[] is null or p.name = any ($2)`,
    [head, projections],
  );
  return (rows[0] as { projected: boolean }).projected;
}
