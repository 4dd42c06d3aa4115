import { appendFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { defineTask } from '../../src/index.ts';
import { createTestDatabase } from '../support/database.ts';
import { unexplainedEffects } from '../support/effects.ts';
import { differencesFromLog, testLedger, typesOf } from '../support/ledger.ts';
import { ledgerOnOwnServer } from '../support/own-server.ts';
import { effectsFile, spawnRunner } from '../support/runner-process.ts';
import { openSite } from '../support/sites.ts';
import { runCli, spawnCli } from '../cli/run-cli.ts';

const task = defineTask({ name: 'some.task' });

test('I2: a runner that stood still with a lease of another site is told, and its late result is refused there', async () => {
  const ams = await testLedger();
  const fra = await openSite('fra');
  const effects = await effectsFile();
  const first = spawnRunner({
    url: fra.url,
    sites: { ams: ams.url },
    name: 'first',
    effects: effects.file,
    handler: `tell('began'); await goAhead(); effect([taskId, lease.version, signal.aborted].join(' ')); return 'too late';`,
  });
  await first.tells('runner.started');
  const { id } = await ams.ledger.submit('some.task', 1);
  await first.tells('began');
  first.child.kill('SIGSTOP');
  const second = task.handle(({ taskId, lease }) => {
    appendFileSync(effects.file, `second ${taskId} ${lease.version} false\n`);
    return 'by the second';
  });
  const runner = await ams.run([second], { name: 'second' });
  expect(await ams.ledger.result(id, { timeoutMs: 10_000 })).toBe('by the second');
  await runner.stop();
  first.child.kill('SIGCONT');
  expect(await first.tells('claim.lost')).toMatchObject({ data: { site: 'ams', tasks: 1 } });
  first.goAhead();
  expect(await first.tells('attempt.refused')).toMatchObject({ data: { taskId: id, site: 'ams' } });
  // What it did after it was told is the handler's: it ignored its signal.
  expect(await effects.lines()).toEqual([`second ${id} 4 false`, `first ${id} 2 true`]);
  const history = await ams.ledger.history(id);
  expect(typesOf(history)).toEqual(['submitted', 'leased', 'lease_expired', 'leased', 'completed', 'result_refused']);
  const ran = [2, 4].map((leaseVersion) => ({ runner: '', taskId: id, leaseVersion }));
  expect(unexplainedEffects(history, ran)).toEqual([]);
  expect(await differencesFromLog(ams)).toEqual([]);
}, 60_000);

test('while the server of its own site is down it works for another one, and comes back after the restart', async () => {
  const own = await ledgerOnOwnServer();
  const fra = await openSite('fra');
  const ran: string[] = [];
  const noting = task.handle(({ lease }) => void ran.push(lease.site));
  await own.run([noting], { leaseTtlMs: 3000, sites: { fra: fra.url } });
  await own.ledger.submit('some.task', 1);
  await expect.poll(() => ran, { timeout: 5000 }).toEqual(['ams']);
  await own.server.kill();
  await fra.ledger.submit('some.task', 2);
  await expect.poll(() => ran, { timeout: 10_000 }).toEqual(['ams', 'fra']);
  await own.server.restart();
  await own.ledger.submit('some.task', 3);
  await expect.poll(() => ran, { timeout: 10_000 }).toEqual(['ams', 'fra', 'ams']);
}, 60_000);

const noting = `
  import { defineTask } from 'taskledger';
  export const handler = defineTask({ name: 'some.task' }).handle(({ lease }) => lease.site);`;

test('taskledger run --site: the first one is its own, and may be away', async () => {
  const database = await createTestDatabase();
  onTestFinished(() => database.drop());
  const { file } = await effectsFile();
  appendFileSync(`${file}.mjs`, noting);
  const nowhere = 'postgres://postgres@127.0.0.1:1/nowhere';
  const run = (...sites: string[]): string[] => [
    'run',
    '--handlers',
    `${file}.mjs`,
    ...sites.flatMap((site) => ['--site', site]),
  ];
  const wrong = await runCli([...run(`lon=${nowhere}`, `fra=${database.url}`), '--json']);
  expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringContaining('TASKLEDGER_WRONG_SITE')]);
  const away = await runCli([...run(`lon=${nowhere}`, `fra=${nowhere}`), '--json']);
  expect([away.status, away.stderr]).toEqual([3, expect.stringContaining('TASKLEDGER_UNREACHABLE')]);
  const child = spawnCli(run(`lon=${nowhere}`, `ams=${database.url}`));
  onTestFinished(() => void child.kill('SIGKILL'));
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const submitted = await runCli(['submit', 'some.task', '--input', '1', '--json'], { url: database.url });
  const id = String(submitted.objects()[0]?.['id']);
  const state = async () => (await runCli(['show', id, '--json'], { url: database.url })).objects()[0]?.['output'];
  await expect.poll(state, { timeout: 20_000, interval: 500 }).toBe('ams');
  child.kill('SIGTERM');
  expect(await exited).toBe(0);
}, 60_000);
