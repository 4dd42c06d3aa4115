import { describe, expect, test } from 'vitest';

import { eventTypes } from '../../src/events/event.ts';
import { parseEvent, type EventRow } from '../../src/events/parse-event.ts';
import { allTypes, decisionTypes, row, sampleData, TASK_ID } from './sample-events.ts';

const refused: unknown = expect.objectContaining({ code: 'TASKLEDGER_UNKNOWN_EVENT' });

function withData(type: (typeof allTypes)[number], data: EventRow): EventRow {
  return row(type, { data: { ...sampleData[type], ...data } });
}

describe('the table of events', () => {
  test('is covered by the schemas, type for type', () => {
    expect([...eventTypes].sort()).toEqual([...allTypes].sort());
  });

  test.each(allTypes)('%s with every documented key is read back unchanged', (type) => {
    expect(parseEvent(row(type))).toEqual(row(type));
  });

  test.each(allTypes)('%s keeps keys this release does not know', (type) => {
    const newer = withData(type, { from_the_future: { a: [1] } });
    expect(parseEvent(newer).data).toEqual(newer['data']);
  });

  test.each(allTypes)('%s refuses data that is not an object', (type) => {
    for (const data of [null, [], 'x', 1]) expect(() => parseEvent(row(type, { data }))).toThrow(refused);
  });
});

describe('the envelope', () => {
  test('keeps what the context says and what a newer site adds to it', () => {
    const context = {
      on_behalf_of: 'ann',
      traceparent: '00-1',
      correlation: 'c',
      answers: [['fra', '1099511627777']],
      new: 1,
    };
    expect(parseEvent(row('task.aborted', { context })).context).toEqual(context);
  });

  test('leaves out columns that are no part of it', () => {
    expect(parseEvent(row('site.joined', { xid: '7', block: 3n }))).toEqual(row('site.joined'));
  });

  test.each([
    ['a seq that is no bigint', { seq: 1 }],
    ['seq 0', { seq: 0n }],
    ['a seq beyond 63 bits', { seq: 1n << 63n }],
    ['a time without milliseconds', { occurred_at: '2026-01-01T00:00:00Z' }],
    ['a time that is no date', { occurred_at: '2026-02-30T00:00:00.000Z' }],
    ['a site name in capitals', { site: 'AMS' }],
    ['epoch 0', { epoch: 0 }],
    ['a task id that is no UUID', { task_id: '7' }],
    ['an answer whose seq is a number', { context: { answers: [['fra', 1]] } }],
    ['an absent actor', { actor: undefined }],
  ])('refuses %s', (_, overrides) => {
    expect(() => parseEvent(row('task.submitted', overrides))).toThrow(refused);
  });

  test.each(allTypes)('%s has a version exactly if it is a decision about a task', (type) => {
    const isDecision = decisionTypes.includes(type);
    expect(() => parseEvent(row(type, { version: isDecision ? null : 1 }))).toThrow(refused);
  });

  test.each(allTypes)('%s carries a task exactly if it is about one', (type) => {
    const isTask = type.startsWith('task.');
    expect(() => parseEvent(row(type, { task_id: isTask ? null : TASK_ID }))).toThrow(refused);
  });
});

describe('data', () => {
  test.each([
    ['task.submitted', { priority: 101 }],
    ['task.submitted', { priority: 0.5 }],
    ['task.submitted', { retry: { attempts: 0 } }],
    ['task.submitted', { retry: { attempts: 1001 } }],
    ['task.submitted', { retry: { attempts: 1, backoff: { kind: 'random', delay_ms: 1 } } }],
    ['task.submitted', { protected: false }],
    ['task.submitted', { name: 'payouts..settle' }],
    ['task.submitted', { key: null }],
    ['task.submitted', { deadline: 'tomorrow' }],
    ['task.submitted', { deadline: '2026-01-01T00:00:00' }],
    ['task.leased', { lease_digest: 'AB'.repeat(32) }],
    ['task.leased', { attempt: 0 }],
    ['task.progressed', { fraction: 1.1 }],
    ['task.completed', { lease: [1] }],
    ['task.attempt_failed', { error: { message: 'no code' } }],
    ['task.attempt_failed', { retry_at: null }],
    ['task.lease_expired', { next: 'completed' }],
    ['task.aborted', { killed: 'SIGTERM' }],
    ['task.resolved', { outcome: 'aborted' }],
    ['task.request_refused', { request: 'fra/9' }],
    ['site.opened', { incarnation: 0 }],
    ['realm.taken', { in_doubt: 'all' }],
    ['incident.closed', { incident: ['ams', 9] }],
  ] as const)('of %s refuses %j', (type, data) => {
    expect(() => parseEvent(withData(type, data))).toThrow(refused);
  });

  test('of task.progressed needs a fraction, a message or a checkpoint', () => {
    expect(() => parseEvent(row('task.progressed', { data: { lease: [1, 2] } }))).toThrow(/a fraction, a message/);
    for (const data of [{ fraction: 0 }, { message: '' }, { checkpoint: null }]) {
      expect(parseEvent(row('task.progressed', { data: { lease: [1, 2], ...data } })).data).toMatchObject(data);
    }
  });

  test('of task.submitted takes any JSON as input, null included, but needs one', () => {
    const { input: _, ...without } = sampleData['task.submitted'];
    expect(() => parseEvent(row('task.submitted', { data: without }))).toThrow(refused);
    expect(parseEvent(withData('task.submitted', { input: null })).data).toMatchObject({ input: null });
  });
});
