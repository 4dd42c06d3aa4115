import { readHeads, type StoredBlock } from '../events/blocks/stored-block.ts';
import { readSealingStatus, type SealingStatus } from '../events/blocks/sealing-status.ts';
import { readProjectionLags, type ProjectionLag } from '../projections/projection-lags.ts';
import type { Queryable } from '../postgres/queryable.ts';
import { readPeerStatus, type PeerStatus } from './peer-status.ts';

/** Who has proven how much of which stream, as far as this site was told. Of its own stream a site says how far it is sealed. */
export interface ProofStatus {
  readonly bySite: string;
  readonly ofSite: string;
  /** The last block; 0 before the first. */
  readonly block: bigint;
  readonly provedAt: Date | undefined;
  /** Blocks of the stream that are here and not proven there. */
  readonly blocksBehind: bigint;
  /** Since the oldest of them was sealed, by this database's clock. */
  readonly behindMs: number;
}

/** A received stream that nothing reads on from, because a block does not prove. */
export interface HaltedStream {
  readonly site: string;
  readonly block: bigint;
  readonly why: string;
}

/** Something that is not as it must be, and that nobody has dealt with yet, at whichever site. */
export interface OpenIncident {
  /** Where it was raised. */
  readonly site: string;
  readonly seq: bigint;
  readonly kind: string;
  readonly summary: string;
  readonly raisedAt: Date;
}

/** A site, and how it is with its peers. */
export interface SiteStatus {
  readonly site: string;
  readonly incarnation: number;
  /** Takes no commands until it has its own stream back from its peers. */
  readonly recovering: boolean;
  readonly head: StoredBlock | undefined;
  readonly sealing: SealingStatus;
  readonly projections: readonly ProjectionLag[];
  readonly peers: readonly PeerStatus[];
  /** Of this site and its peers, of every stream that is kept here. */
  readonly proofs: readonly ProofStatus[];
  readonly halted: readonly HaltedStream[];
  /** Rows that arrived under an identity that was taken by something else. */
  readonly quarantined: number;
  readonly openIncidents: number;
  /** The latest of them, as many as twenty. */
  readonly incidents: readonly OpenIncident[];
  /** Every peer answers, and every site has proven what the others recorded, but for the last 60 s. True without peers. */
  readonly inSync: boolean;
}

/** What may be on its way without anybody having to look. */
const toleratedMs = 60_000;

/** For an auditor. @throws whatever pg throws; the caller translates */
export async function readSiteStatus(db: Queryable): Promise<SiteStatus> {
  const self = await readSelf(db);
  const [peers, proofs] = [await readPeerStatus(db), await readProofs(db)];
  const status = {
    ...self,
    head: (await readHeads(db)).find(({ header }) => header.site === self.site),
    sealing: await readSealingStatus(db, self.site),
    projections: await readProjectionLags(db, self.site),
    peers,
    proofs,
    halted: await readHalted(db),
    incidents: await readOpenIncidents(db),
  };
  return { ...status, inSync: isInSync(status) };
}

function isInSync({ peers, proofs, halted, recovering }: Omit<SiteStatus, 'inSync'>): boolean {
  if (peers.length === 0) return true;
  const sites = new Set([...proofs.map(({ bySite }) => bySite)]);
  const isProven = proofs.every(({ ofSite, behindMs }) => !sites.has(ofSite) || behindMs <= toleratedMs);
  const isConnected = peers.every(({ connected, behindMs }) => connected && (behindMs ?? Infinity) <= toleratedMs);
  return isConnected && isProven && halted.length === 0 && !recovering;
}

type Self = Pick<SiteStatus, 'site' | 'incarnation' | 'recovering' | 'quarantined' | 'openIncidents'>;

async function readSelf(db: Queryable): Promise<Self> {
  const { rows } = await db.query(
    `select s.name as site, s.incarnation, (select count(*)::int from taskledger.quarantine) as quarantined,
            exists (select from taskledger.realms r where r.owner = s.name and r.state = 'recovering') as recovering,
            (select count(*)::int from taskledger.incidents i where i.closed_at is null) as "openIncidents"
       from taskledger.site s`,
    [],
  );
  return rows[0] as Self;
}

interface ProofRow {
  readonly by_site: string;
  readonly of_site: string;
  readonly block: string;
  readonly proved_at: Date | null;
  readonly blocks_behind: string;
  readonly behind_ms: number;
}

async function readProofs(db: Queryable): Promise<ProofStatus[]> {
  const { rows } = await db.query(
    `select m.site as by_site, s.site as of_site, coalesce(p.number, 0)::text as block, p.proved_at, b.blocks::text as blocks_behind,
            coalesce(round(greatest(extract(epoch from clock_timestamp() - b.oldest) * 1000, 0)), 0)::float8 as behind_ms
       from (select me.name as site from taskledger.site me union all select q.site from taskledger.peers q) m
      cross join taskledger.streams s
       left join taskledger.proofs p on p.by_site = m.site and p.of_site = s.site
      cross join lateral (select count(*) as blocks, min(x.sealed_at) as oldest from taskledger.blocks x
                           where x.site = s.site and x.number > coalesce(p.number, 0)) b
      order by 1, 2`,
    [],
  );
  return (rows as ProofRow[]).map((row) => ({
    bySite: row.by_site,
    ofSite: row.of_site,
    block: BigInt(row.block),
    provedAt: row.proved_at ?? undefined,
    blocksBehind: BigInt(row.blocks_behind),
    behindMs: row.behind_ms,
  }));
}

async function readOpenIncidents(db: Queryable): Promise<OpenIncident[]> {
  const { rows } = await db.query(
    `select i.site, i.seq::text as seq, i.kind, i.summary, i.raised_at as "raisedAt"
       from taskledger.incidents i where i.closed_at is null order by i.raised_at desc, i.site, i.seq desc limit 20`,
    [],
  );
  return (rows as (Omit<OpenIncident, 'seq'> & { seq: string })[]).map((row) => ({ ...row, seq: BigInt(row.seq) }));
}

async function readHalted(db: Queryable): Promise<HaltedStream[]> {
  const { rows } = await db.query(
    `select s.site, s.halted ->> 'block' as block, s.halted ->> 'why' as why
       from taskledger.streams s where s.halted is not null order by s.site`,
    [],
  );
  return (rows as { site: string; block: string; why: string }[]).map((row) => ({ ...row, block: BigInt(row.block) }));
}
