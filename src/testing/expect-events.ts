import { AssertionError } from 'node:assert';
import { isDeepStrictEqual } from 'node:util';
import type { TaskEvent } from '../events/event.ts';

/** The type of an event of a task, without its `task.`. */
export type EventName = TaskEvent['type'] extends infer T ? (T extends `task.${infer Name}` ? Name : never) : never;

/** An event by its name, or with some of its data: what is not named may be anything. */
export type ExpectedEvent = EventName | { readonly type: EventName; readonly data: Readonly<Record<string, unknown>> };

/**
 * Compares the events of a task with the expected ones: all of them, in order.
 * @throws AssertionError that shows where they part
 */
export function expectEvents(events: readonly TaskEvent[], expected: readonly ExpectedEvent[]): void {
  const parting = partingPlace(events, expected);
  if (parting === undefined) return;
  const left = expected.slice(parting);
  const shown = (event: TaskEvent, index: number): string => foundText(event, left[index]);
  throw new AssertionError({
    message: [
      `Expected other events of task ${events[0]?.task_id ?? '(there are none)'}, from place ${parting + 1} on (- expected, + found):`,
      ...events.slice(0, parting).map((event) => `    ${nameOf(event)}`),
      ...left.map((one) => `  - ${expectedText(one)}`),
      ...events.slice(parting).map((event, index) => `  + ${shown(event, index)}`),
    ].join('\n'),
    actual: events.map(nameOf),
    expected: expected.map((one) => (typeof one === 'string' ? one : one.type)),
    operator: 'expectEvents',
  });
}

function partingPlace(events: readonly TaskEvent[], expected: readonly ExpectedEvent[]): number | undefined {
  for (let place = 0; place < Math.max(events.length, expected.length); place += 1) {
    const [event, one] = [events[place], expected[place]];
    if (event === undefined || one === undefined || !fits(event, one)) return place;
  }
  return undefined;
}

function fits(event: TaskEvent, expected: ExpectedEvent): boolean {
  if (typeof expected === 'string') return nameOf(event) === expected;
  return nameOf(event) === expected.type && includes(event.data, expected.data);
}

/** Objects hold what is expected of them, whatever else; everything else is equal. */
function includes(actual: unknown, expected: unknown): boolean {
  if (!isObject(expected)) return isDeepStrictEqual(actual, expected);
  return isObject(actual) && Object.entries(expected).every(([key, value]) => includes(actual[key], value));
}

function nameOf(event: TaskEvent): string {
  return event.type.slice('task.'.length);
}

function expectedText(one: ExpectedEvent): string {
  return typeof one === 'string' ? one : `${one.type} ${JSON.stringify(one.data)}`;
}

/** With what was asked about, and with the error if there is one: that is what the reader wants to know next. */
function foundText(event: TaskEvent, expected: ExpectedEvent | undefined): string {
  const data: Readonly<Record<string, unknown>> = event.data;
  const asked = typeof expected === 'object' && expected.type === nameOf(event) ? Object.keys(expected.data) : [];
  const telling = [...new Set([...asked, 'error', 'why', 'reason'])].filter((key) => data[key] !== undefined);
  if (telling.length === 0) return nameOf(event);
  return `${nameOf(event)} ${JSON.stringify(Object.fromEntries(telling.map((key) => [key, brief(data[key])])))}`;
}

/** An error without its stack, which would hide everything else. */
function brief(value: unknown): unknown {
  if (!isObject(value)) return value;
  const { stack: _stack, cause: _cause, ...rest } = value;
  return rest;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
