import { AssertionError } from 'node:assert';
import { expect, test } from 'vitest';
import { expectEvents, type ExpectedEvent } from '../../src/testing/expect-events.ts';
import { livesTo } from '../events/lives.ts';
import { history, sampleData } from '../events/sample-events.ts';

const failed = history(livesTo.failed);

function complaint(expected: readonly ExpectedEvent[]): AssertionError {
  try {
    expectEvents(failed, expected);
  } catch (error) {
    if (error instanceof AssertionError) return error;
    throw error;
  }
  throw new Error('there was no complaint');
}

test('names in order, and any part of their data, are enough', () => {
  expectEvents(failed, ['submitted', 'leased', 'failed']);
  expectEvents(failed, [
    { type: 'submitted', data: { name: 'payouts.settle', retry: { attempts: 5 } } },
    'leased',
    { type: 'failed', data: { error: { code: 'HANDLER_THREW' }, log_tail: sampleData['task.failed']['log_tail'] } },
  ]);
});

test('an event too few, too many or of another type is a difference', () => {
  expect(() => expectEvents(failed, ['submitted', 'leased'])).toThrow(AssertionError);
  expect(() => expectEvents(failed, ['submitted', 'leased', 'failed', 'retried'])).toThrow(AssertionError);
  expect(() => expectEvents(failed, ['submitted', 'leased', 'completed'])).toThrow(AssertionError);
  expect(() => expectEvents(failed, [])).toThrow(AssertionError);
  expect(() => expectEvents([], ['submitted'])).toThrow(AssertionError);
});

test('data that differ, or are not there, are a difference', () => {
  const wrong = [
    { error: { code: 'TIMEOUT' } },
    { error: { code: 'HANDLER_THREW', hint: 1 } },
    { log_tail: ['2026-01-01T00:00:02.700Z info log sending {"rows":7}'] },
    { missing: undefined, attempt: 2 },
  ];
  for (const data of wrong) {
    expect(() => expectEvents(failed, ['submitted', 'leased', { type: 'failed', data }])).toThrow(AssertionError);
  }
});

test('the difference reads as one: what agreed, what was expected, what was found, and why it failed', () => {
  const { message, actual, expected } = complaint(['submitted', 'leased', { type: 'completed', data: { output: 7 } }]);
  expect(message.split('\n')).toEqual([
    'Expected other events of task 0198c0de-0000-7000-8000-000000000001, from place 3 on (- expected, + found):',
    '    submitted',
    '    leased',
    '  - completed {"output":7}',
    '  + failed {"error":{"code":"HANDLER_THREW","name":"Error","message":"no","details":[1]}}',
  ]);
  expect([actual, expected]).toEqual([
    ['submitted', 'leased', 'failed'],
    ['submitted', 'leased', 'completed'],
  ]);
});

test('of an event of the right type the data that were asked about are shown', () => {
  const { message } = complaint(['submitted', { type: 'leased', data: { attempt: 2 } }, 'failed']);
  expect(message).toContain('  - leased {"attempt":2}\n  - failed\n  + leased {"attempt":1}\n');
});
