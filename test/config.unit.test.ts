import { expect, test } from 'vitest';
import { inheritedEnvironment, readConfig, unknownVariables } from '../src/config.ts';

test('a setting is read from the environment, or has its default', () => {
  expect(readConfig('TASKLEDGER_DATABASE_URL', { TASKLEDGER_DATABASE_URL: 'postgres://db/app' })).toBe(
    'postgres://db/app',
  );
  expect(readConfig('TASKLEDGER_DATABASE_URL', {})).toBeUndefined();
  expect(readConfig('LOG_LEVEL', {})).toBe('info');
  expect(readConfig('LOG_LEVEL', { LOG_LEVEL: 'WARN' })).toBe('warn');
});

test('a variable that is set to nothing counts as not set', () => {
  expect(readConfig('TASKLEDGER_DATABASE_URL', { TASKLEDGER_DATABASE_URL: '' })).toBeUndefined();
  expect(readConfig('LOG_LEVEL', { LOG_LEVEL: '' })).toBe('info');
});

test('a wrong value is an error that names the variable and what it takes, not the value', () => {
  const read = (): unknown => readConfig('LOG_LEVEL', { LOG_LEVEL: 'hunter2' });
  expect(read).toThrow(
    expect.objectContaining({
      code: 'TASKLEDGER_INVALID_OPTION',
      kind: 'usage',
      message: expect.stringMatching(/LOG_LEVEL.*"debug"\|"info"\|"warn"/),
    }),
  );
  expect(read).not.toThrow(/hunter2/);
});

test('a wrong value of a setting nobody asks for harms nobody', () => {
  expect(readConfig('TASKLEDGER_DATABASE_URL', { LOG_LEVEL: 'loud' })).toBeUndefined();
});

test('a name that looks like a setting and is none is found', () => {
  const env = { TASKLEDGER_DATABASE_URL: 'x', TASKLEDGER_DATABSE_URL: 'x', OTHER_TASKLEDGER_X: 'x', LOG_LEVELS: 'x' };
  expect(unknownVariables(env)).toEqual(['TASKLEDGER_DATABSE_URL']);
});

test('a child process inherits what is named, or everything', () => {
  const env = { PATH: '/bin', SECRET: 'x', GONE: undefined };
  expect(inheritedEnvironment(['PATH', 'GONE', 'HOME'], env)).toEqual({ PATH: '/bin' });
  expect(inheritedEnvironment(undefined, env)).toEqual({ PATH: '/bin', SECRET: 'x' });
});

test("no child process inherits the site's private key, not even by name", () => {
  const env = { PATH: '/bin', TASKLEDGER_SITE_KEY: 'secret' };
  expect(inheritedEnvironment(undefined, env)).toEqual({ PATH: '/bin' });
  expect(inheritedEnvironment(['PATH', 'TASKLEDGER_SITE_KEY'], env)).toEqual({ PATH: '/bin' });
});
