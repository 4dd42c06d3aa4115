import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { verifyLog } from '../../src/audit/verify.ts';
import { systemClock } from '../../src/clock.ts';
import { addSiteKey } from '../../src/events/blocks/known-key.ts';
import { Sealer } from '../../src/events/blocks/sealer.ts';
import { temporarySiteKey } from '../../src/events/blocks/site-key.ts';
import type { Codec } from '../../src/events/codec.ts';
import { defineTask } from '../../src/ledger/define-task.ts';
import { openLedger, type Ledger } from '../../src/open-ledger.ts';
import { ProjectionLoop } from '../../src/projections/projection-loop.ts';
import { projections } from '../../src/projections/projections.ts';
import { createSignals } from '../../src/signals.ts';
import { differencesFromLog, testLedger, type TestLedger } from '../support/ledger.ts';

interface Example {
  readonly schema: string;
  subjectCodec(db: unknown): Codec;
  destroyKey(db: unknown, subject: string): Promise<void>;
}

const secret = 'NL91ABNA0417164300';
const input = { customerId: 'c-77', iban: secret };
const task = defineTask({
  name: 'statements.render',
  input: z.object({ customerId: z.string(), iban: z.string() }),
  retry: { attempts: 2, backoff: { kind: 'fixed', delay: 0 } },
});

async function encrypted(): Promise<TestLedger & { example: Example; codec: Codec; coded: Ledger }> {
  const t = await testLedger();
  const file = new URL('../../examples/encrypted-payloads/subject-codec.mjs', import.meta.url);
  const example = (await import(file.href)) as Example;
  await t.pool.query(example.schema);
  const codec = example.subjectCodec(t.pool);
  const coded = await openLedger({ connectionString: t.url, codec });
  onTestFinished(() => coded.close());
  return { ...t, example, codec, coded };
}

async function everythingStored({ pool }: TestLedger): Promise<string> {
  const { rows } = await pool.query<{ all: string }>(`
    select (select string_agg(e::text, '') from taskledger.events e) || (select coalesce(string_agg(o::text, ''), '') from taskledger.open_tasks o)
        || (select coalesce(string_agg(p::text, ''), '') from taskledger.projected_tasks p) as all`);
  return rows[0]?.all ?? '';
}

test('handlers, results and histories see payloads; the log sees none of them; a destroyed key forgets, and every proof holds', async () => {
  const t = await encrypted();
  const seen: unknown[] = [];
  const runner = t.coded.runner({
    pollMs: 50,
    drainMs: 1000,
    handlers: [
      task.handle(async ({ input: given, attempt, checkpoint, progress }) => {
        seen.push([given, checkpoint]);
        if (attempt === 1) {
          await progress({ checkpoint: { half: given.iban } });
          throw new Error(`cannot reach ${given.iban}`);
        }
        return { sent: given.iban };
      }),
    ],
  });
  onTestFinished(() => runner.stop(0));
  const { id } = await t.coded.submit(task, input, { key: 'november' });
  await runner.start();
  expect(await t.coded.result(id)).toEqual({ sent: secret });
  await runner.stop();
  expect(seen).toEqual([
    [input, undefined],
    [input, { half: secret }],
  ]);
  expect(await t.coded.get(id)).toMatchObject({ input, output: { sent: secret }, checkpoint: { half: secret } });
  const failure = async (): Promise<unknown> =>
    (await t.coded.history(id)).find((event) => event.type === 'task.attempt_failed')?.data.error;
  expect(await failure()).toMatchObject({
    code: 'HANDLER_ERROR',
    name: 'Error',
    message: `cannot reach ${secret}`,
    stack: expect.any(String),
  });

  const key = temporarySiteKey();
  await addSiteKey(t.pool, key);
  const around = { connectionString: t.url, clock: systemClock, signals: createSignals() };
  await using sealer = new Sealer({ ...around, key });
  await sealer.runOnce();
  for (const projection of projections) {
    await using loop = new ProjectionLoop({ ...around, projection });
    while ((await loop.runOnce()) > 0);
  }
  expect(await everythingStored(t)).not.toContain(secret);

  await t.example.destroyKey(t.pool, 'c-77');
  expect(await t.coded.get(id)).toMatchObject({
    state: 'completed',
    input: { erased: true },
    output: { erased: true },
    checkpoint: { erased: true },
  });
  expect(await failure()).toMatchObject({ code: 'HANDLER_ERROR', message: 'erased' });
  for await (const { event } of t.coded.follow())
    if (event.type === 'task.completed') {
      expect(event.data.output).toEqual({ erased: true });
      break;
    }
  expect((await verifyLog(t.pool)).findings).toEqual([]);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('the same key and input again is the first task, although the stored input is encrypted; another input is refused', async () => {
  const t = await encrypted();
  const first = await t.coded.submit(task, input, { key: 'november' });
  expect(await t.coded.submit(task, input, { key: 'november' })).toMatchObject({ id: first.id, created: false });
  expect(await t.coded.submitMany(task, [{ input, key: 'november' }])).toMatchObject([
    { id: first.id, created: false },
  ]);
  const other = t.coded.submit(task, { ...input, iban: 'other' }, { key: 'november' });
  await expect(other).rejects.toMatchObject({ code: 'TASKLEDGER_KEY_CONFLICT' });
});

test('a task of a forgotten customer fails with what was found, without another attempt, and nothing new is recorded for them', async () => {
  const t = await encrypted();
  const { id } = await t.coded.submit(task, input);
  await t.example.destroyKey(t.pool, 'c-77');
  await expect(t.coded.submit(task, input)).rejects.toThrow(/destroyed/);
  const runner = t.coded.runner({ pollMs: 50, handlers: [task.handle(() => 'never')] });
  onTestFinished(() => runner.stop(0));
  await runner.start();
  await expect.poll(async () => (await t.coded.get(id)).state, { timeout: 15_000 }).toBe('failed');
  expect(await t.coded.get(id)).toMatchObject({ attempt: 1, error: { code: 'INVALID_INPUT' } });
});

test('a codec that fails for a while fails attempts, not the runner, and the next attempt finds it well again', async () => {
  const t = await encrypted();
  let failures = 1;
  const flaky: Codec = {
    encode: (value, about) => t.codec.encode(value, about),
    decode: (stored, about) => {
      if (about.what === 'input' && failures-- > 0) throw new Error('the key service is away');
      return t.codec.decode(stored, about);
    },
  };
  const ledger = await openLedger({ connectionString: t.url, codec: flaky });
  onTestFinished(() => ledger.close());
  const { id } = await t.coded.submit(task, input);
  const runner = ledger.runner({ pollMs: 50, handlers: [task.handle(({ input: given }) => given.iban)] });
  onTestFinished(() => runner.stop(0));
  await runner.start();
  expect(await t.coded.result(id, { timeoutMs: 15_000 })).toBe(secret);
  expect((await t.coded.get(id)).attempt).toBe(2);
});
