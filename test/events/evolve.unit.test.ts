import { isDeepStrictEqual } from 'node:util';

import { describe, expect, test } from 'vitest';

import { evolve, fold } from '../../src/events/evolve.ts';
import type { TaskState } from '../../src/events/task-state.ts';
import { livesTo, submit } from './lives.ts';
import { history, sampleData, second, step, TASK_ID, type Step } from './sample-events.ts';

/** Given the steps before, when the last one happens: the changes of the state. */
function changesBy(given: readonly Step[], when: Step): Partial<TaskState> {
  const events = history([...given, when]);
  const before = fold(events.slice(0, -1));
  const after = evolve(before, events.at(-1)!);
  const changed = Object.entries(after).filter(([key, value]) => {
    return key !== 'version' && !isDeepStrictEqual(before?.[key as keyof TaskState], value);
  });
  return Object.fromEntries(changed);
}

const digest = sampleData['task.leased']['lease_digest'];
const secondLease = step('task.leased', { attempt: 2 });

describe('task.submitted', () => {
  test('gives a pending task with all that was asked for', () => {
    expect(fold(history([step('task.submitted')]))).toEqual({
      id: TASK_ID,
      realm: 'ams',
      epoch: 1,
      version: 1,
      state: 'pending',
      name: 'payouts.settle',
      input: { payoutId: 'p1' },
      queue: 'payouts',
      group: 'customer-7',
      priority: 5,
      key: 'p1',
      protected: true,
      plugin: '^2.3.0',
      run_by: null,
      retry: { attempts: 5, backoff: { kind: 'exponential', delay_ms: 1000, cap_ms: 60000 } },
      timeout_ms: 60000,
      run_at: '2026-01-02T00:00:00.000Z',
      start_before: '2026-01-03T00:00:00.000Z',
      deadline: '2026-01-04T00:00:00.123Z',
      attempts: 5,
      attempt: 0,
      lease: null,
      progress: null,
      checkpoint: undefined,
      output: undefined,
      error: null,
      submitted_at: second(0),
      submitted: { site: 'ams', seq: 1n },
      started_at: null,
      finished_at: null,
      open_requests: [],
      answered_early: [],
      refused_results: 0,
    });
  });

  test('with the least that is needed can be claimed at once', () => {
    const least = { name: 'a', input: null, queue: 'default', priority: 0, retry: { attempts: 1 } };
    const state = fold(history([{ type: 'task.submitted', data: least }]));
    expect(state).toMatchObject({ run_at: second(0), start_before: null, deadline: null, key: null, protected: false });
  });
});

describe('a lease', () => {
  test('is held with its fencing token and counts an attempt', () => {
    expect(changesBy([submit()], step('task.leased'))).toEqual({
      state: 'leased',
      run_by: 'payouts@2.3.0',
      attempt: 1,
      lease: { epoch: 1, version: 2, runner: 'runner-1', host: 'host-1', digest, leased_at: second(1), ttl_ms: 15000 },
      started_at: second(1),
    });
  });

  test('given back does not count', () => {
    expect(changesBy(livesTo.leased, step('task.lease_released'))).toEqual({
      state: 'pending',
      lease: null,
      run_by: null,
      attempt: 0,
      run_at: '2026-01-01T00:03:00.000Z',
    });
    expect(fold(history([...livesTo.leased, step('task.lease_released'), step('task.leased')]))?.attempt).toBe(1);
  });

  test('given back or lost can be claimed at once unless the event says when', () => {
    const released = changesBy(livesTo.leased, step('task.lease_released', { run_at: undefined }));
    expect(released.run_at).toBe(second(2));
    expect(changesBy(livesTo.leased, step('task.lease_expired', { run_at: undefined })).run_at).toBe(second(2));
  });

  test('lost counts as an attempt and leaves the task pending', () => {
    expect(changesBy(livesTo.leased, step('task.lease_expired'))).toEqual({
      state: 'pending',
      lease: null,
      run_at: '2026-01-01T00:02:00.000Z',
      error: { code: 'LEASE_EXPIRED', message: 'The lease of attempt 1 ran out.' },
    });
    expect(fold(history([...livesTo.leased, step('task.lease_expired'), secondLease]))?.attempt).toBe(2);
  });

  test('lost in the last attempt leaves the task failed', () => {
    const changes = changesBy(livesTo.leased, step('task.lease_expired', { next: 'failed', run_at: undefined }));
    expect(changes).toMatchObject({ state: 'failed', lease: null, finished_at: second(2) });
  });

  test('lost by a protected task leaves it in doubt, never pending (guarantee 4)', () => {
    const leased = [submit({ protected: true }), step('task.leased')];
    expect(changesBy(leased, step('task.lease_expired', { next: 'in_doubt' }))).toMatchObject({ state: 'in_doubt' });
    expect(() => fold(history([...leased, step('task.lease_expired')]))).toThrow(/in doubt after a lost lease/);
  });

  test('of an attempt that does not follow the last one breaks the history', () => {
    expect(() => fold(history([submit(), secondLease]))).toThrow(/a lease of attempt 1 .* attempt 2 in task\.leased/);
  });
});

