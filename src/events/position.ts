import { LedgerError } from '../errors.ts';

/** The identity of an event: which site recorded it, and where in that site's stream (incarnation in the high bits). */
export interface Position {
  readonly site: string;
  readonly seq: bigint;
}

/** A position inside an event's JSON: site, and seq as decimal digits, since JSON numbers end at 2^53. */
export type PositionRef = readonly [site: string, seq: string];

/** Incarnation `i` of a site (1, 2, …) draws the seqs `(i - 1) << INCARNATION_SHIFT | n`. */
const INCARNATION_SHIFT = 40n;

const LOCAL_MASK = (1n << INCARNATION_SHIFT) - 1n;
const MAX_SEQ = (1n << 63n) - 1n;
// No leading zeros and never `1-`: a position has exactly one text, so texts can be compared and used as keys.
const positionPattern = /^([a-z][a-z0-9-]{0,29})\/(?:([1-9]\d{0,7})-)?(0|[1-9]\d{0,12})$/;

/** Prints a position: `ams/17`, or `ams/2-17` for the second incarnation of the site. */
export function formatPosition({ site, seq }: Position): string {
  const incarnation = (seq >> INCARNATION_SHIFT) + 1n;
  const local = seq & LOCAL_MASK;
  return incarnation === 1n ? `${site}/${local}` : `${site}/${incarnation}-${local}`;
}

/**
 * Reads what `formatPosition` prints.
 * @throws LedgerError `TASKLEDGER_INVALID_ID` for anything else
 */
export function parsePosition(text: string): Position {
  const [, site, incarnation, local] = positionPattern.exec(text) ?? [];
  if (site === undefined || local === undefined || incarnation === '1') throw notAPosition(text);
  const n = BigInt(local);
  const seq = ((BigInt(incarnation ?? 1) - 1n) << INCARNATION_SHIFT) | n;
  if (n > LOCAL_MASK || seq < 1n || seq > MAX_SEQ) throw notAPosition(text);
  return { site, seq };
}

/** The position an event's JSON refers to. */
export function positionOfRef([site, seq]: PositionRef): Position {
  return { site, seq: BigInt(seq) };
}

/** Orders positions by site (as bytes), then seq. */
export function comparePositions(a: Position, b: Position): number {
  if (a.site !== b.site) return a.site < b.site ? -1 : 1;
  return a.seq < b.seq ? -1 : a.seq > b.seq ? 1 : 0;
}

function notAPosition(text: string): LedgerError {
  return new LedgerError('TASKLEDGER_INVALID_ID', {
    expected: 'a position such as ams/17 or ams/2-17',
    found: JSON.stringify(text.slice(0, 80)),
    remedy: 'Copy the position as the ledger printed it',
  });
}
