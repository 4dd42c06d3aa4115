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

/** The leaf hashes that lie end to end in `leaves`. */
function split(leaves: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < leaves.length; at += HASH_BYTES) parts.push(leaves.subarray(at, at + HASH_BYTES));
  return parts;
}

/** One level up: neighbours are hashed together, a last one without a neighbour is taken along as it is. */
function levelAbove(level: readonly Buffer[]): Buffer[] {
  const above: Buffer[] = [];
  for (let i = 0; i < level.length; i += 2) {
    const [left, right] = [level[i], level[i + 1]];
    if (left !== undefined) above.push(right === undefined ? left : interiorHash(left, right));
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
  let level = split(leaves);
  if (level.length === 0) return hash('sha256', '', 'buffer');
  while (level.length > 1) level = levelAbove(level);
  return level[0] ?? leaves;
}

/**
 * The audit path of RFC 6962, section 2.1.1: the siblings from the leaf to the root, nearest first.
 * @param index of the leaf, from 0
 */
export function inclusionPath(leaves: Buffer, index: number): Buffer[] {
  const path: Buffer[] = [];
  let level = split(leaves);
  for (let at = index; level.length > 1; at >>= 1) {
    const sibling = level[at ^ 1];
    if (sibling !== undefined) path.push(sibling);
    level = levelAbove(level);
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
