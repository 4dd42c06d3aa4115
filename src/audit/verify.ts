import { recomputeBlocks, type Finding, type RecomputedBlock } from '../events/blocks/check-block.ts';
import { readHeads, readSiteKeys, type SiteKeys, type StoredBlock } from '../events/blocks/stored-block.ts';
import type { Queryable } from '../postgres/queryable.ts';
import type { Head } from './heads.ts';
import { contradictedByProofs } from './contradicted-by-proofs.ts';
import { KeptFindings } from './kept-findings.ts';
import { eventsInTwoBlocks, looseEvents } from './loose-events.ts';
import { readStreams, type Stream } from './streams.ts';
import { verifyPart, type Part, type VerifiedUpTo } from './verify-part.ts';

export type { VerifiedUpTo };

export interface VerifyOptions {
  /** Default: every site that has blocks here. */
  readonly site?: string | undefined;
  /** Heads kept outside: every one of them must still be the block it was. */
  readonly against?: readonly Head[] | undefined;
  /** By site: go on after these blocks. */
  readonly resume?: Readonly<Record<string, VerifiedUpTo>> | undefined;
  /** Statements at the same time. Default 2. */
  readonly connections?: number | undefined;
  /** Called after each part that was found right, in order. */
  readonly onProgress?: ((progress: VerifyProgress) => void) | undefined;
}

export interface VerifyProgress {
  readonly site: string;
  readonly upTo: VerifiedUpTo;
  readonly blocks: number;
  readonly events: number;
  /** The last block there is. */
  readonly head: bigint;
}

export interface VerifiedSite {
  readonly site: string;
  readonly blocks: number;
  readonly events: number;
  /** Undefined when nothing was sealed yet, or every block was taken away. */
  readonly head: StoredBlock | undefined;
  /** Events that are not in a block yet, and so not proven. */
  readonly unsealed: number;
  readonly oldestUnsealed: Date | undefined;
  /** Blocks of another site that are on their way: some of their events, or a block before them, are not here yet. */
  readonly arriving: number;
}

export interface VerifyReport {
  readonly sites: readonly VerifiedSite[];
  /** Empty when everything is as it was sealed. The first 1000. */
  readonly findings: readonly Finding[];
  readonly findingCount: number;
  /** Sites whose end is known from a head that was kept outside. For the others a rewritten whole cannot be excluded. */
  readonly anchored: readonly string[];
}

/** Events whose leaves are in memory at a time, per connection; a single block may be larger. */
const partEvents = 10_000;
const partBlocks = 500;

/**
 * Verifies the log against its blocks: recomputes every leaf from the stored columns, every root, link and signature; looks
 * for events that no block or two blocks name; compares with what sites have proven, and with heads kept outside. Reads only, in bounded memory.
 * @param db a pool, so that `connections` parts can be read at the same time
 */
export async function verifyLog(db: Queryable, options: VerifyOptions = {}): Promise<VerifyReport> {
  const [heads, keys, streams] = await Promise.all([readHeads(db), readSiteKeys(db), readStreams(db)]);
  const sites: VerifiedSite[] = [];
  const findings = new KeptFindings();
  for (const stream of streams.filter(({ site }) => options.site === undefined || site === options.site)) {
    const { site } = stream;
    const head = heads.find(({ header }) => header.site === site);
    const verified = head === undefined ? nothing : await verifyBlocks(db, { head, stream, keys }, options, findings);
    const loose = await looseEvents(db, site);
    findings.add([...(await eventsInTwoBlocks(db, site)), ...loose.extra, ...(await contradictedByProofs(db, stream))]);
    const { unsealed, oldestUnsealed } = loose;
    sites.push({ site, ...verified, head, unsealed, oldestUnsealed });
  }
  const against = (options.against ?? []).filter(({ site }) => options.site === undefined || site === options.site);
  for (const kept of against) findings.add(await checkKeptHead(db, kept));
  const anchored = [...new Set(against.map(({ site }) => site))];
  return { sites, findings: findings.kept, findingCount: findings.count, anchored };
}

type VerifiedBlocks = Pick<VerifiedSite, 'blocks' | 'events' | 'arriving'>;

