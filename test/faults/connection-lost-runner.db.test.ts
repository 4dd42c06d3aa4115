import { appendFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { defineTask, type Handler } from '../../src/index.ts';
import type { TaskEvent } from '../../src/events/event.ts';
import { differencesFromLog, typesOf } from '../support/ledger.ts';
import { effectsFile } from '../support/runner-process.ts';
import { proxiedLedger } from '../support/through-proxy.ts';

const task = defineTask({ name: 'some.task' });
const ttlMs = 1500;

/** A handler whose effect is counted outside the ledger. */
const writesTo = (file: string, output: unknown = 'done'): Handler =>
  task.handle(({ attempt }) => {
    appendFileSync(file, `did ${attempt}\n`);
    return output;
  });

const attemptsIn = (history: readonly TaskEvent[]): number =>
  history.filter(({ type }) => type === 'task.leased').length;

test.each(['loseRequest', 'loseAnswer'] as const)(
  'an outcome on a connection that is cut (%s) is sent again and recorded once (guarantee 2)',
  async (what) => {
    const { direct, proxy, through, runThrough } = await proxiedLedger();
    const effects = await effectsFile();
    const { id } = await direct.ledger.submit('some.task', 1);
    const marker = 'the output that gets lost';
    const lost = proxy[what](marker);
    const refused: string[] = [];
    through.signals.subscribe(({ name }) => name === 'attempt.refused' && refused.push(name));
    const settled = through.signals.next('settle.recorded');
    await runThrough([writesTo(effects.file, marker)]);
    await lost;
    expect(await settled).toMatchObject({ outcomes: 1, refused: 0 });
    expect(typesOf(await direct.ledger.history(id))).toEqual(['submitted', 'leased', 'completed']);
    expect(await effects.lines()).toEqual(['did 1']);
    expect(refused).toEqual([]);
    expect(await differencesFromLog(direct)).toEqual([]);
  },
);

test.each(['loseRequest', 'loseAnswer'] as const)(
  'a claim on a connection that is cut (%s) leaves a task that runs once, after its lease at the latest',
  async (what) => {
    const { direct, proxy, runThrough } = await proxiedLedger();
    const effects = await effectsFile();
    const { id } = await direct.ledger.submit('some.task', 1);
    const lost = proxy[what]('taskledger.claim');
    await runThrough([writesTo(effects.file)], { leaseTtlMs: ttlMs });
    await lost;
    expect(await direct.ledger.result(id, { timeoutMs: 10_000 })).toBe('done');
    expect(await effects.lines()).toHaveLength(1);
    expect(await differencesFromLog(direct)).toEqual([]);
  },
);

test('a renewal whose connection is cut is sent again in time: the attempt keeps its lease', async () => {
  const { direct, proxy, through, runThrough } = await proxiedLedger();
  const effects = await effectsFile();
  const slow = task.handle(async ({ signal }) => {
    void proxy.loseRequest('taskledger.renew');
    const lost = proxy.loseAnswer('taskledger.renew');
    await through.signals.next('connection.lost', ({ purpose }) => purpose === 'lease keeping');
    await lost;
    await through.signals.next('claim.renewed');
    appendFileSync(effects.file, signal.aborted ? 'told to stop\n' : 'did\n');
  });
  const { id } = await direct.ledger.submit('some.task', 1);
  await runThrough([slow], { leaseTtlMs: 6000 });
  await direct.ledger.result(id, { timeoutMs: 15_000 });
  expect(await effects.lines()).toEqual(['did']);
  expect(typesOf(await direct.ledger.history(id))).toEqual(['submitted', 'leased', 'completed']);
  expect(await differencesFromLog(direct)).toEqual([]);
});

test('progress on a connection that is cut harms no attempt', async () => {
  const { direct, proxy, through, runThrough } = await proxiedLedger();
  const failed = through.signals.next('service.failed', ({ service }) => service === 'progress');
  const reporting = task.handle(async ({ progress }) => {
    const lost = proxy.loseAnswer('report_progress');
    await progress({ checkpoint: { page: 7 } });
    await lost;
    await progress({ fraction: 0.5, checkpoint: { page: 8 } });
    return 'done';
  });
  const { id } = await direct.ledger.submit('some.task', 1);
  await runThrough([reporting]);
  expect(await direct.ledger.result(id, { timeoutMs: 10_000 })).toBe('done');
  await failed;
  expect(attemptsIn(await direct.ledger.history(id))).toBe(1);
  expect(await differencesFromLog(direct)).toEqual([]);
});

test('a runner whose every connection is reset again and again completes everything, each task once', async () => {
  const { direct, proxy, through, runThrough } = await proxiedLedger();
  const effects = await effectsFile();
  const items = Array.from({ length: 200 }, (_, n) => ({ input: n }));
  await direct.ledger.submitMany('some.task', items);
  const slow = task.handle(async ({ input, attempt }) => {
    await new Promise((resolve) => setImmediate(resolve));
    appendFileSync(effects.file, `${String(input)} did ${attempt}\n`);
  });
  await runThrough([slow], { leaseTtlMs: 3000, maxBatch: 10 });
  for (let cuts = 0; cuts < 5; cuts += 1) {
    await through.signals.next('settle.recorded');
    proxy.reset();
  }
  await expect
    .poll(() => direct.ledger.list({ state: 'completed', limit: 300 }), { timeout: 20_000 })
    .toHaveLength(200);
  const lines = await effects.lines();
  const seen = new Set(lines.map((line) => line.split(' ')[0]));
  expect(seen.size).toBe(200);
  // Guarantee 3: whatever ran twice did so after a lost lease, as a second attempt.
  expect(lines.filter((line) => line.endsWith('did 1'))).toHaveLength(
    new Set(lines.filter((line) => line.endsWith('did 1'))).size,
  );
  expect(await differencesFromLog(direct)).toEqual([]);
});
