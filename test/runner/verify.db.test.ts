import { appendFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineTask, type Handler, type VerifyFunction } from '../../src/index.ts';
import type { SignalMap } from '../../src/signals.ts';
import { claimSome, expireLeases } from '../support/leases.ts';
import { differencesFromLog, testLedger, typesOf, type TestLedger } from '../support/ledger.ts';
import { effectsFile, spawnRunner } from '../support/runner-process.ts';

const input = z.object({ amount: z.number() });
const output = z.object({ reference: z.string() });
type Verify = VerifyFunction<z.infer<typeof input>, z.infer<typeof output>>;

/** A payment whose handler is never to run: whoever calls it pays a second time. */
function payment(verify: Verify, run = (): { reference: string } => ({ reference: 'paid again' })): Handler {
  return defineTask({ name: 'some.task', input, output, protected: true, verify }).handle(run);
}

async function inDoubt(t: TestLedger, amount = 5): Promise<string> {
  const { id } = await t.ledger.submit('some.task', { amount }, { protected: true });
  await claimSome(t.pool, 1);
  await expireLeases(t);
  await t.ledger.sweep();
  return id;
}

const answered = ({ ledger }: TestLedger, id: string): Promise<SignalMap['verify.ended']> =>
  ledger.signals.next('verify.ended', ({ taskId }) => taskId === id);

test('a runner asks the verify handler about a task in doubt, and records what it says, with the output checked', async () => {
  const t = await testLedger();
  const id = await inDoubt(t);
  const asked: unknown[] = [];
  const end = answered(t, id);
  const handler = payment(({ signal, ...context }) => {
    asked.push(context, signal.aborted);
    return { outcome: 'completed', output: { reference: 'b7' } };
  });
  await t.run([handler], { name: 'r1' });
  expect(await end).toMatchObject({ answer: 'completed', state: 'completed' });
  expect(asked).toEqual([{ taskId: id, name: 'some.task', input: { amount: 5 }, attempt: 1 }, false]);
  expect(await t.ledger.result(id)).toEqual({ reference: 'b7' });
  const history = await t.ledger.history(id);
  expect(typesOf(history)).toEqual(['submitted', 'leased', 'lease_expired', 'resolved']);
  expect(history.at(-1)).toMatchObject({ data: { by: 'verify', runner: 'r1' } });
  expect(await differencesFromLog(t)).toEqual([]);
});

test('what was not executed runs again', async () => {
  const t = await testLedger();
  const id = await inDoubt(t);
  const handler = payment(
    () => ({ outcome: 'not_executed' }),
    () => ({ reference: 'paid once' }),
  );
  const end = answered(t, id);
  await t.run([handler]);
  expect(await end).toMatchObject({ answer: 'not_executed', state: 'pending' });
  expect(await t.ledger.result(id, { timeoutMs: 15_000 })).toEqual({ reference: 'paid once' });
  expect(typesOf(await t.ledger.history(id)).slice(3)).toEqual(['resolved', 'leased', 'completed']);
  expect(await differencesFromLog(t)).toEqual([]);
});

const throws: Verify = () => {
  throw new Error('the bank is away');
};
const never: Verify = () => new Promise(() => undefined);
const anything =
  (value: unknown): Verify =>
  () =>
    value as ReturnType<Verify>;

test.each([
  ['says so', anything({ outcome: 'unknown', reason: 'no trace yet' }), 'no trace yet'],
  ['throws', throws, 'the bank is away'],
  ['does not answer in time', never, 'did not answer within 200 ms'],
  ['answers nothing', anything(undefined), 'neither completed'],
  [
    'answers with an output that does not fit',
    anything({ outcome: 'completed', output: { reference: 7 } }),
    'reference',
  ],
  [
    'answers with an output that cannot be stored',
    anything({ outcome: 'completed', output: 7n }),
    'the output of some.task',
  ],
])('a verify handler that %s leaves the task in doubt, to be asked again', async (_, verify, reason) => {
  const t = await testLedger();
  const id = await inDoubt(t);
  const end = answered(t, id);
  await t.run([payment(verify)], { verifyTimeoutMs: 200 });
  expect(await end).toMatchObject({ answer: 'unknown', state: 'in_doubt' });
  const { rows } = await t.pool.query<{ last_reason: string }>('select last_reason from taskledger.doubts');
  expect(rows).toEqual([{ last_reason: expect.stringContaining(reason) }]);
  const again = answered(t, id);
  await t.pool.query(`update taskledger.doubts set ask_at = clock_timestamp() - interval '1 second'`);
  expect(await again).toMatchObject({ answer: 'unknown' });
  expect(typesOf(await t.ledger.history(id))).toEqual(['submitted', 'leased', 'lease_expired']);
});

