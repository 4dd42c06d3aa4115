import { expect, test } from 'vitest';
import { projectingTest } from '../projections/projecting.ts';
import { loginWith } from '../support/logins.ts';
import { runCli } from './run-cli.ts';

test('audit replay finds no difference, and then the row that somebody changed', async () => {
  const t = await projectingTest();
  await t.ledger.submitMany('some.task', [{ input: 1 }, { input: 2 }]);
  await t.project();
  const { url } = await loginWith(t.url, 'taskledger_operator');
  const equal = await runCli(['audit', 'replay', '--json'], { url });
  expect([equal.status, equal.objects().at(-1)]).toMatchObject([0, { differences: 0 }]);
  // Of each task its row, and one for its state.
  expect(equal.objects()).toContainEqual(expect.objectContaining({ projection: 'tasks', rows: 4, difference: null }));
  await t.pool.query("update taskledger.task_rows set state = 'failed'");
  const differs = await runCli(['audit', 'replay'], { url });
  expect(differs.status).toBe(1);
  expect(differs.stdout).toContain('tasks: 2 rows from 1 blocks, NOT as they are live\n');
  expect(differs.stdout).toMatch(/task_rows, live: {5}\{.*"state":"failed"/);
  expect(differs.stdout).toMatch(/task_rows, replayed: \{.*"state":"pending"/);
  expect(differs.stdout).toContain('1 of the projections differ.\n');
});
