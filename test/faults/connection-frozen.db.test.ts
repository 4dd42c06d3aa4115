import { appendFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { defineTask, type Handler } from '../../src/index.ts';
import { differencesFromLog, typesOf, type TestLedger } from '../support/ledger.ts';
import { waitsForLock } from '../support/leases.ts';
import { effectsFile } from '../support/runner-process.ts';
import { proxiedLedger } from '../support/through-proxy.ts';

const task = defineTask({ name: 'some.task' });
const ttlMs = 1500;

const writesTo = (file: string, text: string): Handler =>
  task.handle(() => {
    appendFileSync(file, `${text}\n`);
    return text;
  });

async function isLeased({ pool }: TestLedger): Promise<boolean> {
  const { rows } = await pool.query("select from taskledger.open_tasks where state = 'leased'");
  return rows.length > 0;
}

test('I2: an attempt on a frozen link is stopped by its runner’s own clock before anybody else can begin', async () => {
  const { direct, proxy, through, runThrough } = await proxiedLedger();
  const effects = await effectsFile();
  const stuck = task.handle(async ({ signal }) => {
    proxy.freeze();
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    appendFileSync(effects.file, 'first stopped\n');
  });
  const { id } = await direct.ledger.submit('some.task', 1);
  const lost = through.signals.next('claim.lost');
  await runThrough([stuck], { leaseTtlMs: ttlMs });
  await through.signals.next('attempt.started');
  await direct.run([writesTo(effects.file, 'second')], { leaseTtlMs: ttlMs });
  expect(await direct.ledger.result(id, { timeoutMs: 10_000 })).toBe('second');
  expect(await lost).toMatchObject({ tasks: 1 });
  expect(await effects.lines()).toEqual(['first stopped', 'second']);
  const types = typesOf(await direct.ledger.history(id));
  expect(types).toEqual(['submitted', 'leased', 'lease_expired', 'leased', 'completed']);
  expect(await differencesFromLog(direct)).toEqual([]);
});

test('I2: a claim whose answer comes after its lease is over begins nothing', async () => {
  const { direct, proxy, through, runThrough } = await proxiedLedger();
  const effects = await effectsFile();
  const started: string[] = [];
  through.signals.subscribe(({ name }) => name === 'attempt.started' && started.push(name));
  const { id } = await direct.ledger.submit('some.task', 1);
  // The claim is on the server and waits there while the way back freezes; then it is granted, and the runner is not told.
  const blocker = await direct.pool.connect();
  await blocker.query('begin; lock table taskledger.events in share row exclusive mode');
  await runThrough([writesTo(effects.file, 'first')], { leaseTtlMs: ttlMs });
  await waitsForLock(direct, 'taskledger.claim');
  proxy.freeze('to client');
  await blocker.query('commit');
  blocker.release();
  await expect.poll(() => isLeased(direct), { timeout: 5000 }).toBe(true);
  await direct.run([writesTo(effects.file, 'second')], { leaseTtlMs: ttlMs });
  expect(await direct.ledger.result(id, { timeoutMs: 10_000 })).toBe('second');
  const heard = through.signals.next('claim.granted');
  proxy.mend();
  await heard;
  expect(started).toEqual([]);
  expect(await effects.lines()).toEqual(['second']);
  expect(await differencesFromLog(direct)).toEqual([]);
});

test('links that died without a word are given up: leases are kept and tasks are claimed again', async () => {
  const { direct, proxy, through, runThrough } = await proxiedLedger();
  const effects = await effectsFile();
  const holdsOn = task.handle(async ({ input, signal }) => {
    if (input === 'long') {
      // Leases are renewed over a new connection before they end, although the old one says nothing.
      await through.signals.next('claim.renewed');
      proxy.strand();
      await through.signals.next('connection.lost', ({ purpose }) => purpose === 'lease keeping');
      await through.signals.next('claim.renewed');
    }
    appendFileSync(effects.file, `${String(input)}${signal.aborted ? ' told to stop' : ''}\n`);
  });
  const long = await direct.ledger.submit('some.task', 'long');
  const stranded = through.signals.next('connection.lost');
  await runThrough([holdsOn], { leaseTtlMs: 6000 });
  await stranded;
  const after = await direct.ledger.submit('some.task', 'after');
  await direct.ledger.result(long.id, { timeoutMs: 25_000 });
  await direct.ledger.result(after.id, { timeoutMs: 25_000 });
  expect((await effects.lines()).sort()).toEqual(['after', 'long']);
  expect(typesOf(await direct.ledger.history(long.id))).toEqual(['submitted', 'leased', 'completed']);
  expect(await differencesFromLog(direct)).toEqual([]);
}, 60_000);

test('a slow link delays and loses nothing', async () => {
  const { direct, proxy, runThrough } = await proxiedLedger();
  const effects = await effectsFile();
  proxy.delay(100);
  await runThrough([writesTo(effects.file, 'slowly')], { leaseTtlMs: 10_000 });
  const tasks = await direct.ledger.submitMany(
    'some.task',
    Array.from({ length: 20 }, (_, n) => ({ input: n })),
  );
  for (const { id } of tasks) await direct.ledger.result(id, { timeoutMs: 20_000 });
  expect(await effects.lines()).toHaveLength(20);
  expect(await differencesFromLog(direct)).toEqual([]);
});
