import { CommanderError } from 'commander';
import { describe, expect, test } from 'vitest';
import { asLedgerError, errorText } from '../../src/cli/report-error.ts';
import { LedgerError } from '../../src/errors.ts';

const notFound = new LedgerError('TASKLEDGER_NOT_FOUND', {
  expected: 'a task',
  found: 'none \u001b[2J',
  remedy: 'Check the id',
});

describe('errorText', () => {
  test('is three lines for a person, safe to print', () => {
    expect(errorText(notFound, false)).toBe(
      'taskledger: expected a task\n            found none \\x1b[2J\n            Check the id. [TASKLEDGER_NOT_FOUND]',
    );
  });

  test('is one object for a program', () => {
    const text = errorText(notFound, true);
    expect(text).not.toContain('\n');
    expect(JSON.parse(text)).toEqual({
      error: 'TASKLEDGER_NOT_FOUND',
      message: notFound.message,
      expected: 'a task',
      found: 'none \u001b[2J',
      remedy: 'Check the id',
    });
  });

  test.each([true, false])('never shows the password of a connection string (json: %s)', (json) => {
    const error = asLedgerError(
      new Error('cannot connect to postgres://app:hunter2@db.example:5432/app?sslmode=require now'),
    );
    expect(errorText(error, json)).toContain('postgres://app:***@db.example:5432/app');
    expect(errorText(error, json)).not.toContain('hunter2');
  });
});

describe('asLedgerError', () => {
  test('makes what nobody expected our own fault', () => {
    expect(asLedgerError(new TypeError('x is not a function'))).toMatchObject({
      code: 'TASKLEDGER_INTERNAL',
      found: 'TypeError: x is not a function',
    });
    expect(asLedgerError('just a string').code).toBe('TASKLEDGER_INTERNAL');
  });

  test('makes what commander says a wrong usage', () => {
    const error = asLedgerError(
      new CommanderError(1, 'commander.unknownOption', "error: unknown option '--sate'\n(Did you mean --state?)"),
    );
    expect([error.code, error.found, error.remedy]).toEqual([
      'TASKLEDGER_USAGE',
      "unknown option '--sate'",
      'Did you mean --state? See: taskledger --help',
    ]);
  });
});