describe('progress', () => {
  test('keeps the latest fraction, message and checkpoint', () => {
    expect(changesBy(livesTo.leased, step('task.progressed'))).toEqual({
      progress: { fraction: 0.5, message: 'halfway' },
      checkpoint: { row: 7 },
    });
    const onlyMessage = step('task.progressed', { fraction: undefined, message: 'more', checkpoint: undefined });
    expect(changesBy([...livesTo.leased, step('task.progressed')], onlyMessage)).toEqual({
      progress: { fraction: 0.5, message: 'more' },
    });
  });

  test('starts anew with the next attempt, the checkpoint stays, null is a checkpoint', () => {
    const failedOnce = [...livesTo.leased, step('task.progressed', { checkpoint: null }), step('task.attempt_failed')];
    expect(fold(history([...failedOnce, secondLease]))).toMatchObject({ progress: null, checkpoint: null, attempt: 2 });
  });
});

describe('an outcome', () => {
  test('completed keeps the output, null included, and forgets the error of earlier attempts', () => {
    const retried = [...livesTo.leased, step('task.attempt_failed'), secondLease];
    expect(changesBy(retried, step('task.completed', { lease: [1, 4], attempt: 2 }))).toEqual({
      state: 'completed',
      lease: null,
      output: null,
      error: null,
      started_at: '2026-01-01T00:00:02.500Z',
      finished_at: '2026-01-01T00:00:03.000Z',
    });
  });

  test('completed without output has none', () => {
    expect(fold(history([...livesTo.leased, step('task.completed', { output: undefined })]))?.output).toBeUndefined();
  });

  test('of a failed attempt makes the task pending until the retry', () => {
    expect(changesBy(livesTo.leased, step('task.attempt_failed'))).toEqual({
      state: 'pending',
      lease: null,
      error: sampleData['task.attempt_failed']['error'],
      started_at: '2026-01-01T00:00:02.500Z',
      run_at: '2026-01-01T00:01:00.000Z',
    });
  });

  test('failed keeps the error', () => {
    expect(changesBy(livesTo.leased, step('task.failed'))).toMatchObject({
      state: 'failed',
      lease: null,
      error: { code: 'HANDLER_THREW' },
      finished_at: '2026-01-01T00:00:03.000Z',
    });
  });

  test('failed by a deadline needs no lease', () => {
    const data = { attempts: 0, error: { code: 'DEADLINE_PASSED' } };
    expect(changesBy([submit()], { type: 'task.failed', data })).toEqual({
      state: 'failed',
      error: { code: 'DEADLINE_PASSED' },
      finished_at: second(1),
    });
  });

  test('aborted ends the task, leased or not', () => {
    const changes = { state: 'aborted', finished_at: second(2) };
    expect(changesBy(livesTo.leased, step('task.aborted'))).toEqual({ ...changes, lease: null });
    expect(changesBy([submit()], step('task.aborted', { lease: undefined }))).toEqual({
      ...changes,
      finished_at: second(1),
    });
  });

  test('missed ends the task', () => {
    expect(changesBy([submit()], step('task.missed'))).toEqual({ state: 'missed', finished_at: second(1) });
  });

  test('from a lost lease changes nothing but a count', () => {
    expect(changesBy(livesTo.completed, step('task.result_refused'))).toEqual({ refused_results: 1 });
  });
});

