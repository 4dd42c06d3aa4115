import {
  blockColumns,
  readSiteKeys,
  storedBlock,
  type BlockRow,
  type StoredBlock,
} from '../events/blocks/stored-block.ts';
import { readableBlocks } from '../events/blocks/readable-blocks.ts';
import { LedgerError } from '../errors.ts';
import type { Queryable } from '../postgres/queryable.ts';
import { BUNDLE_FORMAT, blockLine, type BundleRange } from './bundle/bundle-format.ts';
import { BundleLines } from './bundle/bundle-lines.ts';
import { cloudEventOf } from './bundle/cloud-event.ts';
import { keyLines, type PayloadOptions } from './prove.ts';
import { readEventsOfBlock } from './stored-event.ts';

/** Which whole blocks: of one site or all, by number or by when they were sealed; both ends included. */
export interface BlockChoice {
  readonly site?: string | undefined;
  readonly from?: bigint | undefined;
  readonly to?: bigint | undefined;
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
}

/** The ranges of blocks a choice comes to, of other sites those that were proven here; empty when no block is in it. */
export async function chosenBlocks(
  db: Queryable,
  { site, from, to, since, until }: BlockChoice,
): Promise<BundleRange[]> {
  const { rows } = await db.query(
    `select b.site, min(b.number)::text as from, max(b.number)::text as to
       from taskledger.blocks b join ${readableBlocks} r on r.site = b.site and b.number <= r.block
      where ($1::text is null or b.site = $1) and ($2::bigint is null or b.number >= $2) and ($3::bigint is null or b.number <= $3)
        and ($4::timestamptz is null or b.sealed_at >= $4) and ($5::timestamptz is null or b.sealed_at <= $5)
      group by b.site order by b.site`,
    [site ?? null, from ?? null, to ?? null, since ?? null, until ?? null],
  );
  return rows as BundleRange[];
}

/**
 * Whole blocks with all their events, as lines of a bundle: whoever checks it sees that none is missing in between.
 * @throws LedgerError TASKLEDGER_NOT_FOUND when there is no block among them
 */
export async function* exportBlocks(
  db: Queryable,
  ranges: readonly BundleRange[],
  { withheld = false }: PayloadOptions = {},
): AsyncGenerator<string> {
  if (ranges.length === 0) throw noBlocks();
  const lines = new BundleLines();
  const scope = { kind: 'range' as const, ranges: [...ranges] };
  yield lines.line({ taskledger_bundle: BUNDLE_FORMAT, scope, payloads: withheld ? 'withheld' : 'included' });
  for (const key of keyLines(await readSiteKeys(db), new Set(ranges.map(({ site }) => site)))) yield lines.line(key);
  for (const { site, from, to } of ranges) {
    for (let number = BigInt(from); number <= BigInt(to); number += 1n) {
      const block = await readBlock(db, site, number);
      // It was taken away: the bundle is written as things are, and its check names the gap.
      if (block === undefined) continue;
      yield lines.line(blockLine(block, true));
      for await (const event of readEventsOfBlock(db, block))
        yield lines.line({ event: cloudEventOf(event, withheld) });
    }
  }
  yield lines.end();
}

async function readBlock(db: Queryable, site: string, number: bigint): Promise<StoredBlock | undefined> {
  const { rows } = await db.query(
    `select ${blockColumns} from taskledger.blocks b where b.site = $1 and b.number = $2`,
    [site, String(number)],
  );
  const [row] = rows as BlockRow[];
  return row === undefined ? undefined : storedBlock(row);
}

function noBlocks(): LedgerError {
  return new LedgerError('TASKLEDGER_NOT_FOUND', {
    expected: 'at least one block in the range',
    found: 'none',
    remedy: 'See what there is with: taskledger audit heads; a range by time takes the blocks sealed in it',
  });
}
