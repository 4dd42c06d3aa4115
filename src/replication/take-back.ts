import type { Queryable } from '../postgres/queryable.ts';
import { ownHead, readSealedByUs, type LostBlock } from './own-stream.ts';
import { incompleteBlocks, pullLooseEvents, pullMissingBlocks } from './pull.ts';
import { repairEvents } from './repair-orders.ts';
import { readStreamHeads } from './stream-heads.ts';

/** Takes back the blocks of this site's own stream that a peer has, from this one on, with what the peer has of their events. */
export async function takeBackBlocks(here: Queryable, there: Queryable, { site, number }: LostBlock): Promise<void> {
  for (let from = number; ;) {
    const blocks = await readSealedByUs(here, there, { site, number: from });
    const last = blocks.at(-1)?.header.number;
    if (last === undefined) return;
    await pullMissingBlocks({ source: there, target: here, stream: site, from, to: last });
    for (; from <= last; from += 1n) await repairEvents(here, there, site, String(from));
  }
}

/** Blocks at the end of the stream whose events may be missing here because the peer they came from had not got them. */
const looksBack = 20_000n;

interface TakenBack {
  /** Events that no block names. */
  readonly events: number;
  /** Blocks that still miss events. */
  readonly missing: number;
  /** The highest number the peer knows of the own stream, also of what cannot be taken back. */
  readonly usedSeq: bigint;
}

/**
 * Takes back what else the peer has of the own stream: events of blocks that are here, which another peer had not got, and
 * events that no block names, since this site was lost before it had sealed them.
 */
export async function takeBackRest(here: Queryable, there: Queryable): Promise<TakenBack> {
  const { site, number } = ownHead(await readStreamHeads(here));
  const from = number > looksBack ? number - looksBack : 1n;
  for (const block of await incompleteBlocks(here, site, from, number)) {
    await repairEvents(here, there, site, block.number);
  }
  let events = 0;
  for await (const loose of pullLooseEvents(there, site)) {
    const { rows } = await here.query('select taskledger.take_back_events($1) as new', [loose]);
    events += (rows[0] as { new: number }).new;
  }
  const { rows } = await there.query(
    'select coalesce(max(e.seq), 0)::text as seq from taskledger.events e where e.site = $1',
    [site],
  );
  const { seq } = rows[0] as { seq: string };
  return { events, missing: (await incompleteBlocks(here, site, from, number)).length, usedSeq: BigInt(seq) };
}
