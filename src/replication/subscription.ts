import type { Queryable } from '../postgres/queryable.ts';
import type { Peer } from './peer.ts';

/** What feeds this site from a peer: the slot there, the subscription here. */
export interface SubscriptionState {
  /**
   * `reserved`, `extended`, `unreserved`, `lost`; `absent` when there is no slot; `ahead` when this site has confirmed more than
   * the peer's server has written: it was restored from an older state, and would ship nothing until it has written as much again.
   */
  readonly slot: string;
  /** A server of this site is connected to the slot. */
  readonly active: boolean;
  /** WAL the peer keeps for this site, bytes. */
  readonly retainedBytes: number;
  readonly subscription: 'enabled' | 'disabled' | 'absent';
  /** Since the subscription was made. */
  readonly applyErrors: number;
}

/** @param peerDb - a connection to the peer @param db - this site */
export async function readSubscription(peerDb: Queryable, db: Queryable, peer: Peer): Promise<SubscriptionState> {
  const there = await peerDb.query(
    `select case when s.confirmed_flush_lsn > pg_current_wal_lsn() then 'ahead' else coalesce(s.wal_status, 'lost') end as slot, s.active, coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn), 0)::float8 as retained
       from pg_replication_slots s where s.slot_name = $1`,
    [peer.slot],
  );
  const here = await db.query(
    `select u.subenabled as enabled, coalesce(s.apply_error_count, 0)::float8 as errors
       from pg_subscription u join pg_database d on d.oid = u.subdbid and d.datname = current_database()
       left join pg_stat_subscription_stats s on s.subid = u.oid
      where u.subname = $1`,
    [peer.slot],
  );
  const slot = there.rows[0] as { slot: string; active: boolean; retained: number } | undefined;
  const subscription = here.rows[0] as { enabled: boolean; errors: number } | undefined;
  return {
    slot: slot?.slot ?? 'absent',
    active: slot?.active ?? false,
    retainedBytes: slot?.retained ?? 0,
    subscription: subscription === undefined ? 'absent' : subscription.enabled ? 'enabled' : 'disabled',
    applyErrors: subscription?.errors ?? 0,
  };
}

/** Whether what feeds this site must be made anew: then what was recorded meanwhile is pulled. */
export function isBroken({ slot, subscription }: SubscriptionState): boolean {
  return slot === 'absent' || slot === 'lost' || slot === 'ahead' || subscription !== 'enabled';
}

/**
 * Makes the slot and the subscription anew; nothing is copied.
 * @param patienceMs how long the peer may wait for the transactions that are open there, milliseconds; default 10 000
 * @throws whatever pg throws: 55006 when a server still holds the old slot, 53400 when the peer has no slot left, 57014 when
 *   transactions were open there for longer
 */
export async function resubscribe(
  peerDb: Queryable,
  db: Queryable,
  { site, slot }: Peer,
  patienceMs = 10_000,
): Promise<void> {
  await db.query('select taskledger.unsubscribe($1)', [site]);
  // Its walsender may take a minute to notice that the other side has gone; it is a session of the same user.
  await peerDb.query(
    `select pg_terminate_backend(a.pid) from pg_replication_slots s join pg_stat_activity a on a.pid = s.active_pid
      where s.slot_name = $1 and pg_has_role(a.usesysid, 'usage')`,
    [slot],
  );
  await peerDb.query('select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1', [
    slot,
  ]);
  await peerDb.query("select set_config('statement_timeout', $1, false)", [String(patienceMs)]);
  try {
    await peerDb.query("select pg_create_logical_replication_slot($1, 'pgoutput')", [slot]);
  } finally {
    await peerDb.query('reset statement_timeout', []);
  }
  try {
    await db.query('select taskledger.subscribe($1)', [site]);
  } catch (error) {
    // A slot nobody reads from keeps WAL.
    await peerDb.query('select pg_drop_replication_slot($1)', [slot]);
    throw error;
  }
}

/** The peer's place in its WAL: what it wrote so far lies before. */
export async function walPosition(peerDb: Queryable): Promise<string> {
  const { rows } = await peerDb.query('select pg_current_wal_lsn()::text as lsn', []);
  return (rows[0] as { lsn: string }).lsn;
}

/** Whether everything before this place was delivered here, so that none of it can be delivered again. */
export async function hasPassed(peerDb: Queryable, { slot }: Peer, lsn: string): Promise<boolean> {
  const { rows } = await peerDb.query(
    'select coalesce(bool_and(confirmed_flush_lsn >= $2::pg_lsn), false) as passed from pg_replication_slots where slot_name = $1',
    [slot, lsn],
  );
  return (rows[0] as { passed: boolean }).passed;
}
