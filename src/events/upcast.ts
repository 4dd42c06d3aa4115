import { LedgerError } from '../errors.ts';
import type { EventType } from './event.ts';

/** The `data` of a stored event. */
export type EventData = Readonly<Record<string, unknown>>;

/** Turns data of version `n` into data of version `n + 1`. Pure; never told the envelope, so it cannot depend on it. */
export type Upcaster = (data: EventData) => EventData;

/**
 * Per type the steps from old to current: entry 0 turns version 1 into 2, entry 1 turns 2 into 3 …
 * A type's current version is therefore one more than the number of its steps.
 */
export type Upcasters = Readonly<Partial<Record<EventType, readonly Upcaster[]>>>;

/** The steps this release knows. All events are still in their first version. */
export const eventUpcasters: Upcasters = {};

/**
 * Brings `data` to its type's current version; `data.v` says which one it was written in, absent means 1.
 * The stored event is not touched.
 * @throws LedgerError `TASKLEDGER_UNKNOWN_EVENT` for a version this release does not know
 */
export function upcast(type: EventType, data: EventData, upcasters: Upcasters): EventData {
  const steps = upcasters[type] ?? [];
  const current = steps.length + 1;
  const { v: written = 1 } = data;
  if (typeof written !== 'number' || !Number.isInteger(written) || written < 1 || written > current) {
    throw unknownVersion(type, written, current);
  }
  if (written === current) return data;
  const upcasted = steps.slice(written - 1).reduce<EventData>((older, step) => step(older), data);
  return { ...upcasted, v: current };
}

function unknownVersion(type: string, written: unknown, current: number): LedgerError {
  return new LedgerError('TASKLEDGER_UNKNOWN_EVENT', {
    expected: `${type} with data of version 1 to ${current}`,
    found: typeof written === 'number' ? `version ${written}` : `a version that is ${typeof written}`,
    remedy: 'Upgrade taskledger on this machine to the release that wrote the event, or newer',
  });
}
