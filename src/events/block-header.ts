import { createHash } from 'node:crypto';

/** What a block says of itself, and what is signed. Hashes are hex. */
export interface BlockHeader {
  /** 1 is the only one so far. */
  readonly format: number;
  readonly site: string;
  /** 1, 2, 3 … per site. */
  readonly number: bigint;
  /** SHA-256 of the members' text: docs/reference/proof-format.md. */
  readonly members_hash: string;
  readonly event_count: number;
  /** Merkle root over the leaf hashes in seq order. */
  readonly root: string;
  /** Hash of the block before; 64 zeros in block 1. */
  readonly prev_hash: string;
  readonly sealed_at_ms: string;
  readonly sealed_by: string;
}

/** The `prev_hash` of the first block of a site. */
export const NO_HASH = '0'.repeat(64);

/** The bytes of a header: what is hashed, and what is signed. */
export function headerBytes(header: BlockHeader): Buffer {
  const fields = [
    `taskledger block ${header.format}`,
    header.site,
    header.number,
    header.members_hash,
    header.event_count,
    header.root,
    header.prev_hash,
    header.sealed_at_ms,
    header.sealed_by,
  ];
  return Buffer.from(fields.join('\n'), 'utf8');
}

/** The hash of a block, hex: SHA-256 of its header. */
export function headerHash(header: BlockHeader): string {
  return createHash('sha256').update(headerBytes(header)).digest('hex');
}
