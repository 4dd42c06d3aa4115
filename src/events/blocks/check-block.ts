import type { Queryable } from '../../postgres/queryable.ts';
import { headerHash, NO_HASH } from '../block-header.ts';
import { countMembers, type Members } from '../members.ts';
import { merkleRoot } from '../merkle.ts';
import { keyIdOf, verifyHeader } from '../signature.ts';
import { leafSql } from './leaf-sql.ts';
import { blockColumns, storedBlock, type BlockRow, type SiteKeys, type StoredBlock } from './stored-block.ts';
import { HINT_BYTES, leafHints } from './tick.ts';

/** What is wrong, and where. */
export type Finding =
  /** The stored event is not the one that was sealed. */
  | { readonly kind: 'event_altered'; readonly site: string; readonly seq: bigint; readonly block: bigint }
  /** The block names it, and it is not there. */
  | { readonly kind: 'event_missing'; readonly site: string; readonly seq: bigint; readonly block: bigint }
  /** It was there when a later block was sealed, and is in none: it was put into the past. */
  | { readonly kind: 'event_extra'; readonly site: string; readonly seq: bigint }
  /** In two blocks. */
  | { readonly kind: 'event_twice'; readonly site: string; readonly seq: bigint; readonly block: bigint }
  /** The block itself: `why` says what of it does not fit. */
  | { readonly kind: 'block_altered'; readonly site: string; readonly block: bigint; readonly why: string }
  /** With `last`: all blocks from `block` to that one. */
  | { readonly kind: 'block_missing'; readonly site: string; readonly block: bigint; readonly last?: bigint }
  /** The head that was kept outside is not the block that is stored. */
  | { readonly kind: 'head_differs'; readonly site: string; readonly block: bigint; readonly why: string };

interface RecomputedRow extends BlockRow {
  readonly found: number;
  readonly leaves: Buffer | null;
}

/** A block and the leaf hashes of the events that are stored for it. */
export interface RecomputedBlock {
  readonly block: StoredBlock;
  readonly found: number;
  readonly leaves: Buffer;
}

/**
 * Blocks `from` to `to` of a site, each with the leaf hashes of its events as stored now, in seq order. Of a block whose count
 * is not that of its members no event is read: members that somebody changed may name the whole stream, and numbers without end.
 */
export async function recomputeBlocks(
  db: Queryable,
  site: string,
  from: bigint,
  to: bigint,
): Promise<RecomputedBlock[]> {
  // Without `offset 0` the planner may join the other way round, and read the whole stream for each block.
  const { rows } = await db.query(
    `select ${blockColumns}, l.found, l.leaves
       from taskledger.blocks b
      cross join lateral (
            select count(*)::int as found, string_agg(e.leaf, '' order by e.seq) as leaves
              from unnest(b.members) r
             cross join lateral (
                   select e.seq, ${leafSql} as leaf
                     from taskledger.events e
                    where e.site = $1 and e.seq >= lower(r) and e.seq < upper(r) offset 0) e
             where b.event_count = (select sum(upper(x) - lower(x)) from unnest(b.members) x)) l
      where b.site = $1 and b.number between $2 and $3
      order by b.number`,
    [site, String(from), String(to)],
  );
  return (rows as RecomputedRow[]).map((row) => ({
    block: storedBlock(row),
    found: row.found,
    leaves: row.leaves ?? Buffer.alloc(0),
  }));
}

/** Whether a block counts what its members name: else nothing can be said of its events. */
export function countFits({ header, members }: StoredBlock): boolean {
  return countMembers(members) === BigInt(header.event_count);
}

/**
 * Checks a block against itself: its hash, its signature by a key of its site, its count.
 * @param prevHash hash of the block before; undefined when that is not known here
 */
export function checkHeader(block: StoredBlock, keys: SiteKeys, prevHash: string | undefined): Finding[] {
  const { header } = block;
  const wrong = (why: string): Finding[] => [alteredBlock(block, why)];
  if (header.format !== 1) return wrong(`format ${header.format} instead of 1`);
  if (!countFits(block)) return wrong('its count is not that of its members');
  if (headerHash(header) !== block.hash) return wrong('its hash is not that of its header');
  const link = header.number === 1n ? NO_HASH : prevHash;
  if (link !== undefined && header.prev_hash !== link) return wrong('it does not name the hash of the block before');
  const key = keys.get(header.site)?.get(block.keyId);
  if (key === undefined) return wrong(`it is signed with key ${block.keyId}, which is not one of its site`);
  if (keyIdOf(key) !== block.keyId) return wrong(`the key stored as ${block.keyId} has another fingerprint`);
  if (!verifyHeader(header, block.signature, key)) return wrong('its signature is not that of its key');
  return [];
}

/** Checks the stored events of a block against its root; names the events that were altered or are missing, the first 100. */
export async function checkEvents(db: Queryable, { block, found, leaves }: RecomputedBlock): Promise<Finding[]> {
  const { header } = block;
  // Told by checkHeader.
  if (!countFits(block)) return [];
  if (found === header.event_count && merkleRoot(leaves).toString('hex') === header.root) {
    return leafHints(leaves).equals(block.leafHints)
      ? []
      : [alteredBlock(block, 'its leaf hints are not those of its events, which are unaltered')];
  }
  const findings = await faultyEvents(db, block);
  if (findings.length > 0) return findings;
  // Somebody changed the hints as well, or the root: then no event can be named.
  return [alteredBlock(block, 'its root is not that of its events')];
}

function alteredBlock({ header }: StoredBlock, why: string): Finding {
  return { kind: 'block_altered', site: header.site, block: header.number, why };
}

/** Most events of one block that are named, and events looked at together. */
const namedMax = 100;
const pageEvents = 1000n;

/** Members that are not there, or whose leaf hash does not begin as the block says. */
async function faultyEvents(db: Queryable, { header, members, leafHints: hints }: StoredBlock): Promise<Finding[]> {
  const findings: Finding[] = [];
  const where = { site: header.site, block: header.number };
  let place = 0;
  for (const [first, last] of pagesOf(members)) {
    const stored = await hintsBetween(db, header.site, first, last);
    for (let seq = first; seq <= last; seq += 1n, place += 1) {
      const hint = stored.get(String(seq));
      if (hint === undefined) findings.push({ kind: 'event_missing', ...where, seq });
      else if (!hint.equals(hints.subarray(place * HINT_BYTES, (place + 1) * HINT_BYTES))) {
        findings.push({ kind: 'event_altered', ...where, seq });
      }
      if (findings.length >= namedMax) return findings;
    }
  }
  return findings;
}

function* pagesOf(members: Members): Generator<readonly [first: bigint, last: bigint]> {
  for (const [first, last] of members) {
    for (let from = first; from <= last; from += pageEvents) {
      const end = from + pageEvents - 1n;
      yield [from, end < last ? end : last];
    }
  }
}

async function hintsBetween(db: Queryable, site: string, first: bigint, last: bigint): Promise<Map<string, Buffer>> {
  const { rows } = await db.query(
    `select e.seq::text as seq, substr(${leafSql}, 1, ${HINT_BYTES}) as hint
       from taskledger.events e where e.site = $1 and e.seq between $2 and $3`,
    [site, String(first), String(last)],
  );
  return new Map((rows as { seq: string; hint: Buffer }[]).map(({ seq, hint }) => [seq, hint]));
}
