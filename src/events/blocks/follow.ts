import type { Clock } from '../../clock.ts';
import { LedgerError } from '../../errors.ts';
import type { LedgerEvent } from '../event.ts';
import { countMembers, type Members } from '../members.ts';
import { readEventsAt } from '../read.ts';
import type { Queryable } from '../../postgres/queryable.ts';
import { formatToken, parseToken, type Followed, type FollowedTo } from './follow-token.ts';
import { readableBlocks } from './readable-blocks.ts';
import { blockColumns, storedBlock, type BlockRow, type StoredBlock } from './stored-block.ts';

/** One sealed event, and where it leaves you. */
export interface FollowedEvent {
  readonly event: LedgerEvent;
  /** The block of the event's site that it is in. */
  readonly block: bigint;
  /**
   * Follow from here to get what comes after this event. Stored in the same transaction as what you do because of the event,
   * it makes that happen exactly once.
   */
  readonly position: string;
}

export interface FollowOptions {
  /** Position of the last event that was handled; `head`: only what is sealed from now on. Default: the beginning. */
  readonly from?: string | undefined;
  /** Ends the iteration, which then returns. */
  readonly signal?: AbortSignal | undefined;
}

interface Following extends FollowOptions {
  readonly clock: Clock;
}

/** Between two looks for new blocks. */
const pollMs = 50;
/** Events in memory at a time; of each one payload at most. */
const pageEvents = 100;

/**
 * Every sealed event of every site this database holds, of other sites once it was proven here: block after block, in a block by seq. So each event comes once,
 * however late its transaction committed, and the events of a task come in their order. Waits for new blocks for ever.
 * @throws LedgerError TASKLEDGER_INVALID_OPTION, TASKLEDGER_NOT_PROVEN when something was removed, TASKLEDGER_UNKNOWN_EVENT, and
 *   whatever pg throws; follow again from the last position
 */
export async function* follow(db: Queryable, { from = '', signal, clock }: Following): AsyncGenerator<FollowedEvent> {
  const heads = await readHeadPositions(db);
  const followed = new Map<string, FollowedTo>(from === 'head' ? heads : parseToken(from));
  requireReached(followed, heads);
  // Asked anew each time: the compiler would take the first answer for the last.
  const isStopped = (): boolean => signal?.aborted === true;
  while (!isStopped()) {
    const blocks = await nextBlocks(db, followed);
    for (const block of blocks) {
      for await (const event of eventsOf(db, block, followed)) {
        if (isStopped()) return;
        yield event;
      }
    }
    if (blocks.length === 0) await clock.sleep(pollMs, signal);
  }
}

/** Of each site, the block to go on with: the one that was left in the middle, or the next. */
async function nextBlocks(db: Queryable, followed: Followed): Promise<StoredBlock[]> {
  const positions = [...followed].map(([site, { block, events }]) => ({ site, block: String(block), events }));
  const { rows } = await db.query(
    `select ${blockColumns}
       from ${readableBlocks} s
       left join json_to_recordset($1) as f(site text, block bigint, events int) on f.site = s.site
      cross join lateral (
            select * from taskledger.blocks x
             where x.site = s.site and x.number <= s.block
               and (x.number > coalesce(f.block, 0) or x.number = f.block and x.event_count > f.events)
             order by x.number limit 1) b
      order by b.site`,
    [JSON.stringify(positions)],
  );
  return (rows as BlockRow[]).map((row) => requireNext(storedBlock(row), followed));
}

async function* eventsOf(
  db: Queryable,
  { header, members }: StoredBlock,
  followed: Map<string, FollowedTo>,
): AsyncGenerator<FollowedEvent> {
  const { site, number: block } = header;
  const before = followed.get(site);
  let done = before?.block === block ? before.events : 0;
  for (const seqs of pagesOf(members, done)) {
    const events = await readEventsAt(db, site, seqs);
    if (events.length !== seqs.length) throw removed(site, `events of block ${block}`);
    for (const event of events) {
      done += 1;
      followed.set(site, { block, events: done });
      yield { event, block, position: formatToken(followed) };
    }
  }
}

/** The seqs of a block after the first `skip`, a page at a time. */
function* pagesOf(members: Members, skip: number): Generator<bigint[]> {
  let page: bigint[] = [];
  for (const [first, last] of members) {
    const size = Number(countMembers([[first, last]]));
    const start = first + BigInt(Math.min(skip, size));
    skip -= Math.min(skip, size);
    for (let seq = start; seq <= last; seq += 1n) {
      if (page.push(seq) < pageEvents) continue;
      yield page;
      page = [];
    }
  }
  if (page.length > 0) yield page;
}

async function readHeadPositions(db: Queryable): Promise<Followed> {
  const { rows } = await db.query(
    `select distinct on (b.site) b.site, b.number::text as block, b.event_count as events
       from taskledger.blocks b order by b.site, b.number desc`,
    [],
  );
  return new Map(
    (rows as { site: string; block: string; events: number }[]).map(({ site, block, events }) => [
      site,
      { block: BigInt(block), events },
    ]),
  );
}

/** A database that was put back to an earlier moment will use the numbers again for other blocks. */
function requireReached(followed: Followed, heads: Followed): void {
  for (const [site, { block }] of followed) {
    const head = heads.get(site)?.block ?? 0n;
    if (block <= head) continue;
    throw new LedgerError('TASKLEDGER_INVALID_OPTION', {
      expected: `a position up to the last block of site ${site}, ${head}`,
      found: `block ${block}`,
      remedy: 'The database is another one, or was restored from a backup: compare what you handled with its history',
    });
  }
}

function requireNext(block: StoredBlock, followed: Followed): StoredBlock {
  const { site, number } = block.header;
  const last = followed.get(site)?.block ?? 0n;
  if (number > last + 1n) throw removed(site, `block ${last + 1n}`);
  return block;
}

/** Handing out the rest would skip it for ever. */
function removed(site: string, what: string): LedgerError {
  return new LedgerError('TASKLEDGER_NOT_PROVEN', {
    expected: `${what} of site ${site}, which was sealed`,
    found: 'that it was removed',
    remedy: 'Run: taskledger audit verify',
  });
}
