import { expect, test } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { runCli } from './run-cli.ts';

test('a variable that looks like a setting and is none is warned about once, and changes nothing', async () => {
  await using database = await createTestDatabase();
  const env = { TASKLEDGER_DATABSE_URL: 'postgres://typo' };
  const said = await runCli(['list'], { url: database.url, env });
  expect(said.status).toBe(0);
  expect(said.stderr.match(/TASKLEDGER_DATABSE_URL/g)).toHaveLength(1);
  const json = await runCli(['list', '--json'], { url: database.url, env });
  expect(json.error()).toEqual({ warning: expect.stringMatching(/without effect: TASKLEDGER_DATABSE_URL$/) });
  expect((await runCli(['list'], { url: database.url })).stderr).not.toMatch(/TASKLEDGER_/);
});

test('a LOG_LEVEL that is none is wrong usage, said before anything runs', async () => {
  await using database = await createTestDatabase();
  const said = await runCli(['serve'], { url: database.url, env: { LOG_LEVEL: 'loud' } });
  expect(said.status).toBe(2);
  expect(said.stderr).toMatch(/LOG_LEVEL/);
  expect(said.stdout).toBe('');
});
