import { expect, test } from 'vitest';
import { attemptLog, recordText, type LogRecord } from '../../../src/runner/execute/log-record.ts';
import { LogTail } from '../../../src/runner/execute/log-tail.ts';
import { FakeClock } from '../fakes.ts';

function tailOf(lines: number): LogTail {
  const tail = new LogTail(new FakeClock());
  for (let i = 0; i < lines; i += 1) tail.add('stdout', `line ${i}`);
  return tail;
}

const texts = (lines: readonly string[]): string[] => lines.map((line) => line.replace(/^\S+ \S+ \S+ /, ''));

test('the head of a log stands before the lines, and never alone', () => {
  const tail = tailOf(0);
  tail.openWith('in a used process');
  expect(tail.lines).toEqual([]);
  tail.add('stderr', 'late\r');
  expect(tail.lines.map((line) => line.replace(/^\S+ /, ''))).toEqual([
    'info runner in a used process',
    'warn stderr late',
  ]);
});

test('who reads on learns from the number of the first line how many are gone', () => {
  const tail = tailOf(60);
  expect(tail.from(0)).toMatchObject({ first: 10, lines: expect.objectContaining({ length: 50 }) });
  const { first, lines } = tail.from(58);
  expect([first, texts(lines)]).toEqual([58, ['line 58', 'line 59']]);
  expect(tail.from(60)).toEqual({ first: 60, lines: [] });
  expect(tail.from(99)).toEqual({ first: 60, lines: [] });
});

test('a log takes whatever JavaScript passes', () => {
  const written: LogRecord[] = [];
  const log = attemptLog((record) => written.push(record)) as unknown as Record<string, (...args: unknown[]) => void>;
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  const [info, warn] = [log['info']!, log['warn']!];
  info(undefined);
  info(Object.create(null));
  info('circular', circular);
  info('big', { n: 1n });
  warn('nothing', {});
  warn('never there', { at: undefined });
  expect(written.map(recordText)).toEqual([
    'undefined',
    '(no text)',
    'circular (its fields are left out: no JSON object of text)',
    'big (its fields are left out: no JSON object of text)',
    'nothing {}',
    'never there {}',
  ]);
});
