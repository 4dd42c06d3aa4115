import { expect, test } from 'vitest';
import type { Clock } from '../../src/clock.ts';
import { duration, integer, momentOption, oneOf } from '../../src/cli/parse-options.ts';

const noon = Date.parse('2026-01-31T12:00:00Z');
const clock: Clock = { now: () => noon, monotonic: () => 0, sleep: () => Promise.resolve() };
const refused = expect.objectContaining({ code: 'TASKLEDGER_INVALID_OPTION', message: expect.stringContaining('--x') });

test.each(['1', '10', '-100'])('integer takes %s', (text) => {
  expect(integer('--x', -100, 10)(text)).toBe(Number(text));
});

test.each(['', ' ', '1.5', '1e1', '0x1', '11', '-101', 'NaN', '１'])('integer refuses %j', (text) => {
  expect(() => integer('--x', -100, 10)(text)).toThrow(refused);
});

test('duration takes milliseconds and units', () => {
  expect(['250', '250ms', '1.5s', '10m', '2h', '1d'].map(duration('--x'))).toEqual([
    250, 250, 1500, 600_000, 7_200_000, 86_400_000,
  ]);
  expect(() => duration('--x')('soon')).toThrow(refused);
});

test.each([
  ['2026-01-31T08:00:00Z', '2026-01-31T08:00:00.000Z'],
  ['2026-01-31T08:00:00.5+01:00', '2026-01-31T07:00:00.500Z'],
  ['2026-01-31', '2026-01-31T00:00:00.000Z'],
  ['2h', '2026-01-31T14:00:00.000Z'],
])('a moment may be written %s', (text, moment) => {
  expect(momentOption('--x', clock)(text).toISOString()).toBe(moment);
});

test('a duration can mean before now', () => {
  expect(momentOption('--x', clock, true)('2h').toISOString()).toBe('2026-01-31T10:00:00.000Z');
});

test.each(['', 'tomorrow', '2026-01-31T08:00:00', '2026-13-01', '12', '31.01.2026'])('a moment is not %j', (text) => {
  expect(() => momentOption('--x', clock)(text)).toThrow(refused);
});

test('one of a few words', () => {
  expect(oneOf('--x', ['a', 'b'])('b')).toBe('b');
  expect(() => oneOf('--x', ['a', 'b'])('c')).toThrow(refused);
});
