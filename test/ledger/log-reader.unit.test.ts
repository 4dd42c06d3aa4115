import { expect, test } from 'vitest';
import type { TaskEvent } from '../../src/events/event.ts';
import { LogReader, parseLogBatch, type LogNews } from '../../src/ledger/log-reader.ts';

const line = (n: number): string => `2026-01-01T00:00:00.00${n % 10}Z info log line ${n}`;
const lines = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => line(from + i));
const batch = (version: number, from: number, to: number) =>
  ({ lease: [1, version], attempt: version / 2, first: from, lines: lines(from, to) }) as const;
const outcome = (version: number, log_tail: readonly string[]): TaskEvent =>
  ({
    type: 'task.attempt_failed',
    data: { lease: [1, version], attempt: version / 2, log_tail },
  }) as unknown as TaskEvent;
const told = (news: readonly LogNews[]): unknown[] =>
  news.map((each) => (each.kind === 'line' ? each.line.text : -each.lines));

test('lines that come twice are told once, and a gap is told by how many are missing', () => {
  const reader = new LogReader();
  expect(told(reader.read(batch(2, 0, 2)))).toEqual(['line 0', 'line 1']);
  expect(told(reader.read(batch(2, 0, 3)))).toEqual(['line 2']);
  expect(told(reader.read(batch(2, 7, 8)))).toEqual([-4, 'line 7']);
  expect(told(reader.read(batch(2, 8, 8)))).toEqual([]);
});

test('the outcome tells the lines after the last one that came, or all of its tail', () => {
  const reader = new LogReader();
  reader.read(batch(2, 0, 2));
  expect(told(reader.rest(outcome(2, lines(0, 4))))).toEqual(['line 2', 'line 3']);
  expect(told(reader.rest(outcome(4, lines(5, 6))))).toEqual(['line 5']);
  expect(told(new LogReader().rest(outcome(2, ['of another make'])))).toEqual(['of another make']);
});

test('what an earlier attempt still sends is not taken for the later one’s', () => {
  const reader = new LogReader();
  reader.read(batch(4, 0, 1));
  expect(reader.read(batch(2, 0, 3))).toEqual([]);
  expect(reader.rest(outcome(2, lines(0, 3)))).toEqual([]);
});

test('what is no batch is nothing', () => {
  const payloads = [
    '',
    'x',
    '{"watched":"t"}',
    '{"lease":[1,2],"attempt":1,"first":-1,"lines":[]}',
    '{"lease":[1],"lines":7}',
  ];
  expect(payloads.map(parseLogBatch)).toEqual(payloads.map(() => undefined));
});
