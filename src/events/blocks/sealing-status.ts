import type { Queryable } from '../../postgres/queryable.ts';

/** How far the own stream is sealed, and who seals it. */
export interface SealingStatus {
  /** Events of the own stream that are in no block yet. */
  readonly unsealed: bigint;
  readonly oldestUnsealedAt: Date | undefined;
  /** The session that leads; undefined when nobody seals. */
  readonly leader:
    { readonly pid: number; readonly host: string | undefined; readonly since: Date | undefined } | undefined;
}

interface StatusRow {
  readonly unsealed: string;
  readonly oldest: Date | null;
}

interface LeaderRow {
  readonly pid: number;
  readonly host: string | null;
  readonly since: Date | null;
}

// By transaction id, as the sealer itself looks. Before the first tick, everything after the last sealed event: exact but in
// a restored database, until its sealer has run once.
const unsealedEvents = `
  select count(*)::text as unsealed, min(e.occurred_at) as oldest
    from taskledger.sealing s
    join lateral (
      select e.occurred_at from taskledger.events e
       where s.snapshot is not null and e.site = $1 and e.seq > s.foreign_until and e.xid >= pg_snapshot_xmax(s.snapshot)
      union all
      select e.occurred_at from taskledger.events e
       where s.snapshot is not null and e.site = $1 and e.seq > s.foreign_until
         and e.xid = any (array(select pg_snapshot_xip(s.snapshot)))
      union all
      select e.occurred_at from taskledger.events e
       where s.snapshot is null and e.site = $1
         and e.seq >= coalesce((select upper(range_merge(b.members)) from taskledger.blocks b where b.site = $1 order by b.number desc limit 1), 0)
    ) e on true`;

const leaderSession = `
  select l.pid, host(a.client_addr) as host, a.backend_start as since
    from pg_locks l left join pg_stat_activity a on a.pid = l.pid
   where l.locktype = 'advisory' and l.granted and l.objsubid = 1
     and l.database = (select d.oid from pg_database d where d.datname = current_database())
     and l.classid::bigint << 32 | l.objid::bigint = hashtextextended('taskledger.sealer', 0)`;

/** @throws whatever pg throws; the caller translates */
export async function readSealingStatus(db: Queryable, site: string): Promise<SealingStatus> {
  const [status] = (await db.query(unsealedEvents, [site])).rows as StatusRow[];
  const [leader] = (await db.query(leaderSession, [])).rows as LeaderRow[];
  return {
    unsealed: BigInt(status?.unsealed ?? 0),
    oldestUnsealedAt: status?.oldest ?? undefined,
    leader:
      leader === undefined
        ? undefined
        : { pid: leader.pid, host: leader.host ?? undefined, since: leader.since ?? undefined },
  };
}
