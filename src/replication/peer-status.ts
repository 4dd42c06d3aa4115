import type { Queryable } from '../postgres/queryable.ts';
import type { Behind } from './behind.ts';
import type { Transport } from './peer.ts';
import type { SubscriptionState } from './subscription.ts';

/** How it is between this site and one peer, as this site's daemon last saw it. */
export interface PeerStatus {
  readonly site: string;
  readonly transport: Transport;
  /** The peer answered when the daemon last looked, and that was a moment ago. */
  readonly connected: boolean;
  /** What the last look failed with; `no daemon` when nobody has looked for 10 s. */
  readonly why: string | undefined;
  /** When the peer last answered. */
  readonly seenAt: Date | undefined;
  /** Recorded and sealed there, not proven here yet, as far as is known; undefined while nothing is. */
  readonly behindEvents: number | undefined;
  /** For how long the oldest of them has been waiting; of a peer that does not answer, since when. Undefined: never seen. */
  readonly behindMs: number | undefined;
  /** The last block of the peer's stream that was proven here. */
  readonly provenBlock: bigint;
  readonly provenAt: Date | undefined;
  /** Slot and subscription; undefined with transport `pull`, and while nobody has looked. */
  readonly subscription: SubscriptionState | undefined;
  /** A repair is at work, or was a moment ago: what arrives is compared with what is here. */
  readonly gateClosed: boolean;
}

interface PeerRow {
  readonly site: string;
  readonly transport: Transport;
  readonly looked_ms_ago: number | null;
  readonly seen_ms_ago: number | null;
  readonly seen_at: Date | null;
  readonly state: LinkStateJson | null;
  readonly proven: string;
  readonly proved_at: Date | null;
  readonly gate_closed: boolean;
}

interface LinkStateJson {
  readonly connected: boolean;
  readonly code?: string;
  readonly behind?: Behind;
  readonly subscription?: SubscriptionState;
}

/** A daemon looks at a link every second. */
const silentMs = 10_000;

/** All peers of this site, by name. For an auditor. */
export async function readPeerStatus(db: Queryable): Promise<PeerStatus[]> {
  const { rows } = await db.query(
    `select p.site, p.transport, l.state,
            (extract(epoch from clock_timestamp() - l.checked_at) * 1000)::float8 as looked_ms_ago,
            (extract(epoch from clock_timestamp() - seen.at) * 1000)::float8 as seen_ms_ago, seen.at as seen_at,
            coalesce(m.number, 0)::text as proven, m.proved_at,
            exists (select from pg_trigger t where t.tgrelid = to_regclass('taskledger.events_' || replace(p.site, '-', '_'))
                       and t.tgname = 'gate' and t.tgenabled <> 'D') as gate_closed
       from taskledger.peers p
      cross join taskledger.site me
       left join taskledger.link_states l on l.site = p.site
      cross join lateral (select (l.state ->> 'seen_at')::timestamptz as at) seen
       left join taskledger.proofs m on m.by_site = me.name and m.of_site = p.site
      order by p.site`,
    [],
  );
  return (rows as PeerRow[]).map(peerStatus);
}

function peerStatus({ site, transport, state, proven, ...row }: PeerRow): PeerStatus {
  const isSilent = row.looked_ms_ago === null || row.looked_ms_ago > silentMs;
  const connected = !isSilent && state?.connected === true;
  const behind = state?.behind;
  return {
    site,
    transport,
    connected,
    why: connected ? undefined : isSilent ? 'no daemon' : state?.code,
    seenAt: row.seen_at ?? undefined,
    behindEvents: connected ? behind?.events : undefined,
    behindMs: connected ? behindMs(behind, row.looked_ms_ago ?? 0) : (row.seen_ms_ago ?? undefined),
    provenBlock: BigInt(proven),
    provenAt: row.proved_at ?? undefined,
    subscription: state?.subscription,
    gateClosed: row.gate_closed,
  };
}

function behindMs(behind: Behind | undefined, lookedMsAgo: number): number | undefined {
  if (behind === undefined) return undefined;
  return behind.events === 0 ? 0 : Math.round(behind.oldestMs + lookedMsAgo);
}