const nothing: VerifiedBlocks = { blocks: 0, events: 0, arriving: 0 };

interface Verified {
  readonly head: StoredBlock;
  readonly stream: Stream;
  readonly keys: SiteKeys;
}

async function verifyBlocks(
  db: Queryable,
  { head, stream, keys }: Verified,
  { resume, connections = 2, onProgress }: VerifyOptions,
  findings: KeptFindings,
): Promise<VerifiedBlocks> {
  const { site } = stream;
  const from = resume?.[site];
  const earlier = findings.count;
  let [blocks, events, arriving] = [0, 0, 0];
  let before: VerifiedUpTo = from ?? { number: '0', hash: '' };
  if (from !== undefined) findings.add(await checkStillThere(db, site, from));
  const parts = partsOf(db, head, BigInt(before.number) + 1n);
  for await (const part of ahead(parts, connections, ({ first, last }) => recomputeBlocks(db, site, first, last))) {
    const { first, last } = part.range;
    const checked = await verifyPart(db, part.recomputed, { stream, first, last, before, keys });
    findings.add(checked.findings);
    blocks += checked.blocks;
    events += checked.events;
    arriving += checked.arriving;
    const end = part.recomputed.at(-1)?.block;
    before = { number: String(last), hash: end?.header.number === last ? end.hash : '' };
    if (findings.count === earlier && arriving === 0)
      onProgress?.({ site, upTo: before, blocks, events, head: head.header.number });
  }
  return { blocks, events, arriving };
}

/** Cuts the blocks from `first` to the head into parts of bounded size. Missing blocks are part of some part. */
async function* partsOf(db: Queryable, { header }: StoredBlock, first: bigint): AsyncGenerator<Part> {
  for (let from = first; from <= header.number;) {
    const { rows } = await db.query(
      `select max(number)::text as last
         from (select b.number, sum(b.event_count) over (order by b.number) - b.event_count as before
                 from taskledger.blocks b where b.site = $1 and b.number >= $2 order by b.number limit ${partBlocks}) x
        where before < ${partEvents}`,
      [header.site, String(from)],
    );
    const last = BigInt((rows[0] as { last: string }).last);
    yield { first: from, last };
    from = last + 1n;
  }
}

/** Reads up to `count` parts ahead, and gives them back in their order. */
async function* ahead(
  parts: AsyncIterable<Part>,
  count: number,
  read: (part: Part) => Promise<RecomputedBlock[]>,
): AsyncGenerator<{ readonly range: Part; readonly recomputed: RecomputedBlock[] }> {
  const reading: { readonly range: Part; readonly recomputed: Promise<RecomputedBlock[]> }[] = [];
  for await (const range of parts) {
    const recomputed = read(range);
    // Awaited below, in order; until then a failure must not count as unheard.
    recomputed.catch(() => undefined);
    reading.push({ range, recomputed });
    const oldest = reading.length >= count ? reading.shift() : undefined;
    if (oldest !== undefined) yield { range: oldest.range, recomputed: await oldest.recomputed };
  }
  for (const { range, recomputed } of reading) yield { range, recomputed: await recomputed };
}

/** The block an earlier run ended with must be the one that is stored now. */
async function checkStillThere(db: Queryable, site: string, { number, hash }: VerifiedUpTo): Promise<Finding[]> {
  const stored = await hashOfBlock(db, site, number);
  if (stored === hash) return [];
  const why = stored === undefined ? 'it is not there any more' : 'it is another one than was verified before';
  return [{ kind: 'head_differs', site, block: BigInt(number), why }];
}

async function checkKeptHead(db: Queryable, { site, number, hash }: Head): Promise<Finding[]> {
  const stored = await hashOfBlock(db, site, number);
  if (stored === hash) return [];
  const why =
    stored === undefined ? 'the block that was kept outside is not there' : 'the block kept outside had another hash';
  return [{ kind: 'head_differs', site, block: BigInt(number), why }];
}

async function hashOfBlock(db: Queryable, site: string, number: string): Promise<string | undefined> {
  const { rows } = await db.query(
    `select encode(hash, 'hex') as hash from taskledger.blocks where site = $1 and number = $2`,
    [site, number],
  );
  return (rows as { hash: string }[])[0]?.hash;
}
