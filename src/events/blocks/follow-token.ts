import { LedgerError } from '../../errors.ts';

/** How far the stream of one site was followed: the first `events` events of block `block`, and every block before it. */
export interface FollowedTo {
  readonly block: bigint;
  readonly events: number;
}

/** By site. Sites that are not in it are followed from their beginning. */
export type Followed = ReadonlyMap<string, FollowedTo>;

const partPattern = /^([a-z][a-z0-9-]{0,29}):(0|[1-9]\d{0,17})\.(0|[1-9]\d{0,8})$/;

/** Prints `ams:12.3,fra:7.250`: after the third event of block 12 of ams and the 250th of block 7 of fra. */
export function formatToken(followed: Followed): string {
  return [...followed]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([site, { block, events }]) => `${site}:${block}.${events}`)
    .join(',');
}

/**
 * Reads what `formatToken` prints; nothing, the empty text, is the beginning.
 * @throws LedgerError TASKLEDGER_INVALID_OPTION
 */
export function parseToken(text: string): Followed {
  const followed = new Map<string, FollowedTo>();
  for (const part of text === '' ? [] : text.split(',')) {
    const [, site, block, events] = partPattern.exec(part) ?? [];
    if (site === undefined || block === undefined || followed.has(site)) throw notAToken(text);
    followed.set(site, { block: BigInt(block), events: Number(events) });
  }
  return followed;
}

function notAToken(text: string): LedgerError {
  return new LedgerError('TASKLEDGER_INVALID_OPTION', {
    expected: 'a position to follow from, such as ams:12.3',
    found: JSON.stringify(text.slice(0, 80)),
    remedy: 'Use the position that came with the last event you handled, or none for the beginning',
  });
}
