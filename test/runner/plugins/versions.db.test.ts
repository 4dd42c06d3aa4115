import { createHash } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { readPluginProblems } from '../../../src/ledger/offered.ts';
import { differencesFromLog, testLedger, type TestLedger } from '../../support/ledger.ts';
import { pluginsDirectory, putManifest, putVersion } from './plugin-files.ts';

const name = 'payouts.settle';

async function outputOf(
  { ledger }: TestLedger,
  input: unknown,
  plugin?: string,
): Promise<{ version: string; pid: number }> {
  const { id } = await ledger.submit(name, input, plugin === undefined ? {} : { plugin });
  return (await ledger.result(id, { timeoutMs: 10_000 })) as { version: string; pid: number };
}

test('each task is run by the newest version it lets, and its history says which one that was', async () => {
  const t = await testLedger();
  const plugins = await pluginsDirectory();
  await putVersion(plugins, '2.3.0');
  const file = await putVersion(plugins, '3.1.0');
  // Submitted before the runner knows of any pin.
  const pinned = await t.ledger.submit(name, null, { plugin: '^2' });
  const impossible = await t.ledger.submit(name, null, { plugin: '^9' });
  const runner = await t.run([], { plugins: [plugins] });
  expect(await t.ledger.result(pinned.id, { timeoutMs: 10_000 })).toMatchObject({ version: '2.3.0' });
  const free = await t.ledger.submit(name, null);
  expect(await t.ledger.result(free.id, { timeoutMs: 10_000 })).toMatchObject({ version: '3.1.0' });

  const digest = createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
  const [, leased] = await t.ledger.history(free.id);
  expect(leased).toMatchObject({ type: 'task.leased', data: { plugin: 'payouts@3.1.0', manifest_digest: digest } });
  expect(await t.ledger.get(pinned.id)).toMatchObject({ plugin: '^2', run_by: 'payouts@2.3.0' });
  const listed = await t.ledger.list({ name });
  expect(listed.map(({ state, runBy }) => `${state} ${runBy ?? 'by nobody'}`)).toEqual([
    'completed payouts@3.1.0',
    'pending by nobody',
    'completed payouts@2.3.0',
  ]);

  // What nobody can run is seen, with the reason.
  const why = `no runner offers payouts.settle@^9 at any site that works for ams; it is offered with payouts@2.3.0, payouts@3.1.0`;
  expect(await t.ledger.unoffered()).toMatchObject([{ name, plugin: '^9', queue: 'default', tasks: 1, why }]);
  expect(await t.ledger.listUnoffered()).toMatchObject([{ id: impossible.id, plugin: '^9', why }]);
  expect(await t.ledger.whyUnoffered({ name, plugin: '^3', queue: 'default' })).toBeUndefined();
  expect(await t.ledger.whyUnoffered({ name: 'other.task', plugin: null, queue: 'default' })).toBe(
    'no runner offers other.task at any site that works for ams',
  );

  // Installed now: it is taken without a restart, and without anybody telling.
  await putVersion(plugins, '9.0.0');
  expect(await t.ledger.result(impossible.id, { timeoutMs: 10_000 })).toMatchObject({ version: '9.0.0' });
  expect(await t.ledger.unoffered()).toEqual([]);

  await runner.stop();
  expect(await t.ledger.offered()).toEqual([]);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a reload has ended when every claim that offered what there was before has been answered', async () => {
  const t = await testLedger();
  const plugins = await pluginsDirectory();
  await putVersion(plugins, '1.0.0');
  const runner = await t.run([], { plugins: [plugins] });
  const holder = await t.pool.connect();
  await holder.query('begin');
  await holder.query('lock table taskledger.open_tasks');
  const claimsWaiting = "select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
  await expect.poll(async () => (await t.pool.query(claimsWaiting)).rowCount).toBeGreaterThan(0);

  const happened: string[] = [];
  t.ledger.signals.subscribe((signal) => void happened.push(signal.name));
  await putVersion(plugins, '1.1.0');
  const reloaded = runner.reload();
  await systemClock.sleep(300);
  await holder.query('commit');
  holder.release();
  await reloaded;
  expect(happened).toContain('claim.granted');
  expect(happened.indexOf('claim.granted')).toBeLessThan(happened.indexOf('plugins.installed'));
  expect(await outputOf(t, null)).toMatchObject({ version: '1.1.0' });
});

test('a running attempt keeps its version, new ones get what was installed since, and what is broken changes nothing', async () => {
  const t = await testLedger();
  const plugins = await pluginsDirectory();
  await putVersion(plugins, '1.0.0', { isolation: 'pool' });
  const runner = await t.run([], { plugins: [plugins] });
  const long = await t.ledger.submit(name, 'wait');
  await t.ledger.signals.next('attempt.started');
  const warm = await outputOf(t, null);
  expect(await outputOf(t, null)).toEqual(warm);

  await putVersion(plugins, '1.1.0', { isolation: 'pool' });
  expect(await runner.reload()).toEqual([]);
  expect(await outputOf(t, null)).toMatchObject({ version: '1.1.0' });
  await rm(path.join(plugins, 'payouts-1.0.0/taskledger.plugin.json'));
  await runner.reload();
  await expect.poll(() => isAlive(warm.pid), { timeout: 5000 }).toBe(false);

  const refused = t.ledger.signals.next('plugins.refused');
  await putManifest(plugins, 'payouts-1.1.0', '{"plugin": "payouts", "version": "1.1.0", "tasks": {}}');
  expect((await runner.reload()).map(({ path: place }) => place)).toEqual(['runtime', 'tasks']);
  expect(await refused).toMatchObject({
    reason: expect.stringContaining('payouts-1.1.0/taskledger.plugin.json: runtime'),
  });
  expect(await outputOf(t, null)).toMatchObject({ version: '1.1.0' });
  await expect
    .poll(() => readPluginProblems(t.pool), { timeout: 5000 })
    .toMatchObject([{ problem: expect.stringContaining('runtime') }, { problem: expect.stringContaining('tasks') }]);

  await writeFile(path.join(plugins, 'go'), '');
  expect(await t.ledger.result(long.id, { timeoutMs: 10_000 })).toMatchObject({ version: '1.0.0' });
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a runner whose plugins are wrong does not start, and says all that is wrong', async () => {
  const t = await testLedger();
  const plugins = await pluginsDirectory();
  await putManifest(plugins, 'a', '{"plugin": "a"}');
  await putManifest(plugins, 'b', '[]');
  await expect(t.run([], { plugins: [plugins] })).rejects.toMatchObject({
    code: 'TASKLEDGER_PLUGINS_INVALID',
    details: { problems: { length: 4 } },
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
