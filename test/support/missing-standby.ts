import type pg from 'pg';
import { expect } from 'vitest';

/** A server that commits and does not answer. */
export interface MissingStandby {
  /** Resolves once a statement that holds `text` has committed here, durably, and waits to be told so. */
  waits(text: string): Promise<void>;
  /** From its next start on the server answers again. */
  dismiss(): Promise<void>;
}

/**
 * Makes the server wait, after each commit and before its answer, for a standby that does not exist: the very moment in
 * which a crash leaves a client without an answer and the database with the fact.
 */
export async function waitForMissingStandby(pool: pg.Pool): Promise<MissingStandby> {
  const waits = async (text: string): Promise<void> => {
    const waiting = `select count(*)::int as n from pg_stat_activity where wait_event = 'SyncRep' and strpos(query, $1) > 0`;
    await expect
      .poll(async () => (await pool.query<{ n: number }>(waiting, [text])).rows[0]!.n, {
        timeout: 10_000,
        interval: 10,
      })
      .toBeGreaterThan(0);
  };
  await pool.query(`alter system set synchronous_standby_names = 'nobody'`);
  await pool.query('select pg_reload_conf()');
  // In force when the first commit waits; those that came too early have been answered.
  const probe = await pool.connect();
  probe.on('error', () => undefined);
  const commit = (): void => {
    probe.query(`select pg_logical_emit_message(true, 'probe', '')`).then(commit, () => probe.release(true));
  };
  commit();
  await waits('pg_logical_emit_message');
  const dismiss = async (): Promise<void> => {
    await pool.query('alter system reset synchronous_standby_names');
  };
  return { waits, dismiss };
}
