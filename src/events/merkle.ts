import { hash } from 'node:crypto';

/** Bytes of a SHA-256. */
export const HASH_BYTES = 32;

/** What is hashed for one above two others, made anew in place each time: 0x01 ‖ left ‖ right. */
const interior = Buffer.alloc(1 + 2 * HASH_BYTES, 1);

/** The hash above two others: SHA-256(0x01 ‖ left ‖ right). */
function interiorHash(left: Buffer, right: Buffer): Buffer {
  left.copy(interior, 1);
  right.copy(interior, 1 + HASH_BYTES);
  return hash('sha256', interior, 'buffer');
}

/**
 * One level up, in place: neighbours are hashed together, a last one without a neighbour is taken along as it is. Answers
 * how many there are now. As text, since a Buffer for each hash is memory that is given back late.
 */
function climb(level: Buffer, count: number): number {
  const above = Math.ceil(count / 2);
  for (let to = 0; to < above; to += 1) {
    const from = 2 * to * HASH_BYTES;
    if (2 * to + 1 === count) {
      level.copy(level, to * HASH_BYTES, from, from + HASH_BYTES);
    } else {
      level.copy(interior, 1, from, from + 2 * HASH_BYTES);
      level.write(hash('sha256', interior, 'binary'), to * HASH_BYTES, 'binary');
    }
  }
  return above;
}

/**
 * The Merkle tree hash of RFC 6962, section 2.1. Taking a lone last one along, level by level, gives the same tree as the
 * RFC's split at the largest power of two.
 * @param leaves leaf hashes of 32 bytes each, end to end; none is the hash of the empty string
 * @returns 32 bytes
 */
export function merkleRoot(leaves: Buffer): Buffer {
  if (leaves.length === 0) return hash('sha256', '', 'buffer');
  const level = Buffer.from(leaves);
  for (let count = leaves.length / HASH_BYTES; count > 1;) count = climb(level, count);
  return Buffer.from(level.subarray(0, HASH_BYTES));
}

/**
 * The audit path of RFC 6962, section 2.1.1: the siblings from the leaf to the root, nearest first.
 * @param index of the leaf, from 0
 */
export function inclusionPath(leaves: Buffer, index: number): Buffer[] {
  const path: Buffer[] = [];
  const level = Buffer.from(leaves);
  let at = index;
  for (let count = leaves.length / HASH_BYTES; count > 1; at >>= 1) {
    const sibling = at ^ 1;
    if (sibling < count) path.push(Buffer.from(level.subarray(sibling * HASH_BYTES, (sibling + 1) * HASH_BYTES)));
    count = climb(level, count);
  }
  return path;
}

/**
 * The root that a leaf at `index` of `count` has with this path (RFC 9162, section 2.1.3.2); undefined when the path is
 * too short or too long for such a tree.
 */
export function rootFromPath(leaf: Buffer, index: number, count: number, path: readonly Buffer[]): Buffer | undefined {
  if (index < 0 || index >= count) return undefined;
  const left = [...path];
  let hash = leaf;
  for (let at = index, last = count - 1; last > 0; at >>= 1, last >>= 1) {
    // The last one of a level, without a sibling, goes up as it is.
    if (at === last && at % 2 === 0) continue;
    const sibling = left.shift();
    if (sibling === undefined) return undefined;
    hash = at % 2 === 1 ? interiorHash(sibling, hash) : interiorHash(hash, sibling);
  }
  return left.length === 0 ? hash : undefined;
}
