import { createHash } from 'node:crypto';

/** The seqs of a block: ascending ranges, both ends included. */
export type Members = readonly (readonly [first: bigint, last: bigint])[];

const rangePattern = /\[(\d+),(\d+)\)/g;
const textPattern = /^\d+(-\d+)?(,\d+(-\d+)?)*$/;

/** Reads what Postgres prints for an int8multirange: `{[1,5),[7,8)}`. */
export function membersFromMultirange(text: string): Members {
  return [...text.matchAll(rangePattern)].map(([, first = '', end = '']) => [BigInt(first), BigInt(end) - 1n] as const);
}

/** The text whose hash stands in the block header: `1-4,7`. */
export function membersText(members: Members): string {
  return members.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}

/** Reads what `membersText` prints; undefined for anything else, ranges out of order included. */
export function parseMembers(text: string): Members | undefined {
  if (!textPattern.test(text)) return undefined;
  const members = text.split(',').map((range) => {
    const [first = '', last = first] = range.split('-');
    return [BigInt(first), BigInt(last)] as const;
  });
  // One text per set: ascending, and never two ranges that touch.
  const ordered = members.every(([first, last], i) => first <= last && (members[i - 1]?.[1] ?? -2n) + 1n < first);
  return ordered && membersText(members) === text ? members : undefined;
}

/** SHA-256 of `membersText`, hex. */
export function membersHash(members: Members): string {
  return createHash('sha256').update(membersText(members)).digest('hex');
}

/** How many seqs these are. */
export function countMembers(members: Members): bigint {
  return members.reduce((sum, [first, last]) => sum + last - first + 1n, 0n);
}

/** The place of a seq among the members in ascending order, from 0; undefined if it is none of them. */
export function placeOf(members: Members, seq: bigint): number | undefined {
  let before = 0n;
  for (const [first, last] of members) {
    if (seq >= first && seq <= last) return Number(before + seq - first);
    before += last - first + 1n;
  }
  return undefined;
}
