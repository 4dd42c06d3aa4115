import type { Queryable } from '../postgres/queryable.ts';
import { pullBlock, pullEvents, pullKeys } from './pull.ts';
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
    // The last one first: each block says which one before it is right.
    `select id::text as id, site, block::text as block from taskledger.repairs
      where done_at is null order by site, repairs.block desc limit 100`,
    [],
  );
  const repaired: Repaired[] = [];
  for (const { id, site, block } of rows as Order[]) {
    const head = heads.get(site);
    if (head === undefined || head.proved < BigInt(block) || head.haltedAt === BigInt(block)) continue;
    await repairBlock({ here, there, stream: site, block });
    const events = await repairEvents(here, there, site, block);
    await here.query('select taskledger.finish_repair($1, $2, $3)', [id, peer, events]);
    repaired.push({ stream: site, block: BigInt(block), events });
  }
  return repaired;
}

interface Repair {
  readonly here: Queryable;
  readonly there: Queryable;
  readonly stream: string;
  readonly block: string;
}

/** Puts a block itself right, and takes out what was put beside it; brings the keys of its site, which may be missing too. */
async function repairBlock({ here, there, stream, block }: Repair): Promise<void> {
  const { rows } = await here.query('select own from taskledger.stream_heads() where site = $1', [stream]);
  const [{ own }] = rows as [{ own: boolean }];
  if (!own) await pullKeys({ source: there, target: here, stream });
  const given = await pullBlock(there, stream, block);
  if (given === undefined) return;
  await here.query('select taskledger.repair_block($1, $2, $3)', [stream, block, given]);
}

/** Puts the events of a block right. @returns how many */
export async function repairEvents(here: Queryable, there: Queryable, stream: string, block: string): Promise<number> {
  let repaired = 0;
  for await (const events of pullEvents(there, stream, [block])) {
    const { rows } = await here.query('select taskledger.repair_events($1, $2, $3) as events', [stream, block, events]);
    repaired += (rows[0] as { events: number }).events;
  }
  return repaired;
}
