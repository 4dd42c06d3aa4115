import { appendFileSync } from 'node:fs';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { openLedger, type Ledger } from '../../src/open-ledger.ts';
import { defineTask } from '../../src/ledger/define-task.ts';
import { runCli } from '../cli/run-cli.ts';
import { differencesFromLog, testLedger, typesOf, type TestLedger } from '../support/ledger.ts';
import { claimSome, expireLeases, settleAll } from '../support/leases.ts';
import { effectsFile } from '../support/runner-process.ts';
import { loginWith, type LedgerRole, type Login } from '../support/logins.ts';

/** The ledger as a user sees it that has this role and no other. */
async function ledgerAs(t: TestLedger, role: LedgerRole): Promise<Login & { ledger: Ledger }> {
  const login = await loginWith(t.url, role);
  const ledger = await openLedger({ connectionString: login.url });
  onTestFinished(() => ledger.close());
  return { ...login, ledger };
}

const notAllowed = (role: LedgerRole): object => ({
  code: 'TASKLEDGER_NOT_ALLOWED',
  remedy: expect.stringContaining(`grant ${role} to USER`),
});

test('taskledger_runner runs a whole runner: doorbell, claims, leases, progress, outcomes, sweeps', async () => {
  const t = await testLedger();
  const { name, ledger } = await ledgerAs(t, 'taskledger_runner');
  const effects = await effectsFile();
  const task = defineTask({ name: 'some.task', retry: { attempts: 2, backoff: { kind: 'fixed', delay: 0 } } });
  const { id: lost } = await t.ledger.submit('some.task', 'lost');
  await claimSome(t.pool, 1);
  await expireLeases(t);
  const swept = ledger.signals.next('sweep.done');
  const runner = ledger.runner({
    handlers: [
      task.handle(async ({ input, attempt, progress }) => {
        await progress({ fraction: 0.5, message: 'half way' });
        appendFileSync(effects.file, `${String(input)} ${attempt}\n`);
        if (input === 'again' && attempt === 1) throw new Error('no luck');
        return 'done';
      }),
    ],
    name: 'of-little-right',
    // So long that only a doorbell can wake it in time.
    pollMs: 20_000,
    drainMs: 1000,
  });
  onTestFinished(() => runner.stop(0));
  await runner.start();
  await swept;
  const { id } = await t.ledger.submit(task, 'again');
  expect(await t.ledger.result(id)).toBe('done');
  expect(await t.ledger.result(lost)).toBe('done');
  expect((await effects.lines()).sort()).toEqual(['again 1', 'again 2', 'lost 2']);
  const events = await t.ledger.history(id);
  expect(typesOf(events).filter((type) => type !== 'progressed')).toEqual([
    'submitted',
    'leased',
    'attempt_failed',
    'leased',
    'completed',
  ]);
  expect(new Set(events.slice(1).map(({ actor }) => actor))).toEqual(new Set([name]));
  await expect(ledger.submit('some.task', 1)).rejects.toMatchObject(notAllowed('taskledger_submitter'));
  expect(await differencesFromLog(t)).toEqual([]);
});

test('taskledger_submitter opens the ledger in an application and submits, in its own transaction too', async () => {
  const t = await testLedger();
  const { name, url, ledger } = await ledgerAs(t, 'taskledger_submitter');
  const app = new pg.Client({ connectionString: url });
  await app.connect();
  onTestFinished(() => app.end());
  await app.query('begin');
  await app.query(`create table ${name}.orders (id int)`);
  const own = await ledger.submit('some.task', 1, { tx: app });
  await app.query('commit');
  const keyed = await ledger.submit('some.task', 2, { key: 'k', priority: 5 });
  const [again] = await ledger.submitMany('some.task', [{ input: 2, key: 'k' }], {});
  expect(again).toMatchObject({ id: keyed.id, created: false });
  expect((await t.ledger.history(own.id))[0]).toMatchObject({ actor: name });
  await expect(ledger.get(own.id)).rejects.toMatchObject(notAllowed('taskledger_auditor'));
  await expect(ledger.list()).rejects.toMatchObject(notAllowed('taskledger_auditor'));
  await expect(ledger.abort(own.id)).rejects.toMatchObject(notAllowed('taskledger_operator'));
  expect(await differencesFromLog(t)).toEqual([]);
});

test('taskledger_auditor looks at everything, with the library and the command line, and changes nothing', async () => {
  const t = await testLedger();
  const { id } = await t.ledger.submit('some.task', 1);
  await settleAll(t.pool, await claimSome(t.pool, 1), 'completed');
  const { url, ledger } = await ledgerAs(t, 'taskledger_auditor');
  expect(await ledger.get(id)).toMatchObject({ state: 'completed' });
  expect(await ledger.history(id)).toHaveLength(3);
  expect(await ledger.list({ state: 'completed' })).toMatchObject([{ id }]);
  expect(await ledger.result(id)).toBe('done');
  for (const args of [['show', id], ['history', id], ['list']]) {
    expect(await runCli([...args, '--json'], { url })).toMatchObject({
      status: 0,
      stdout: expect.stringContaining(id),
    });
  }
  const refused = await runCli(['retry', id, '--reason', 'no', '--json'], { url });
  expect(refused.error()).toMatchObject({ error: 'TASKLEDGER_NOT_ALLOWED' });
  expect(refused.status).toBe(1);
});

test('taskledger_operator aborts, retries, reschedules and resolves from the command line, and sees what it decides about', async () => {
  const t = await testLedger();
  const { name, url, ledger } = await ledgerAs(t, 'taskledger_operator');
  const { id } = await t.ledger.submit('some.task', 1);
  const doubtful = await t.ledger.submit('paid.task', 1, { protected: true });
  await settleAll(t.pool, await claimSome(t.pool, 1, { names: ['paid.task'] }), 'in_doubt');
  for (const args of [
    ['show', id],
    ['list'],
    ['reschedule', id, '--priority', '5', '--reason', 'sooner'],
    ['abort', id, '--reason', 'enough'],
    ['retry', id, '--reason', 'again'],
    ['resolve', doubtful.id, '--outcome', 'failed', '--reason', 'asked the bank'],
    ['history', doubtful.id],
  ]) {
    const { status, stderr } = await runCli([...args, '--json'], { url });
    expect({ args, status, stderr }).toEqual({ args, status: 0, stderr: '' });
  }
  const events = await t.ledger.history(id);
  expect(new Set(events.slice(1).map(({ actor }) => actor))).toEqual(new Set([name]));
  expect((await t.ledger.get(doubtful.id)).state).toBe('failed');
  await expect(ledger.submit('some.task', 1)).rejects.toMatchObject(notAllowed('taskledger_submitter'));
  await expect(ledger.sweep()).rejects.toMatchObject({ code: 'TASKLEDGER_NOT_ALLOWED' });
  expect(await differencesFromLog(t)).toEqual([]);
});

test('taskledger_daemon ends lost leases, and does nothing else to a task', async () => {
  const t = await testLedger();
  const { id } = await t.ledger.submit('some.task', 1);
  await claimSome(t.pool, 1);
  await expireLeases(t);
  const { ledger, name } = await ledgerAs(t, 'taskledger_daemon');
  expect(await ledger.sweep()).toMatchObject({ expired: 1 });
  expect((await t.ledger.history(id)).at(-1)).toMatchObject({ type: 'task.lease_expired', actor: name });
  await expect(ledger.abort(id)).rejects.toMatchObject(notAllowed('taskledger_operator'));
  await expect(ledger.list()).rejects.toMatchObject(notAllowed('taskledger_auditor'));
  expect(await differencesFromLog(t)).toEqual([]);
});
