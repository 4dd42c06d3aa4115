import { expect, test } from 'vitest';
import { z } from 'zod';
import { LedgerError } from '../../src/errors.ts';
import { checkedBySchema, type StandardSchema } from '../../src/ledger/standard-schema.ts';

type Result = Awaited<ReturnType<StandardSchema<unknown>['~standard']['validate']>>;

/** A schema of another library, which answers this. */
const answering = (result: Result | Promise<Result>): StandardSchema<unknown> => ({
  '~standard': { version: 1, vendor: 'another', validate: () => result },
});

async function refusalOf(schema: StandardSchema<unknown>, value: unknown): Promise<LedgerError> {
  const error: unknown = await checkedBySchema(schema, value, 'the input of some.task').catch((e: unknown) => e);
  if (error instanceof LedgerError) return error;
  throw new Error('it was not refused');
}

test('what fits comes back as the schema made it, and without a schema as it is', async () => {
  expect(await checkedBySchema(z.object({ n: z.coerce.number() }), { n: '7', more: 1 }, 'it')).toEqual({ n: 7 });
  const value = { any: 'thing' };
  expect(await checkedBySchema(undefined, value, 'it')).toBe(value);
});

test('a schema may take its time', async () => {
  expect(await checkedBySchema(answering(Promise.resolve({ value: 7 })), 'x', 'it')).toBe(7);
  await expect(refusalOf(answering(Promise.resolve({ issues: [{ message: 'no' }] })), 'x')).resolves.toBeDefined();
});

test('every issue is named with its path, never with the value', async () => {
  const schema = z.object({ card: z.object({ number: z.number() }), lines: z.array(z.string()) });
  const error = await refusalOf(schema, { card: { number: '4111-secret' }, lines: ['a', 7] });
  expect(error.code).toBe('TASKLEDGER_INVALID_INPUT');
  expect(error.expected).toBe('the input of some.task to fit its schema');
  expect(error.found).toMatch(/^card\.number: .+; lines\.1: .+$/);
  expect(error.details?.['issues']).toMatchObject([{ path: 'card.number' }, { path: 'lines.1' }]);
  expect(JSON.stringify(error)).not.toContain('secret');
});

test('paths of any library are understood: keys, numbers, symbols, objects with a key, none', async () => {
  const issues = [
    { message: 'one', path: ['a', 0, Symbol('s')] },
    { message: 'two', path: [{ key: 'b' }, { key: 1 }] },
    { message: 'three', path: [] },
    { message: 'four' },
  ];
  const error = await refusalOf(answering({ issues }), {});
  expect(error.found).toBe('a.0.Symbol(s): one; b.1: two; three; four');
});

test('a schema that throws is not taken for a verdict', async () => {
  const broken: StandardSchema<unknown> = {
    '~standard': {
      version: 1,
      vendor: 'another',
      validate: () => {
        throw new TypeError('a bug of the schema');
      },
    },
  };
  await expect(checkedBySchema(broken, 1, 'it')).rejects.toThrow(TypeError);
});