describe('an operator', () => {
  test.each(['failed', 'aborted', 'missed'] as const)('redrives a task that is %s from the first attempt', (state) => {
    expect(fold(history([...livesTo[state], step('task.retried')]))).toMatchObject({
      state: 'pending',
      attempt: 0,
      lease: null,
      progress: null,
      output: undefined,
      error: null,
      started_at: null,
      finished_at: null,
      run_at: '2026-01-05T00:00:00.000Z',
    });
  });

  test('who redrives lifts the windows, which would end the task again at once', () => {
    const missed = [submit({ start_before: '2026-01-01T00:00:01Z' }), step('task.missed')];
    expect(fold(history([...missed, step('task.retried')]))).toMatchObject({ start_before: null, deadline: null });
  });

  test('reschedules a pending task: start, priority or both', () => {
    const both = { run_at: '2026-02-01T00:00:00.000Z', priority: -5 };
    expect(changesBy([submit()], step('task.rescheduled'))).toEqual(both);
    expect(changesBy([submit()], step('task.rescheduled', { start_after: undefined }))).toEqual({ priority: -5 });
    expect(changesBy([submit()], step('task.rescheduled', { priority: undefined }))).toEqual({ run_at: both.run_at });
  });

  test('resolves a doubt as completed, failed or to be run again', () => {
    const by = (outcome: string): Partial<TaskState> => changesBy(livesTo.in_doubt, step('task.resolved', { outcome }));
    const finished_at = second(3);
    expect(by('completed')).toEqual({ state: 'completed', output: { reference: 'r' }, error: null, finished_at });
    expect(by('failed')).toEqual({ state: 'failed', finished_at });
    expect(by('rerun')).toEqual({ state: 'pending', run_at: finished_at });
  });

  test('finds out why a task is in doubt', () => {
    const leased = livesTo.in_doubt.slice(0, 2);
    expect(changesBy(leased, step('task.in_doubt'))).toEqual({
      state: 'in_doubt',
      lease: null,
      error: { code: 'IN_DOUBT', message: 'site lost' },
    });
  });
});

describe('a request', () => {
  const asked = step('task.abort_requested', {}, { site: 'fra', seq: 9n });
  const answers = { context: { answers: [['fra', '9']] } };

  test('is open until a decision answers it', () => {
    expect(changesBy([submit()], asked)).toEqual({
      open_requests: [{ site: 'fra', seq: 9n, type: 'task.abort_requested' }],
    });
    const aborted = step('task.aborted', { lease: undefined }, answers);
    expect(fold(history([submit(), asked, aborted]))).toMatchObject({ state: 'aborted', open_requests: [] });
  });

  test('that was refused is answered, and the task goes on', () => {
    expect(changesBy([...livesTo.leased, asked], step('task.request_refused', {}, answers))).toEqual({
      open_requests: [],
    });
  });

  test('that arrives after its answer is not open (I5)', () => {
    const [first, request, refusal] = history([submit(), asked, step('task.request_refused', {}, answers)]);
    const late = [first, refusal, request].reduce<TaskState | undefined>(
      (state, event) => evolve(state, event!),
      undefined,
    );
    expect(late).toEqual(fold(history([submit(), asked, step('task.request_refused', {}, answers)])));
    expect(late).toMatchObject({ open_requests: [], answered_early: [] });
  });

  test('does not count as a version of the task', () => {
    expect(fold(history([submit(), asked]))?.version).toBe(1);
  });
});
