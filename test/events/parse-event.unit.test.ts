import { describe, expect, test } from 'vitest';

import { LedgerError } from '../../src/errors.ts';
import { parseEvent } from '../../src/events/parse-event.ts';
import type { Upcasters } from '../../src/events/upcast.ts';
import { row, sampleData } from './sample-events.ts';

const refused: unknown = expect.objectContaining({ code: 'TASKLEDGER_UNKNOWN_EVENT' });

describe('an unknown event', () => {
  test.each(['task.teleported', 'constructor', '', 7, null, undefined])('of type %j is refused', (type) => {
    expect(() => parseEvent({ ...row('task.missed'), type })).toThrow(refused);
  });

  test('is named with its place and what to do', () => {
    expect(() => parseEvent({ ...row('task.missed'), type: 'task.teleported', seq: 17n })).toThrow(
      /at ams\/17; found type "task\.teleported"\. Upgrade taskledger/,
    );
  });

  test.each([2, 0, 1.5, '1', null])('in data version %j is refused', (v) => {
    const data = { ...sampleData['task.missed'], v };
    expect(() => parseEvent(row('task.missed', { data }))).toThrow(refused);
  });

  test('of the wrong shape lists every issue with its path and quotes no data', () => {
    const data = { ...sampleData['task.submitted'], priority: 'secret-1', queue: ['secret-2'] };
    const error = failureOf(() => parseEvent(row('task.submitted', { data })));
    expect(error.details).toMatchObject({ issues: [{ path: 'data.queue' }, { path: 'data.priority' }] });
    expect(JSON.stringify(error)).not.toContain('secret');
  });
});

describe('upcasting', () => {
  // Invented: version 1 said `until`, version 2 `not_after`, version 3 says `start_before`.
  const upcasters: Upcasters = {
    'task.missed': [
      ({ until, ...data }) => ({ ...data, not_after: until }),
      ({ not_after, ...data }) => ({ ...data, start_before: not_after }),
    ],
  };
  const moment = '2026-01-03T00:00:00Z';
  const current = { start_before: moment, note: 'kept', v: 3 };

  test.each([
    ['1, which need not say so,', { until: moment, note: 'kept' }],
    ['1', { until: moment, note: 'kept', v: 1 }],
    ['2', { not_after: moment, note: 'kept', v: 2 }],
    ['3, the current one,', current],
  ])('reads version %s as the current one', (_, data) => {
    expect(parseEvent(row('task.missed', { data }), upcasters).data).toEqual(current);
  });

  test('never changes the stored row', () => {
    const stored = Object.freeze(row('task.missed', { data: Object.freeze({ until: moment }) }));
    parseEvent(stored, upcasters);
    expect(stored['data']).toEqual({ until: moment });
  });

  test('refuses a version beyond the current one', () => {
    expect(() => parseEvent(row('task.missed', { data: { ...current, v: 4 } }), upcasters)).toThrow(
      /task\.missed with data of version 1 to 3; found version 4/,
    );
  });

  test('checks the upcast data by the current schema', () => {
    expect(() => parseEvent(row('task.missed', { data: { v: 2 } }), upcasters)).toThrow(refused);
  });
});

function failureOf(action: () => unknown): LedgerError {
  try {
    action();
  } catch (error) {
    if (error instanceof LedgerError) return error;
  }
  throw new Error('Expected a LedgerError');
}
