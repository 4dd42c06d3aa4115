import type { Clock } from '../clock.ts';
import { errorCodeOf } from '../errors.ts';
import type { Queryable } from '../postgres/queryable.ts';

/** What became of a slot that a peer read from. */
export interface SlotEnd {
  readonly slot: string;
  /** Why it is still there, and keeps WAL; undefined when it is gone. */
  readonly left: 'not allowed' | 'in use' | undefined;
}

interface Patience {
  readonly clock: Clock;
  /** How long to wait for a slot that is still read from. */
  readonly patienceMs: number;
}

const insufficientPrivilege = '42501';
const objectInUse = '55006';
const undefinedObject = '42704';
const lookAgainMs = 200;

/**
 * Makes `peer` unknown at this site: no subscription, no way to reach it. What it recorded stays readable.
 * @param db - with the rights of an operator
 * @returns false when it was no peer
 * @throws whatever pg throws
 */
export async function removePeer(db: Queryable, peer: string, reason: string | undefined): Promise<boolean> {
  const { rows } = await db.query('select taskledger.remove_peer($1, $2) as removed', [peer, reason ?? null]);
  return (rows[0] as { removed: boolean }).removed;
}

/**
 * Drops the slots of this database that `peer` read from, unless it still does by right. It takes a user with REPLICATION.
 * @throws whatever pg throws, but for what `SlotEnd` tells
 */
export async function dropSlotsOf(db: Queryable, peer: string, patience: Patience): Promise<SlotEnd[]> {
  const { rows } = await db.query(
    `select s.slot_name::text as slot from pg_replication_slots s cross join taskledger.site me
      where s.database = current_database()
        and s.slot_name ~ ('^tl_' || replace(left($1, 20), '-', '_') || '_' || replace(left(me.name, 20), '-', '_') || '_[0-9a-f]{8}$')
        and not exists (select from taskledger.peers p where left(p.site, 20) = left($1, 20) and p.transport = 'logical')
      order by 1`,
    [peer],
  );
  const ends: SlotEnd[] = [];
  for (const { slot } of rows as { slot: string }[]) ends.push({ slot, left: await dropSlot(db, slot, patience) });
  return ends;
}

/** A walsender needs a moment to notice that its reader has gone; one that does not, is told to end where that is allowed. */
async function dropSlot(db: Queryable, slot: string, { clock, patienceMs }: Patience): Promise<SlotEnd['left']> {
  const until = clock.monotonic() + patienceMs;
  for (;;) {
    try {
      await db.query('select pg_drop_replication_slot($1)', [slot]);
      return undefined;
    } catch (error) {
      const code = errorCodeOf(error);
      if (code === undefinedObject) return undefined;
      if (code === insufficientPrivilege) return 'not allowed';
      if (code !== objectInUse) throw error;
    }
    if (clock.monotonic() > until) return 'in use';
    await db.query(
      `select pg_terminate_backend(s.active_pid) from pg_replication_slots s
        where s.slot_name = $1 and s.active and pg_has_role(session_user, 'pg_signal_backend', 'usage')`,
      [slot],
    );
    await clock.sleep(lookAgainMs);
  }
}
