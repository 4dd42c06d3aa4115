import type pg from 'pg';
import { expect } from 'vitest';
import { claimTasks, type Claim, type ClaimRequest, type Lane, type Lease } from '../../src/ledger/claim.ts';
import {
  settleOutcomes,
  type HeldClaim,
  type Outcome,
  type OutcomeKind,
  type Verdict,
} from '../../src/ledger/settle.ts';
import type { PreparedQueryable } from '../../src/postgres/queryable.ts';
import type { TestLedger } from './ledger.ts';

const anyRequest = { names: ['some.task'], maxTasks: 10, runner: 'r1', host: 'h1', ttlMs: 15_000 };

/** Claims as a runner does, by default ten tasks named `some.task`. */
export async function claimAs(db: PreparedQueryable, request: Partial<ClaimRequest> = {}): Promise<Claim | undefined> {
  return await claimTasks(db, { ...anyRequest, ...request });
}

/** Claims, and fails unless exactly `count` tasks were granted. */
export async function claimSome(
  db: PreparedQueryable,
  count: number,
  request: Partial<ClaimRequest> = {},
): Promise<Claim> {
  const claim = await claimAs(db, { maxTasks: count, ...request });
  expect(claim?.leases.length ?? 0).toBe(count);
  return claim!;
}

/** The lane of the last task of a claim, to go on after it. */
export function laneAfter(claim: Claim): Lane {
  const { submitted, runAt, taskId } = claim.leases.at(-1)!;
  const { name, plugin: pin = '', queue, priority, group = '' } = submitted;
  return { name, pin, queue, priority, group, from: runAt, from_id: taskId };
}

/** How one attempt ended, 5 ms ago after 20 ms. */
export function outcomeOf(lease: Lease, kind: OutcomeKind, more: Partial<Outcome> = {}): Outcome {
  const detail: Readonly<Record<OutcomeKind, unknown>> = {
    completed: 'done',
    failed: { code: 'HANDLER_ERROR', message: 'no luck' },
    retry: { code: 'HANDLER_ERROR', message: 'no luck yet' },
    released: { reason: 'drain' },
    aborted: { reason: 'stopped' },
    in_doubt: { reason: 'stopped half way' },
  };
  const { taskId, claimId } = lease;
  return { taskId, claimId, kind, detailJson: JSON.stringify(detail[kind]), endedAtMs: 95, ranMs: 20, ...more };
}

/** Settles every lease of a claim the same way; answers only what was not newly recorded. */
export async function settleAll(
  db: PreparedQueryable,
  claim: Claim,
  kind: OutcomeKind,
  more: Partial<Outcome> = {},
): Promise<Verdict[]> {
  const outcomes = claim.leases.map((lease) => outcomeOf(lease, kind, more));
  return await settleThese(db, [claim], outcomes);
}

export async function settleThese(
  db: PreparedQueryable,
  held: readonly HeldClaim[],
  outcomes: readonly Outcome[],
): Promise<Verdict[]> {
  return await settleOutcomes(db, held, outcomes, 100);
}

/** What a runner that stopped renewing long ago leaves behind. */
export async function expireLeases({ pool }: TestLedger): Promise<void> {
  await pool.query(`update taskledger.claims set lease_until = clock_timestamp() - interval '1 second'`);
}

export async function eventCount(db: pg.Pool | pg.Client): Promise<number> {
  const { rows } = await db.query<{ n: number }>('select count(*)::int as n from taskledger.events');
  return rows[0]!.n;
}

export async function claimRows(db: pg.Pool | pg.Client): Promise<{ claim_id: string; open: number }[]> {
  const { rows } = await db.query<{ claim_id: string; open: number }>(
    'select claim_id, open from taskledger.claims order by claim_id',
  );
  return rows;
}

/** Runs `work` in a transaction of its own connection; `end` says what becomes of it. */
export async function inTransaction<T>(
  pool: pg.Pool,
  end: 'commit' | 'rollback',
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query(end);
    return result;
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}

/** Resolves once a session (or as many as said) whose statement holds `text` waits for a lock of another one. */
export async function waitsForLock({ pool }: TestLedger, text: string, sessions = 1): Promise<void> {
  await expect
    .poll(
      async () => {
        const { rows } = await pool.query<{ n: number }>(
          `select count(*)::int as n from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock' and strpos(query, $1) > 0 and pid <> pg_backend_pid()`,
          [text],
        );
        return rows[0]!.n;
      },
      { timeout: 5000, interval: 10 },
    )
    .toBeGreaterThanOrEqual(sessions);
}
