import { expect, test } from 'vitest';
import { parseEvent } from '../../src/events/parse-event.ts';
import { isTaskEvent, type TaskEvent } from '../../src/events/event.ts';
import { stateAfter } from '../../src/testing/state-after.ts';
import { livesTo, submit } from '../events/lives.ts';
import { history, row } from '../events/sample-events.ts';

const broken = (message: RegExp): unknown =>
  expect.objectContaining({ code: 'TASKLEDGER_HISTORY_BROKEN', message: expect.stringMatching(message) });

test('given some events, it is the state after them, whatever their order', () => {
  const events = history(livesTo.completed);
  expect(stateAfter(events).state).toBe('completed');
  expect(stateAfter([...events].reverse()).state).toBe('completed');
  expect(stateAfter(events.slice(0, 2))).toMatchObject({ state: 'leased', attempt: 1 });
});

test('without events, or without a submission, there is no state', () => {
  expect(() => stateAfter([])).toThrow(broken(/found no events/));
  const request = parseEvent(row('task.abort_requested'));
  expect(() => stateAfter([request].filter(isTaskEvent))).toThrow(broken(/found only task\.abort_requested/));
});

test('events of two tasks are not mixed', () => {
  const [first] = history([submit()]) as [TaskEvent];
  const other = { ...first, task_id: '0198c0de-0000-7000-8000-000000000002' };
  expect(() => stateAfter([first, other])).toThrow(broken(/events of 2 tasks/));
});

test('a gap in the history is said', () => {
  const events = history(livesTo.completed);
  expect(() => stateAfter([events[0]!, events[2]!])).toThrow(broken(/version 2/));
});
