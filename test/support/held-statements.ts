import type pg from 'pg';
import { expect } from 'vitest';

/** Statements of others that stand still in the middle of their transaction, until `release`. */
export interface HeldStatements extends AsyncDisposable {
  /** Resolves once at least that many sessions stand still. */
  waiting(sessions: number): Promise<void>;
  /** They go on and commit, whether or not anybody is left to hear the answer; resolves once all have ended. */
  release(): Promise<void>;
}

const lockKey = 7_301;

/**
 * Makes every statement that fires one of these triggers wait, inside the database, as behind a slow disk.
 * @param triggers what stands in `create … trigger` between its kind and the function: `['trigger', 'before insert on …']`
 */
export async function holdStatements(
  { pool }: { readonly pool: pg.Pool },
  triggers: readonly (readonly [kind: 'trigger' | 'constraint trigger', fires: string])[],
): Promise<HeldStatements> {
  await pool.query(`create function public.hold_statement() returns trigger language plpgsql as $$
    begin perform pg_advisory_xact_lock_shared(${lockKey}); return new; end $$`);
  for (const [i, [kind, fires]] of triggers.entries()) {
    await pool.query(`create ${kind} hold_statement_${i} ${fires} execute function public.hold_statement()`);
  }
  const holder = await pool.connect();
  // The server may be killed under it: that lets go too.
  holder.on('error', () => undefined);
  await holder.query('select pg_advisory_lock($1)', [lockKey]);
  const sessions = async (where: string): Promise<number> => {
    const { rows } = await pool.query<{ n: number }>(
      `select count(*)::int as n from pg_locks
        where locktype = 'advisory' and objid = $1 and database = (select oid from pg_database where datname = current_database()) and ${where}`,
      [lockKey],
    );
    return rows[0]!.n;
  };
  let held = true;
  const release = async (): Promise<void> => {
    if (!held) return;
    held = false;
    await holder.query('select pg_advisory_unlock($1)', [lockKey]).catch(() => undefined);
    holder.release(true);
    await expect.poll(() => sessions('true'), { timeout: 10_000, interval: 10 }).toBe(0);
  };
  return {
    release,
    [Symbol.asyncDispose]: release,
    waiting: async (count) => {
      await expect.poll(() => sessions('not granted'), { timeout: 15_000, interval: 10 }).toBeGreaterThanOrEqual(count);
    },
  };
}
