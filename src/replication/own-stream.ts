import { NO_HASH } from '../events/block-header.ts';
import { checkHeader } from '../events/blocks/check-block.ts';
import {
  blockColumns,
  readSiteKeys,
  storedBlock,
  type BlockRow,
  type StoredBlock,
} from '../events/blocks/stored-block.ts';
import type { Queryable } from '../postgres/queryable.ts';
import { readBlockHash } from './site-facts.ts';
import { readStreamHeads, type StreamHead } from './stream-heads.ts';

type StreamHeads = ReadonlyMap<string, StreamHead>;

/** A block of this site's own stream that a peer has and this site has not. */
export interface LostBlock {
  readonly site: string;
  readonly number: bigint;
  readonly hash: string;
  /** This site has other blocks from this number on: it worked since it was restored. */
  readonly isForked: boolean;
  /** Why this site cannot have sealed it; undefined when it has: a key of its own signed it, on top of what both have. */
  readonly disputed: string | undefined;
}

/** Blocks of a stream that are looked at together. */
const blocksPerLook = 200;

/**
 * The first block of this site's own stream that the peer has and this site has not; undefined when there is none, as always
 * but after this site was restored from an older state; `unreadable` when the peer has later ones, and is still to get this one.
 * @param theirs - what the peer has of each stream, read before this is called: then nothing is new there that is not old here
 */
export async function findLostBlock(
  here: Queryable,
  there: Queryable,
  theirs: StreamHeads,
): Promise<LostBlock | 'unreadable' | undefined> {
  const own = ownHead(await readStreamHeads(here));
  const their = theirs.get(own.site);
  if (their === undefined || their.number === 0n || their.hash === own.hash) return undefined;
  if (their.number < own.number && their.hash === (await hashOf(here, own.site, their.number))) return undefined;
  const common = await lastCommon(here, there, their.number < own.number ? their : own);
  if (common.number === their.number) return undefined;
  const number = common.number + 1n;
  const [block] = await readBlocks(there, own.site, number, number);
  if (block === undefined) return 'unreadable';
  const [finding] = checkHeader(block, await readSiteKeys(here), common.hash);
  const why = finding !== undefined && 'why' in finding ? finding.why : undefined;
  return {
    site: own.site,
    number,
    hash: block.hash,
    isForked: own.number > common.number,
    disputed: why,
  };
}

/** Blocks of the own stream at a peer from this one on, as far as this site has sealed them: each names the one before. */
export async function readSealedByUs(
  here: Queryable,
  there: Queryable,
  { site, number }: Pick<LostBlock, 'site' | 'number'>,
): Promise<StoredBlock[]> {
  const keys = await readSiteKeys(here);
  let before = await hashOf(here, site, number - 1n);
  const sealed: StoredBlock[] = [];
  for (const block of await readBlocks(there, site, number, number + BigInt(blocksPerLook) - 1n)) {
    const isNext = block.header.number === number + BigInt(sealed.length);
    if (!isNext || checkHeader(block, keys, before).length > 0) break;
    sealed.push(block);
    before = block.hash;
  }
  return sealed;
}

/** The head of the site's own stream. */
export function ownHead(heads: StreamHeads): StreamHead {
  for (const head of heads.values()) if (head.own) return head;
  throw new Error('Expected a site to have a stream of its own.');
}

interface Place {
  readonly number: bigint;
  readonly hash: string | undefined;
}

/** The last block that is the same at both: as each names the one before, all before it are too. */
async function lastCommon(here: Queryable, there: Queryable, { site, number }: StreamHead): Promise<Place> {
  const same = async (at: bigint): Promise<string | undefined> => {
    const hash = await hashOf(here, site, at);
    return hash === (await hashOf(there, site, at)) ? hash : undefined;
  };
  let low: Place = { number: 0n, hash: NO_HASH };
  let high = number + 1n;
  for (let at = number; high - low.number > 1n; at = (low.number + high) / 2n) {
    const hash = await same(at);
    if (hash === undefined) high = at;
    else low = { number: at, hash };
  }
  return low;
}

async function hashOf(db: Queryable, site: string, number: bigint): Promise<string | undefined> {
  return number === 0n ? NO_HASH : await readBlockHash(db, site, String(number));
}

async function readBlocks(db: Queryable, site: string, from: bigint, to: bigint): Promise<StoredBlock[]> {
  const { rows } = await db.query(
    `select ${blockColumns} from taskledger.blocks b where b.site = $1 and b.number between $2 and $3 order by b.number`,
    [site, String(from), String(to)],
  );
  return (rows as BlockRow[]).map(storedBlock);
}