test('two runners race for many doubts: each is asked about once, and none at the same time', async () => {
  const t = await testLedger();
  const ids: string[] = [];
  for (let i = 0; i < 15; i += 1) ids.push(await inDoubt(t, i));
  const asked: string[] = [];
  const handler = payment(({ taskId }) => {
    asked.push(taskId);
    return { outcome: 'completed', output: { reference: 'b' } };
  });
  const ends = ids.map((id) => answered(t, id));
  await Promise.all([t.run([handler], { name: 'r1' }), t.run([handler], { name: 'r2' })]);
  await Promise.all(ends);
  expect(asked.toSorted()).toEqual(ids.toSorted());
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a person resolves while the handler is being asked: what it answers then is refused', async () => {
  const t = await testLedger();
  const id = await inDoubt(t);
  const begun = t.ledger.signals.next('verify.started');
  let answer: (value: Awaited<ReturnType<Verify>>) => void = () => undefined;
  const end = answered(t, id);
  await t.run([payment(() => new Promise((resolve) => (answer = resolve)))]);
  await begun;
  expect(await t.ledger.resolve(id, { outcome: 'failed' })).toBe('failed');
  answer({ outcome: 'completed', output: { reference: 'late' } });
  expect(await end).toMatchObject({ answer: 'completed', state: 'refused' });
  expect(await t.ledger.get(id)).toMatchObject({ state: 'failed', output: undefined });
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a runner that stops tells the handler, and gives the doubt back to the next one', async () => {
  const t = await testLedger();
  const id = await inDoubt(t);
  const begun = t.ledger.signals.next('verify.started');
  const told: unknown[] = [];
  const first = await t.run([
    payment(({ signal }) => {
      signal.addEventListener('abort', () => told.push('stop'));
      return new Promise(() => undefined);
    }),
  ]);
  await begun;
  const given = answered(t, id);
  await first.stop(0);
  expect(await given).toMatchObject({ answer: 'released', state: 'in_doubt' });
  expect(told).toEqual(['stop']);
  const end = answered(t, id);
  await t.run([payment(() => ({ outcome: 'completed', output: { reference: 'b7' } }))]);
  expect(await end).toMatchObject({ state: 'completed' });
});

test('a runner killed in the middle of a verify handler: its take runs out, and the next runner ends the doubt', async () => {
  const t = await testLedger();
  const effects = await effectsFile();
  const id = await inDoubt(t);
  const first = spawnRunner({
    url: t.url,
    name: 'first',
    effects: effects.file,
    handler: `effect('paid');`,
    verify: `effect('asked'); tell('asked'); await goAhead();`,
  });
  await first.tells('asked');
  first.child.kill('SIGKILL');
  await first.exited;
  const handler = payment(() => {
    appendFileSync(effects.file, 'second asked\n');
    return { outcome: 'completed', output: { reference: 'b7' } };
  });
  const second = await t.run([handler], { name: 'second' });
  const looked = t.ledger.signals.next('sweep.done');
  await looked;
  expect(await effects.lines()).toEqual(['first asked']);
  // As if the TTL of the take were over: 35 s.
  const end = answered(t, id);
  await t.pool.query(`update taskledger.doubts set ask_at = clock_timestamp() - interval '1 second'`);
  expect(await end).toMatchObject({ state: 'completed' });
  expect(await effects.lines()).toEqual(['first asked', 'second asked']);
  expect((await t.ledger.history(id)).at(-1)).toMatchObject({ data: { runner: second.name } });
  expect(await differencesFromLog(t)).toEqual([]);
});

test('verify without protected: true is refused where the task is defined', () => {
  expect(() => defineTask({ name: 'some.task', verify: () => ({ outcome: 'unknown' }) })).toThrow(
    expect.objectContaining({ code: 'TASKLEDGER_INVALID_OPTION' }),
  );
});
