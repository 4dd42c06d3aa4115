import { expect, test } from 'vitest';
import { LedgerError } from '../../src/errors.ts';
import { attemptErrorJson, describeError } from '../../src/runner/attempt-error.ts';

interface Described {
  readonly code: string;
  readonly name?: string;
  readonly message: string;
  readonly stack?: string;
  readonly cause?: Described;
  readonly details?: unknown;
}

const described = (error: unknown): Described =>
  JSON.parse(attemptErrorJson('HANDLER_ERROR', describeError(error))) as Described;

test('an error is told by its code, name, message and stack', () => {
  const error = new RangeError('too far');
  expect(described(error)).toEqual({
    code: 'HANDLER_ERROR',
    name: 'RangeError',
    message: 'too far',
    stack: error.stack,
  });
});

test.each([
  ['a text', 'just a text', 'just a text'],
  ['nothing', undefined, 'undefined'],
  ['a number', 42, '42'],
  ['a symbol', Symbol('x'), 'Symbol(x)'],
  ['an object without a text', Object.create(null) as unknown, 'something that cannot be shown as text'],
])('whatever is thrown has a message: %s', (_what, thrown, message) => {
  expect(described(thrown)).toEqual({ code: 'HANDLER_ERROR', message });
});

test('an error whose name and message are no strings is told nevertheless', () => {
  const odd = Object.assign(new Error('plain'), { name: 7, message: Object.create(null) as string });
  expect(described(odd)).toMatchObject({ name: '7', message: 'something that cannot be shown as text' });
});

test('long texts are cut at 4000 characters, never in the middle of one', () => {
  const error = new Error(`${'x'.repeat(3999)}😀 and more`);
  const { message, stack } = described(error);
  expect(message).toBe(`${'x'.repeat(3999)}\uFFFD`);
  expect(stack).toHaveLength(4000);
});

test('NUL and lone surrogates, which the ledger does not store, are replaced', () => {
  expect(described(new Error('a\0b\uD800c')).message).toBe('a\uFFFDb\uFFFDc');
  expect(described('\uDC00\0').message).toBe('\uFFFD\uFFFD');
});

test('causes are told three deep, also when they go round in a circle', () => {
  const circle = new Error('circle');
  circle.cause = new Error('other', { cause: circle });
  const deep = described(circle);
  expect(deep.cause?.message).toBe('other');
  expect(deep.cause?.cause?.message).toBe('circle');
  expect(deep.cause?.cause?.cause?.message).toBe('other');
  expect(deep.cause?.cause?.cause).not.toHaveProperty('cause');
  expect(described(new Error('outer', { cause: 'a text' })).cause).toEqual({ message: 'a text' });
});

test('the details of a LedgerError come along, unless they cannot be stored', () => {
  const failure = (details: Record<string, unknown>): LedgerError =>
    new LedgerError('TASKLEDGER_INVALID_INPUT', { expected: 'a', found: 'b', remedy: 'Do c', details });
  expect(described(failure({ issues: [{ path: 'a', message: 'b' }] })).details).toEqual({
    issues: [{ path: 'a', message: 'b' }],
  });
  for (const details of [{ key: '\0' }, { count: 1n }, { all: 'x'.repeat(2 ** 20) }]) {
    const told = described(failure(details));
    expect(told).not.toHaveProperty('details');
    expect(told.message).toBe('Expected a; found b. Do c.');
  }
});
