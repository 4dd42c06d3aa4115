import { expect, test } from 'vitest';
import { isLeftoverDatabase, testDatabaseName } from './test-database-names.ts';
import { chooseTestServer } from './test-server.ts';

const noDocker = { DOCKER_HOST: 'unix:///nowhere/docker.sock' };
const TEST_DATABASE_URL = 'postgres://localhost/postgres';

test.each([
  [{ ...noDocker }, 'embedded'],
  [{ ...noDocker, TEST_DATABASE_URL }, 'url'],
  [{ ...noDocker, TEST_DATABASE_URL, TASKLEDGER_TEST_SERVER: 'embedded' }, 'embedded'],
  [{ ...noDocker, TEST_DATABASE_URL: '', TASKLEDGER_TEST_SERVER: '' }, 'embedded'],
])('with %o the server is %s', async (env, kind) => {
  expect(await chooseTestServer(env)).toBe(kind);
});

test.each([
  [{ ...noDocker, TASKLEDGER_TEST_SERVER: 'testcontainers' }, /a Docker engine; found none that answers/],
  [{ ...noDocker, TASKLEDGER_TEST_SERVER: 'url' }, /TEST_DATABASE_URL to be set/],
  [{ ...noDocker, TASKLEDGER_TEST_SERVER: 'sqlite' }, /one of url, testcontainers, embedded; found sqlite/],
])('forcing what is not to be had is an error: %o', async (env, message) => {
  await expect(chooseTestServer(env)).rejects.toThrow(message);
});

test('only databases of ours that are hours old count as leftovers', () => {
  const made = 1_800_000_000_000;
  const name = testDatabaseName('test', made);
  const hour = 3_600_000;
  expect([isLeftoverDatabase(name, made + hour), isLeftoverDatabase(name, made + 3 * hour)]).toEqual([false, true]);
  expect(isLeftoverDatabase('taskledger_test_mine', made + 3 * hour)).toBe(false);
});
