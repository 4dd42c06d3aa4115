import { LedgerError } from '../errors.ts';
import { eventSchema, eventTypes, type EventType, type LedgerEvent } from './event.ts';
import { eventUpcasters, upcast, type EventData, type Upcasters } from './upcast.ts';

/** A row of the log before it is checked: `seq` a bigint, `occurred_at` ISO 8601 with milliseconds, JSON parsed. */
export type EventRow = Readonly<Record<string, unknown>>;

/**
 * Reads one row of the log: known type, data brought to the current version, envelope and data checked.
 * Unknown keys of data and context are kept (a newer site may write more), columns beyond the envelope are left out.
 * @throws LedgerError `TASKLEDGER_UNKNOWN_EVENT` for an unknown type or data version, or a shape no release has written
 */
export function parseEvent(row: EventRow, upcasters: Upcasters = eventUpcasters): LedgerEvent {
  const { type, data } = row;
  if (!isKnownType(type)) throw unknownType(row);
  const current = isData(data) ? upcast(type, data, upcasters) : data;
  const parsed = eventSchema.safeParse(current === data ? row : { ...row, data: current });
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
  throw new LedgerError('TASKLEDGER_UNKNOWN_EVENT', {
    expected: `a ${type} event of the documented shape at ${whereOf(row)}`,
    found: issues.map(({ path, message }) => `${path}: ${message}`).join('; '),
    remedy: 'Upgrade taskledger if a newer release wrote it, otherwise verify the block of the event',
    details: { issues },
  });
}

function isKnownType(type: unknown): type is EventType {
  return typeof type === 'string' && eventTypes.has(type);
}

function isData(data: unknown): data is EventData {
  return typeof data === 'object' && data !== null && !Array.isArray(data);
}

function unknownType(row: EventRow): LedgerError {
  const found = typeof row['type'] === 'string' ? JSON.stringify(row['type'].slice(0, 80)) : typeof row['type'];
  return new LedgerError('TASKLEDGER_UNKNOWN_EVENT', {
    expected: `an event of a type this release knows at ${whereOf(row)}`,
    found: `type ${found}`,
    remedy: 'Upgrade taskledger on this machine to the release that wrote the event, or newer',
  });
}

// Not formatPosition: the row is not checked yet.
function whereOf({ site, seq }: EventRow): string {
  return `${String(site)}/${String(seq)}`;
}
