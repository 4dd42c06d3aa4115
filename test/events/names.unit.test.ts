import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { MAX_NAME_LENGTH } from '../../src/events/limits.ts';
import { isSiteName, isTaskName, requireTaskName, siteNameSchema, taskNameSchema } from '../../src/events/names.ts';

const mixed = fc.string({ unit: fc.constantFrom(...'aZ09_-. \n\u00e9'.split('')), maxLength: 40 });

describe('a task name', () => {
  test.each(['payouts.settle', 'a', 'A1_b-c.2.x', 'a'.repeat(MAX_NAME_LENGTH)])('may be %s', (name) => {
    expect(requireTaskName(name)).toBe(name);
  });

  test.each(['', '.a', 'a.', 'a..b', '1a', '-a', 'a b', 'a\n', 'é', 'a/b', 'a'.repeat(MAX_NAME_LENGTH + 1)])(
    'is not %j',
    (name) => {
      expect(() => requireTaskName(name)).toThrow(expect.objectContaining({ code: 'TASKLEDGER_INVALID_TASK_NAME' }));
    },
  );

  test('is words of letters, digits, _ and -, joined by single dots', () => {
    fc.assert(
      fc.property(mixed, (text) => {
        const words = text.split('.');
        const expected = /^[a-zA-Z]/.test(text) && words.every((word) => word !== '' && !/[^a-zA-Z0-9_-]/.test(word));
        expect(isTaskName(text)).toBe(expected);
        expect(taskNameSchema.safeParse(text).success).toBe(expected);
      }),
    );
  });

  test('is judged in linear time', () => {
    expect(isTaskName('a'.repeat(1_000_000) + '!')).toBe(false);
    expect(isTaskName(`a${'.a'.repeat(99)}!`)).toBe(false);
  });
});

describe('a site or realm name', () => {
  test.each(['ams', 'eu-west-2', 'a', 'a'.repeat(30)])('may be %s', (name) => expect(isSiteName(name)).toBe(true));

  test.each(['', 'Ams', '1a', '-a', 'a_b', 'a.b', 'ams\n', 'a'.repeat(31)])('is not %j', (name) => {
    expect(isSiteName(name)).toBe(false);
    expect(siteNameSchema.safeParse(name).success).toBe(false);
  });
});
