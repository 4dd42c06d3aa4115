import { expect, test } from 'vitest';
import { isTaskEvent, type TaskEvent } from '../../src/events/event.ts';
import { parseEvent } from '../../src/events/parse-event.ts';
import { inToldOrder } from '../../src/events/told-order.ts';
import { row } from './sample-events.ts';

function event(type: Parameters<typeof row>[0], at: number, overrides: Record<string, unknown>): TaskEvent {
  const occurred_at = `2026-01-01T00:00:0${at}.000Z`;
  const parsed = parseEvent(row(type, { site: 'ams', context: null, occurred_at, ...overrides }));
  if (!isTaskEvent(parsed)) throw new Error(`${type} is about no task`);
  return parsed;
}

const submitted = event('task.submitted', 1, { seq: 1n, version: 1 });
const asked = event('task.abort_requested', 5, { site: 'fra', seq: 7n, version: null });
const aborted = event('task.aborted', 3, { seq: 2n, version: 2, context: { answers: [['fra', '7']] } });
const late = event('task.result_refused', 4, { seq: 3n, version: null });
const retried = event('task.retried', 2, { seq: 4n, version: 3 });

test('a request is told before its answer, although the clock of its site is ahead', () => {
  expect(inToldOrder([aborted, asked, submitted])).toEqual([submitted, asked, aborted]);
});

test('decisions are told in their order, and what is no decision where its time puts it', () => {
  expect(inToldOrder([late, retried, asked, aborted, submitted])).toEqual([submitted, asked, aborted, retried, late]);
});
