import type { Queryable } from '../postgres/queryable.ts';
import { pullEvents } from './pull.ts';
import type { StreamHead } from './stream-heads.ts';

export interface Repaired {
  readonly stream: string;
  readonly block: bigint;
  readonly events: number;
}

interface Order {
  readonly id: string;
  readonly site: string;
  readonly block: string;
}

/**
 * Carries out the repairs that were ordered here, as far as the peer at the other end can help: it is the stream's own site,
 * or has proven the block. What was wrong goes to quarantine; the block says what is right (repair_events).
 * @throws whatever pg throws
 */
export async function carryOutRepairs(
  here: Queryable,
  there: Queryable,
  peer: string,
  heads: ReadonlyMap<string, StreamHead>,
): Promise<Repaired[]> {
  const { rows } = await here.query(
    'select id::text as id, site, block::text as block from taskledger.repairs where done_at is null order by id limit 100',
    [],
  );
  const repaired: Repaired[] = [];
  for (const { id, site, block } of rows as Order[]) {
    const head = heads.get(site);
    if (head === undefined || head.proved < BigInt(block) || head.haltedAt === BigInt(block)) continue;
    const events = await repairBlock(here, there, site, block);
    await here.query('select taskledger.finish_repair($1, $2, $3)', [id, peer, events]);
    repaired.push({ stream: site, block: BigInt(block), events });
  }
  return repaired;
}

/** Puts the events of a block right. @returns how many */
export async function repairBlock(here: Queryable, there: Queryable, stream: string, block: string): Promise<number> {
  let repaired = 0;
  for await (const events of pullEvents(there, stream, [block])) {
    const { rows } = await here.query('select taskledger.repair_events($1, $2, $3) as events', [stream, block, events]);
    repaired += (rows[0] as { events: number }).events;
  }
  return repaired;
}
