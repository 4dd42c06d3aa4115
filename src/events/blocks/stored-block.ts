import type { Queryable } from '../../postgres/queryable.ts';
import type { BlockHeader } from '../block-header.ts';
import { membersFromMultirange, membersHash, type Members } from '../members.ts';

/** A block as it is stored. Hashes are hex. */
export interface StoredBlock {
  readonly header: BlockHeader;
  readonly members: Members;
  readonly hash: string;
  readonly keyId: string;
  readonly signature: Buffer;
  readonly leafHints: Buffer;
}

export interface BlockRow {
  readonly site: string;
  readonly number: string;
  readonly members: string;
  readonly event_count: number;
  readonly root: string;
  readonly prev_hash: string;
  readonly hash: string;
  readonly sealed_at_ms: string;
  readonly sealed_by: string;
  readonly format: number;
  readonly key_id: string;
  readonly signature: Buffer;
  readonly leaf_hints: Buffer;
}

/** The columns of `taskledger.blocks b` that `storedBlock` reads. */
export const blockColumns = `b.site, b.number::text, b.members::text, b.event_count, encode(b.root, 'hex') as root,
  encode(b.prev_hash, 'hex') as prev_hash, encode(b.hash, 'hex') as hash,
  (extract(epoch from b.sealed_at) * 1000)::bigint::text as sealed_at_ms, b.sealed_by, b.format, b.key_id, b.signature, b.leaf_hints`;

/** A block from its row. */
export function storedBlock(row: BlockRow): StoredBlock {
  const members = membersFromMultirange(row.members);
  return {
    header: {
      format: row.format,
      site: row.site,
      number: BigInt(row.number),
      members_hash: membersHash(members),
      event_count: row.event_count,
      root: row.root,
      prev_hash: row.prev_hash,
      sealed_at_ms: row.sealed_at_ms,
      sealed_by: row.sealed_by,
    },
    members,
    hash: row.hash,
    keyId: row.key_id,
    signature: row.signature,
    leafHints: row.leaf_hints,
  };
}

/** The block an event is in; undefined as long as it is in none. */
export async function blockOfEvent(db: Queryable, site: string, seq: bigint): Promise<StoredBlock | undefined> {
  const { rows } = await db.query(
    `select ${blockColumns} from taskledger.blocks b where b.site = $1 and b.members @> $2::bigint limit 1`,
    [site, String(seq)],
  );
  const [row] = rows as BlockRow[];
  return row === undefined ? undefined : storedBlock(row);
}

/** The last block of each site; a site without blocks is left out. */
export async function readHeads(db: Queryable): Promise<StoredBlock[]> {
  const { rows } = await db.query(
    `select ${blockColumns} from (select distinct site from taskledger.blocks) s
      cross join lateral (select * from taskledger.blocks x where x.site = s.site order by x.number desc limit 1) b
      order by b.site`,
    [],
  );
  return (rows as BlockRow[]).map(storedBlock);
}

/** The public keys that are known of each site, raw, by site and key id. */
export type SiteKeys = ReadonlyMap<string, ReadonlyMap<string, Buffer>>;

/** Every site key this database knows. */
export async function readSiteKeys(db: Queryable): Promise<SiteKeys> {
  const { rows } = await db.query('select site, key_id, public_key from taskledger.site_keys', []);
  const keys = new Map<string, Map<string, Buffer>>();
  for (const { site, key_id, public_key } of rows as { site: string; key_id: string; public_key: Buffer }[]) {
    const ofSite = keys.get(site) ?? new Map<string, Buffer>();
    keys.set(site, ofSite.set(key_id, public_key));
  }
  return keys;
}
