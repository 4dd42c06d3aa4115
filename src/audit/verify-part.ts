import {
  checkEvents,
  checkHeader,
  countFits,
  type Finding,
  type RecomputedBlock,
} from '../events/blocks/check-block.ts';
import type { SiteKeys } from '../events/blocks/stored-block.ts';
import type { Queryable } from '../postgres/queryable.ts';
import type { Stream } from './streams.ts';

/** How far a site was verified by an earlier run: its blocks up to this one are not read again. */
export interface VerifiedUpTo {
  readonly number: string;
  readonly hash: string;
}

/** Blocks that are verified together. */
export interface Part {
  readonly first: bigint;
  readonly last: bigint;
}

interface PartCheck extends Part {
  readonly stream: Stream;
  readonly before: VerifiedUpTo;
  readonly keys: SiteKeys;
}

interface CheckedPart {
  readonly blocks: number;
  readonly events: number;
  /** Blocks of another site that are on their way. */
  readonly arriving: number;
  readonly findings: readonly Finding[];
}

/** Checks the blocks of a part and the links between them. */
export async function verifyPart(
  db: Queryable,
  recomputed: readonly RecomputedBlock[],
  { stream, first, last, before, keys }: PartCheck,
): Promise<CheckedPart> {
  const findings: Finding[] = [];
  let [blocks, events, arriving] = [0, 0, 0];
  let prevHash = before.hash === '' ? undefined : before.hash;
  let expected = first;
  for (const one of recomputed) {
    const { header, hash } = one.block;
    const gap = gapBetween(stream, expected, header.number - 1n);
    findings.push(...gap.findings);
    arriving += gap.arriving;
    if (header.number !== expected) prevHash = undefined;
    if (isOnItsWay(one, stream)) arriving += 1;
    else {
      findings.push(...checkHeader(one.block, keys, prevHash), ...(await checkEvents(db, one)));
      blocks += 1;
      events += one.found;
    }
    prevHash = hash;
    expected = header.number + 1n;
  }
  const end = gapBetween(stream, expected, last);
  return { findings: [...findings, ...end.findings], blocks, events, arriving: arriving + end.arriving };
}

/** Blocks that are not there: of another site's stream those that were not proven yet may still come. */
function gapBetween(
  { site, own, proven }: Stream,
  from: bigint,
  to: bigint,
): Pick<CheckedPart, 'findings' | 'arriving'> {
  const last = own || to <= proven ? to : proven;
  const gone = last < from ? 0n : last - from + 1n;
  const findings: Finding[] =
    gone === 0n ? [] : [{ kind: 'block_missing', site, block: from, ...(gone === 1n ? {} : { last }) }];
  return { findings, arriving: to < from ? 0 : Number(to - from + 1n - gone) };
}

/** What was not proven here yet waits for its events, or has to be pulled. */
function isOnItsWay({ block, found }: RecomputedBlock, { own, proven }: Stream): boolean {
  return !own && block.header.number > proven && countFits(block) && found < block.header.event_count;
}
