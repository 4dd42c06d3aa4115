import { describe, expect, test } from 'vitest';

import type { EventType } from '../../src/events/event.ts';
import { evolve, fold } from '../../src/events/evolve.ts';
import type { TaskStateName } from '../../src/events/task-state.ts';
import { livesTo, stateNames, submit } from './lives.ts';
import { decisionTypes, history, row, step, type Step } from './sample-events.ts';

const broken: unknown = expect.objectContaining({ code: 'TASKLEDGER_HISTORY_BROKEN' });

// From the table of the model, not from the code.
const canFollow: Readonly<Record<TaskStateName, readonly EventType[]>> = {
  pending: ['task.leased', 'task.failed', 'task.aborted', 'task.missed', 'task.rescheduled'],
  leased: [
    'task.progressed',
    'task.completed',
    'task.attempt_failed',
    'task.failed',
    'task.lease_expired',
    'task.lease_released',
    'task.aborted',
    'task.in_doubt',
  ],
  completed: [],
  failed: ['task.retried'],
  aborted: ['task.retried'],
  missed: ['task.retried'],
  in_doubt: ['task.resolved'],
};

// As a well-meaning owner would write it: it names the lease only when there is one.
function decisionIn(state: TaskStateName, type: EventType): Step {
  const optional = type === 'task.failed' || type === 'task.aborted';
  return step(type, optional && state !== 'leased' ? { lease: undefined } : {});
}

describe.each(stateNames)('I3: a task that is %s', (state) => {
  const life = livesTo[state];
  const allowed: readonly EventType[] = [...canFollow[state], 'task.request_refused'];

  test('is reached by its life', () => expect(fold(history(life))?.state).toBe(state));

  test.each(allowed)('can go on with %s', (type) => {
    expect(fold(history([...life, decisionIn(state, type)]))?.version).toBe(life.length + 1);
  });

  test.each(decisionTypes.filter((type) => !allowed.includes(type)))('cannot go on with %s', (type) => {
    const events = history([...life, decisionIn(state, type)]);
    expect(() => fold(events)).toThrow(broken);
  });

  test.each([
    'task.abort_requested',
    'task.retry_requested',
    'task.reschedule_requested',
    'task.result_refused',
  ] as const)('keeps its state and version under %s', (type) => {
    expect(fold(history([...life, step(type)]))).toMatchObject({ state, version: fold(history(life))?.version });
  });
});

describe('I2: a decision under a lease', () => {
  const underLease = canFollow.leased;

  test.each(underLease)('%s has to name the token that is held', (type) => {
    for (const lease of [
      [1, 1],
      [2, 2],
      [1, 3],
    ]) {
      expect(() => fold(history([...livesTo.leased, step(type, { lease })]))).toThrow(/the lease 1,2 in the history/);
    }
  });

  test.each(['task.failed', 'task.aborted'] as const)(
    '%s has to name a token if one is held, and none else',
    (type) => {
      expect(() => fold(history([...livesTo.leased, step(type, { lease: undefined })]))).toThrow(broken);
      expect(() => fold(history([...livesTo.pending, step(type)]))).toThrow(broken);
    },
  );

  test.each(underLease)('%s cannot use the token of an earlier attempt', (type) => {
    const second = [...livesTo.leased, step('task.attempt_failed'), step('task.leased', { attempt: 2 })];
    expect(() => fold(history([...second, step(type, { lease: [1, 2] })]))).toThrow(/the lease 1,4 .* the lease 1,2/);
  });

  test('keeps its token when the realm changes hands', () => {
    const handedOver = [...livesTo.leased, step('task.progressed', {}, { epoch: 2, site: 'fra' })];
    const done = fold(history([...handedOver, step('task.completed', {}, { epoch: 2, site: 'fra' })]));
    expect(done).toMatchObject({ state: 'completed', epoch: 2, version: 4 });
  });
});

describe('the order of decisions', () => {
  const aborted = step('task.aborted', { lease: undefined });

  test.each([
    ['a version is missing', { version: 3 }],
    ['a version comes twice', { version: 1 }],
    ['an epoch comes back', { epoch: 1 }],
    ['the task is another one', { task_id: '0198c0de-0000-7000-8000-000000000002' }],
    ['the realm is another one', { realm: 'fra' }],
  ])('is broken if %s', (_, at) => {
    const [first, next] = history([
      { ...submit(), at: { epoch: 2 } },
      { ...aborted, at: { epoch: 2, ...at } },
    ]);
    expect(() => evolve(evolve(undefined, first!), next!)).toThrow(broken);
  });

  test.each(['task.leased', 'task.abort_requested'] as const)('is broken if %s comes first', (type) => {
    const [event] = history([step(type)]);
    expect(() => evolve(undefined, event!)).toThrow(/task\.submitted with version 1 first/);
  });

  test('is broken if the submit is not version 1', () => {
    const [event] = history([step('task.submitted', {}, { version: 2 })]);
    expect(() => fold([event!])).toThrow(broken);
  });

  test('is told with the place of the event', () => {
    const events = history([...livesTo.completed, { ...aborted, at: { seq: (1n << 40n) | 7n } }]);
    expect(() => fold(events)).toThrow(
      /task\.aborted only from pending or leased .*; found task\.aborted version 4 at ams\/2-7 of epoch 1, after version 3, state completed/,
    );
  });

  test('does not matter to fold, which sorts by epoch and version (I5)', () => {
    const events = history([...livesTo.failed, step('task.retried'), step('task.leased')]);
    expect(fold([...events].reverse())).toEqual(fold(events));
  });

  test('gives no state as long as the submit is not known', () => {
    expect(fold([])).toBeUndefined();
    expect(fold(history([step('task.abort_requested')]))).toBeUndefined();
    expect(row('task.abort_requested')['version']).toBeNull();
  });
});
