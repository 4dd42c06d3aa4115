import { headerHash, type BlockHeader } from '../block-header.ts';
import { HASH_BYTES, merkleRoot } from '../merkle.ts';
import { membersFromMultirange, membersHash } from '../members.ts';
import type { Queryable } from '../../postgres/queryable.ts';
import type { SiteKey } from './site-key.ts';

/** Most events of one block. */
const MAX_BLOCK_EVENTS = 10_000;
/** Bytes of each leaf hash that a block keeps, to point at an altered event. */
export const HINT_BYTES = 4;
/** Blocks fetched at a time: bounds memory when a million events wait. */
const blocksPerFetch = 8;

interface HeadRow {
  readonly site: string;
  readonly snapshot: string;
  readonly sealed_at_ms: string;
  readonly number: string;
  readonly hash: Buffer;
}

interface UnsealedRow {
  readonly event_count: number;
  readonly members: string;
  readonly leaves: Buffer;
}

export interface SealedTick {
  readonly blocks: number;
  readonly events: number;
}

/** How far a tick is: it read the head, has leaf hashes in hand, stored their blocks, committed. */
export type SealStep = 'begun' | 'fetched' | 'stored' | 'committed';

/**
 * One tick of the sealer, in a transaction of its own on `client`: seals what became visible since the last tick, in one
 * commit. Rolled back as a whole by any error, and then simply done again.
 * @throws LedgerError and whatever pg throws; SQLSTATE TL021 when another sealer was faster
 */
export async function sealTick(
  client: Queryable,
  key: SiteKey,
  onStep: (step: SealStep) => void = () => undefined,
): Promise<SealedTick> {
  await client.query('begin isolation level repeatable read', []);
  try {
    const sealed = await sealVisible(client, key, onStep);
    await client.query('commit', []);
    onStep('committed');
    return sealed;
  } catch (error) {
    await client.query('rollback', []).catch(() => undefined);
    throw error;
  }
}

async function sealVisible(client: Queryable, key: SiteKey, onStep: (step: SealStep) => void): Promise<SealedTick> {
  const head = (await client.query('select * from taskledger.seal_head()', [])).rows[0] as HeadRow;
  onStep('begun');
  await client.query(
    `declare unsealed no scroll cursor for
       select event_count, members::text as members, leaves from taskledger.unsealed(${MAX_BLOCK_EVENTS})`,
    [],
  );
  let number = BigInt(head.number);
  let prevHash = head.hash.toString('hex');
  let events = 0;
  for (;;) {
    const { rows } = await client.query(`fetch ${blocksPerFetch} from unsealed`, []);
    onStep('fetched');
    const blocks = (rows as UnsealedRow[]).map((row) => {
      number += 1n;
      const block = makeBlock({ row, head, number, prevHash, key });
      prevHash = block.hash;
      events += row.event_count;
      return block;
    });
    if (blocks.length > 0) {
      const values = [head.snapshot, key.keyId, JSON.stringify(blocks)];
      await client.query('select taskledger.seal($1, $2, $3)', values);
      onStep('stored');
    }
    if (blocks.length < blocksPerFetch) return { blocks: Number(number - BigInt(head.number)), events };
  }
}

interface BlockParts {
  readonly row: UnsealedRow;
  readonly head: HeadRow;
  readonly number: bigint;
  readonly prevHash: string;
  readonly key: SiteKey;
}

function makeBlock({ row, head, number, prevHash, key }: BlockParts) {
  const header: BlockHeader = {
    format: 1,
    site: head.site,
    number,
    members_hash: membersHash(membersFromMultirange(row.members)),
    event_count: row.event_count,
    root: merkleRoot(row.leaves).toString('hex'),
    prev_hash: prevHash,
    sealed_at_ms: head.sealed_at_ms,
    sealed_by: head.site,
  };
  return {
    number: String(number),
    members: row.members,
    event_count: row.event_count,
    root: header.root,
    prev_hash: prevHash,
    hash: headerHash(header),
    sealed_at_ms: head.sealed_at_ms,
    signature: key.sign(header).toString('hex'),
    leaf_hints: leafHints(row.leaves).toString('hex'),
  };
}

/** The first bytes of each leaf hash, end to end. */
export function leafHints(leaves: Buffer): Buffer {
  const hints = Buffer.alloc((leaves.length / HASH_BYTES) * HINT_BYTES);
  for (let i = 0; i * HASH_BYTES < leaves.length; i += 1) {
    leaves.copy(hints, i * HINT_BYTES, i * HASH_BYTES, i * HASH_BYTES + HINT_BYTES);
  }
  return hints;
}
