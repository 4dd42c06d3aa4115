import { expect, test } from 'vitest';
import { claimSome, outcomeOf, settleThese } from '../support/leases.ts';
import { differencesFromLog, testLedger } from '../support/ledger.ts';
import { loginWith } from '../support/logins.ts';
import { runCli } from './run-cli.ts';

test('rebuild --check names every difference and changes nothing; rebuild mends them, and a running attempt settles', async () => {
  const t = await testLedger();
  const { id } = await t.ledger.submit('some.task', 1, { key: 'k' });
  const claim = await claimSome(t.pool, 1, { ttlMs: 60_000 });
  const url = (await loginWith(t.url, 'taskledger_operator')).url;
  const right = await runCli(['rebuild', '--check'], { url });
  expect([right.status, right.stdout, right.stderr]).toEqual([0, 'The tables are what the log says.\n', '']);

  await t.pool.query(
    "update taskledger.open_tasks set priority = 9, queue = E'other\\u001b[2J'; truncate taskledger.task_keys",
  );
  const checked = await runCli(['rebuild', '--check', '--json'], { url });
  expect([checked.status, checked.objects()]).toEqual([
    1,
    [
      { difference: 'task', id, column: 'queue', log: 'default', found: 'other\u001b[2J' },
      { difference: 'task', id, column: 'priority', log: 0, found: 9 },
      { difference: 'key', id: 'ams/some.task/k', column: 'row', log: id, found: null },
      { differences: 3, rebuilt: null },
    ],
  ]);
  const told = await runCli(['rebuild', '--check'], { url });
  expect(told.stdout).toContain(`task ${id}: priority is 9, by the log 0\n`);
  expect(told.stdout).toContain('3 differences from the log. Run: taskledger rebuild\n');
  expect(told.stdout).not.toContain('\u001b');

  const rebuilt = await runCli(['rebuild'], { url });
  expect([rebuilt.status, rebuilt.stdout]).toEqual([
    0,
    'Rebuilt from the log: open tasks 1 written, 0 removed; claims 0 written, 0 removed; doubts 0 written, 0 removed; keys 1 written, 0 removed.\nThe tables are what the log says.\n',
  ]);
  expect(
    await settleThese(
      t.pool,
      [claim],
      claim.leases.map((lease) => outcomeOf(lease, 'completed')),
    ),
  ).toEqual([]);
  expect(await differencesFromLog(t)).toEqual([]);
  const again = await runCli(['rebuild', '--json'], { url });
  expect([again.status, again.objects()]).toEqual([
    0,
    [{ differences: 0, rebuilt: expect.objectContaining({ tasks_written: 0, keys_removed: 0 }) }],
  ]);
});
