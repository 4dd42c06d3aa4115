import { appendFileSync } from 'node:fs';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { defineTask, openLedger, type Handler } from '../../src/index.ts';
import { differencesFromLog, testLedger, type TestLedger } from '../support/ledger.ts';
import { ledgerOnOwnServer } from '../support/own-server.ts';
import { effectsFile } from '../support/runner-process.ts';
import { scaled } from '../support/scale.ts';

const task = defineTask({ name: 'some.task' });
const inputs = (count: number): { input: number }[] => Array.from({ length: count }, (_, n) => ({ input: n }));

const writesTo = (file: string): Handler =>
  task.handle(async ({ taskId, attempt }) => {
    await new Promise((resolve) => setImmediate(resolve));
    appendFileSync(file, `${taskId} did ${attempt}\n`);
  });

test('200 idle connections slow nobody down; one connection too many is told as such, and the runner goes on', async () => {
  const own = await ledgerOnOwnServer();
  const effects = await effectsFile();
  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: own.url });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  const idle = await Promise.all(Array.from({ length: 200 }, connect));
  onTestFinished(() => Promise.all(idle.map((client) => client.end())).then(() => undefined));
  await own.run([writesTo(effects.file)]);
  await own.ledger.submitMany('some.task', inputs(200));
  await expect.poll(() => own.ledger.list({ state: 'completed', limit: 300 }), { timeout: 15_000 }).toHaveLength(200);
  const more = await Promise.allSettled(Array.from({ length: 60 }, connect));
  expect(more.some((one) => one.status === 'rejected')).toBe(true);
  await expect(openLedger({ connectionString: own.url })).rejects.toMatchObject({ code: 'TASKLEDGER_UNREACHABLE' });
  const { id } = await own.ledger.submit('some.task', 'in the crowd');
  await own.ledger.result(id, { timeoutMs: 15_000 });
  for (const one of more) if (one.status === 'fulfilled') await one.value.end();
  expect(await effects.lines()).toHaveLength(201);
  expect(await differencesFromLog(own)).toEqual([]);
}, 60_000);

/** Milliseconds a claim took in the middle of the crowd, of those that brought tasks. */
async function medianClaimMs(t: TestLedger, tasks: number): Promise<number> {
  const durations: number[] = [];
  const forget = t.ledger.signals.subscribe(({ name, data }) => {
    if (name === 'claim.granted' && data.tasks > 0) durations.push(data.durationMs);
  });
  await t.ledger.submitMany('some.task', inputs(tasks));
  await t.settled();
  forget();
  return durations.sort((a, b) => a - b)[Math.floor(durations.length / 2)]!;
}

test('a transaction left open keeps the dead rows, and claims do not collapse for it', async () => {
  const t = await testLedger();
  const effects = await effectsFile();
  await t.run([writesTo(effects.file)], { maxBatch: 50 });
  const rounds = scaled(4);
  const before = await medianClaimMs(t, 500);
  const idle = new pg.Client({ connectionString: t.url });
  await idle.connect();
  onTestFinished(() => idle.end());
  await idle.query('begin isolation level repeatable read; select pg_current_xact_id()');
  let last = 0;
  for (let round = 0; round < rounds; round += 1) last = await medianClaimMs(t, 500);
  const { rows } = await idle.query<{ state: string }>(
    `select state from pg_stat_activity where pid = pg_backend_pid()`,
  );
  expect(rows).toHaveLength(1);
  // Generous: a claim that walks over every dead row again takes hundreds of milliseconds here.
  expect(last).toBeLessThan(before * 10 + 100);
  expect(await effects.lines()).toHaveLength(500 * (rounds + 1));
  expect(await differencesFromLog(t)).toEqual([]);
}, 60_000);

test('aborts in a crowd that is being claimed: each task ends once, and what was aborted before it began never runs', async () => {
  const t = await testLedger();
  const effects = await effectsFile();
  const count = scaled(600);
  const tasks = await t.ledger.submitMany('some.task', inputs(count));
  await t.run([writesTo(effects.file)], { maxBatch: 20 });
  const aborting = Array.from({ length: 4 }, async (_, lane) => {
    for (const { id } of tasks.filter((_task, i) => i % 4 === lane).reverse())
      await t.ledger.abort(id, { reason: 'called off' });
  });
  await Promise.all(aborting);
  await t.settled();
  const { rows } = await t.pool.query<{ task_id: string; type: string; leased: boolean }>(
    `select e.task_id, e.type, exists (select from taskledger.events l where l.task_id = e.task_id and l.type = 'task.leased') as leased
       from taskledger.events e where e.type in ('task.completed', 'task.aborted', 'task.failed')`,
  );
  expect(rows).toHaveLength(count);
  expect(new Set(rows.map((row) => row.task_id)).size).toBe(count);
  expect(rows.filter(({ type }) => type === 'task.failed')).toEqual([]);
  const ran = new Set((await effects.lines()).map((line) => line.split(' ')[0]));
  expect(rows.filter((row) => !row.leased && ran.has(row.task_id))).toEqual([]);
  expect(rows.filter((row) => row.type === 'task.completed' && !ran.has(row.task_id))).toEqual([]);
  expect(await differencesFromLog(t)).toEqual([]);
}, 60_000);
