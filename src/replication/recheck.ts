import { checkEvents, checkHeader, recomputeBlocks, type Finding } from '../events/blocks/check-block.ts';
import { readSiteKeys, type SiteKeys } from '../events/blocks/stored-block.ts';
import type { Queryable } from '../postgres/queryable.ts';
import { readStreamHeads } from './stream-heads.ts';
import { tellFindings } from './tell-findings.ts';

/** What is checked again at a time, events per stream: a few percent of a processor when it is done every five seconds. */
const recentEvents = 20_000;
const oldEvents = 5000;

export interface Rechecked {
  /** Blocks that are not as they were any more: an incident was raised for each. */
  readonly faults: readonly { readonly site: string; readonly block: bigint; readonly summary: string }[];
  /** Blocks that are right again: their incidents were closed. */
  readonly cleared: readonly { readonly site: string; readonly block: bigint }[];
}

/**
 * Checks blocks again that were right when they were sealed or proven: somebody may have changed a row since, or a disk. The
 * newest ones each time, older ones in turns, and those that were found to be wrong. One object per process.
 */
export class Recheck {
  /** How far the old blocks of each stream were checked in this round. */
  readonly #turns = new Map<string, bigint>();

  /** @throws whatever pg throws */
  async run(db: Queryable): Promise<Rechecked> {
    const found: Found = { faults: [], cleared: [] };
    const keys = await readSiteKeys(db);
    for (const { site, proved } of (await readStreamHeads(db)).values()) {
      if (proved === 0n) continue;
      const known = await knownFaults(db, site);
      for (const [from, to] of await this.#ranges(db, site, proved, known)) {
        const checked = await checkAgain(db, { site, from, to, keys });
        for (const [block, findings] of checked) await judge(db, { site, block, findings, known, found });
      }
    }
    return found;
  }

  async #ranges(
    db: Queryable,
    site: string,
    proved: bigint,
    known: ReadonlySet<bigint>,
  ): Promise<(readonly [bigint, bigint])[]> {
    const newest = await firstWithin(db, site, proved, recentEvents);
    const ranges: [bigint, bigint][] = [
      [newest, proved],
      ...[...known].map((block): [bigint, bigint] => [block, block]),
    ];
    if (newest > 1n) {
      const before = this.#turns.get(site) ?? newest;
      const last = before > 1n && before <= newest ? before - 1n : newest - 1n;
      const first = await firstWithin(db, site, last, oldEvents);
      this.#turns.set(site, first);
      ranges.push([first, last]);
    }
    return ranges;
  }
}

interface Found {
  readonly faults: { site: string; block: bigint; summary: string }[];
  readonly cleared: { site: string; block: bigint }[];
}

interface Again {
  readonly site: string;
  readonly from: bigint;
  readonly to: bigint;
  readonly keys: SiteKeys;
}

/** What is wrong with each of these blocks: with itself, its events, and what lies in between; that it is there at all. */
async function checkAgain(db: Queryable, { site, from, to, keys }: Again): Promise<Map<bigint, Finding[]>> {
  const checked = new Map<bigint, Finding[]>();
  for (let block = from; block <= to; block += 1n) checked.set(block, [{ kind: 'block_missing', site, block }]);
  for (const recomputed of await recomputeBlocks(db, site, from, to)) {
    const findings = [...checkHeader(recomputed.block, keys, undefined), ...(await checkEvents(db, recomputed))];
    checked.set(recomputed.block.header.number, findings);
  }
  const values = [site, String(from), String(to)];
  const { rows } = await db.query('select seq::text, block::text from taskledger.extra_events($1, $2, $3)', values);
  for (const { seq, block } of rows as { seq: string; block: string }[]) {
    checked.get(BigInt(block))?.push({ kind: 'event_extra', site, seq: BigInt(seq) });
  }
  return checked;
}

interface Judged {
  readonly site: string;
  readonly block: bigint;
  readonly findings: readonly Finding[];
  /** Blocks there is an incident about. */
  readonly known: ReadonlySet<bigint>;
  readonly found: Found;
}

async function judge(db: Queryable, { site, block, findings, known, found }: Judged): Promise<void> {
  if (findings.length > 0 && !known.has(block)) {
    const summary = await reportFault(db, site, block, findings);
    if (summary !== undefined) found.faults.push({ site, block, summary });
  } else if (findings.length === 0 && known.has(block)) {
    await db.query('select taskledger.clear_fault($1, $2, $3)', [site, String(block), 'The block proves again.']);
    found.cleared.push({ site, block });
  }
}

/** The first block of those up to `to` that have about `events` in all, one at least. */
async function firstWithin(db: Queryable, site: string, to: bigint, events: number): Promise<bigint> {
  const { rows } = await db.query(
    `select min(x.number)::text as first
       from (select b.number, sum(b.event_count) over (order by b.number desc) as events
               from (select y.number, y.event_count from taskledger.blocks y
                      where y.site = $1 and y.number <= $2 order by y.number desc limit 1000) b) x
      where x.events <= $3 or x.number = $2`,
    [site, String(to), events],
  );
  return BigInt((rows[0] as { first: string | null }).first ?? to);
}

async function knownFaults(db: Queryable, site: string): Promise<Set<bigint>> {
  const { rows } = await db.query('select block::text as block from taskledger.faults where site = $1', [site]);
  return new Set((rows as { block: string }[]).map(({ block }) => BigInt(block)));
}

async function reportFault(
  db: Queryable,
  site: string,
  block: bigint,
  findings: readonly Finding[],
): Promise<string | undefined> {
  const { summary, details } = tellFindings(site, block, findings);
  const { rows } = await db.query('select taskledger.report_fault($1, $2, $3, $4)::text as incident', [
    site,
    String(block),
    summary,
    details,
  ]);
  return (rows[0] as { incident: string | null }).incident === null ? undefined : summary;
}
