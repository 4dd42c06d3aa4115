import { appendFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { defineTask, type Handler } from '../../src/index.ts';
import { differencesFromLog, testLedger, typesOf, type TestLedger } from '../support/ledger.ts';
import { effectsFile, spawnRunner } from '../support/runner-process.ts';

/** A machine that is busy stands still for a second: both must be able to keep what they hold. */
const ttlMs = 2000;
/** Guarantee: leased again within TTL + 2 s. */
const againWithinMs = ttlMs + 2000;
const task = defineTask({ name: 'some.task' });

/** The handler of the second runner, in this process. */
const second = (file: string): Handler =>
  task.handle(({ attempt }) => {
    appendFileSync(file, `second did ${attempt}\n`);
    return 'by the second';
  });

/** A sweep and a look for work that find nothing, from now on. */
async function idleRound({ ledger: { signals } }: TestLedger): Promise<void> {
  await Promise.all([signals.next('sweep.done'), signals.next('claim.granted', ({ tasks }) => tasks === 0)]);
}

test('a task whose runner was killed in the middle is leased again within TTL + 2 s', async () => {
  const t = await testLedger();
  const effects = await effectsFile();
  const handler = `effect('began ' + attempt); tell('began'); await goAhead(); effect('did ' + attempt);`;
  const first = spawnRunner({ url: t.url, name: 'first', effects: effects.file, handler, ttlMs });
  await first.tells('runner.started');
  const { id } = await t.ledger.submit('some.task', 1);
  await first.tells('began');
  await t.run([second(effects.file)], { name: 'second', leaseTtlMs: ttlMs });
  const again = t.ledger.signals.next('attempt.started');
  const killedAt = performance.now();
  first.child.kill('SIGKILL');
  await again;
  expect(performance.now() - killedAt).toBeLessThan(againWithinMs);
  expect(await t.ledger.result(id, { timeoutMs: 5000 })).toBe('by the second');
  expect(await effects.lines()).toEqual(['first began 1', 'second did 2']);
  const history = await t.ledger.history(id);
  expect(typesOf(history)).toEqual(['submitted', 'leased', 'lease_expired', 'leased', 'completed']);
  expect(history[2]).toMatchObject({ data: { runner: 'first', attempt: 1, next: 'pending' } });
  expect(await t.ledger.get(id)).toMatchObject({ state: 'completed', attempt: 2 });
  expect(await differencesFromLog(t)).toEqual([]);
});

test('I2: a runner that stood still past its lease comes back, and its late result is refused', async () => {
  const t = await testLedger();
  const effects = await effectsFile();
  const handler = `tell('began'); await goAhead(); effect('did ' + attempt); return 'too late';`;
  const first = spawnRunner({ url: t.url, name: 'first', effects: effects.file, handler, ttlMs });
  await first.tells('runner.started');
  const { id } = await t.ledger.submit('some.task', 1);
  await first.tells('began');
  first.child.kill('SIGSTOP');
  const runner = await t.run([second(effects.file)], { name: 'second', leaseTtlMs: ttlMs });
  expect(await t.ledger.result(id, { timeoutMs: againWithinMs + 2000 })).toBe('by the second');
  await runner.stop();
  first.child.kill('SIGCONT');
  first.goAhead();
  expect(await first.tells('attempt.refused')).toMatchObject({ data: { taskId: id, reason: 'refused' } });
  expect(first.told.some(({ name }) => name === 'claim.lost')).toBe(true);
  const history = await t.ledger.history(id);
  expect(typesOf(history)).toEqual(['submitted', 'leased', 'lease_expired', 'leased', 'completed', 'result_refused']);
  const tokens = history.filter(({ type }) => type === 'task.leased').map(({ epoch, version }) => [epoch, version]);
  expect(tokens).toEqual([
    [1, 2],
    [1, 4],
  ]);
  expect(history[5]).toMatchObject({ data: { lease: [1, 2], outcome: 'completed', output: 'too late' } });
  expect(await t.ledger.get(id)).toMatchObject({ output: 'by the second', refused_results: 1, attempt: 2 });
  expect(await effects.lines()).toEqual(['second did 2', 'first did 1']);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a protected task whose runner was killed is in doubt, never started again, and resolved once', async () => {
  const t = await testLedger();
  const effects = await effectsFile();
  const handler = `effect('paid ' + attempt); tell('began'); await goAhead();`;
  const first = spawnRunner({ url: t.url, name: 'first', effects: effects.file, handler, ttlMs });
  await first.tells('runner.started');
  const { id } = await t.ledger.submit('some.task', 1, { protected: true });
  await first.tells('began');
  await t.run([second(effects.file)], { name: 'second', leaseTtlMs: ttlMs });
  const expired = t.ledger.signals.next('sweep.done', (swept) => swept.expired === 1);
  first.child.kill('SIGKILL');
  await expired;
  await idleRound(t);
  expect(await t.ledger.get(id)).toMatchObject({ state: 'in_doubt', attempt: 1 });
  expect(await t.ledger.resolve(id, { outcome: 'completed', output: 'seen at the bank' })).toBe('completed');
  await expect(t.ledger.resolve(id, { outcome: 'rerun' })).rejects.toMatchObject({ code: 'TASKLEDGER_WRONG_STATE' });
  await idleRound(t);
  expect(await effects.lines()).toEqual(['first paid 1']);
  expect(typesOf(await t.ledger.history(id))).toEqual(['submitted', 'leased', 'lease_expired', 'resolved']);
  expect(await t.ledger.result(id)).toBe('seen at the bank');
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a handler that blocks the event loop for longer than the TTL keeps its lease, and is told of no loss', async () => {
  const t = await testLedger();
  const effects = await effectsFile();
  const handler = `
    const renewed = ledger.signals.next('claim.renewed');
    blockFor(2500);
    await renewed;
    effect('did ' + attempt + (signal.aborted ? ', told to stop' : ''));
    return 'by the first';`;
  const first = spawnRunner({ url: t.url, name: 'first', effects: effects.file, handler, ttlMs });
  await first.tells('runner.started');
  const { id } = await t.ledger.submit('some.task', 1);
  await first.tells('claim.granted');
  await first.tells('attempt.started');
  // Sweeps, and would take the task at once if its lease were lost.
  await t.run([second(effects.file)], { name: 'second', leaseTtlMs: ttlMs });
  expect(await t.ledger.result(id, { timeoutMs: 8000 })).toBe('by the first');
  expect(await effects.lines()).toEqual(['first did 1']);
  expect(first.told.filter(({ name }) => name === 'claim.lost')).toEqual([]);
  expect(typesOf(await t.ledger.history(id))).toEqual(['submitted', 'leased', 'completed']);
  expect(await differencesFromLog(t)).toEqual([]);
});
