import { expect, test } from 'vitest';
import { claimSome, eventCount, outcomeOf, settleAll, settleThese } from '../support/leases.ts';
import { differencesFromLog, testLedger } from '../support/ledger.ts';

// What SQL lets through without us: runners and submitters in other languages.

const MiB = 1024 * 1024;
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
const unstorable = [
  ['larger than 1 MiB', `"${'x'.repeat(MiB)}"`, 'TL004'],
  ['nested 65 deep', nested(65), 'TL004'],
  ['holding NUL', String.raw`"\u0000"`, 'TL001'],
] as const;
const storable = [`"${'x'.repeat(MiB - 2)}"`, nested(64), String.raw`"\u00e9"`, '{"a":[{},{}]}'];

test.each(unstorable)('an output %s is refused, and the lease stays in force', async (_, output, code) => {
  const t = await testLedger();
  const [first] = await t.ledger.submitMany('some.task', [{ input: 1 }, { input: 2 }]);
  const claim = await claimSome(t.pool, 2);
  const outcomes = claim.leases.map((lease, i) => outcomeOf(lease, 'completed', i === 0 ? {} : { detailJson: output }));
  await expect(settleThese(t.pool, [claim], outcomes)).rejects.toMatchObject({ code });
  expect(await t.ledger.get(first!.id)).toMatchObject({ state: 'leased' });
  expect(await differencesFromLog(t)).toEqual([]);
});

test.each(unstorable)('a checkpoint %s is refused', async (_, checkpoint, code) => {
  const t = await testLedger();
  await t.ledger.submit('some.task', 1);
  const { claimId, secret, leases } = await claimSome(t.pool, 1);
  const values = [claimId, secret, leases[0]!.taskId, checkpoint];
  const saving = t.pool.query('select taskledger.report_progress($1, $2, $3, checkpoint => $4)', values);
  await expect(saving).rejects.toMatchObject({ code });
});

test('outputs at the limits are taken as they are', async () => {
  const t = await testLedger();
  for (const output of storable) {
    const { id } = await t.ledger.submit('some.task', 1);
    expect(await settleAll(t.pool, await claimSome(t.pool, 1), 'completed', { detailJson: output })).toEqual([]);
    expect(await t.ledger.result(id)).toEqual(JSON.parse(output));
  }
});

test.each([
  ['submit', `select * from taskledger.submit('some.task', '1', json_build_object('id', $1::text))`],
  [
    'submit with an option',
    `select * from taskledger.submit('some.task', '1', json_build_object('id', $1::text, 'priority', 1))`,
  ],
  [
    'submit_many',
    `select * from taskledger.submit_many(json_build_array(json_build_object('id', $1::text)), '{"name":"some.task"}')`,
  ],
])('%s refuses the id of a task there is, open or finished, and says so', async (_, text) => {
  const t = await testLedger();
  const { id } = await t.ledger.submit('some.task', 1);
  await expect(t.pool.query(text, [id])).rejects.toMatchObject({ code: 'TL013', message: expect.stringContaining(id) });
  await settleAll(t.pool, await claimSome(t.pool, 1), 'completed');
  const before = await eventCount(t.pool);
  await expect(t.pool.query(text, [id])).rejects.toMatchObject({ code: 'TL013' });
  expect(await eventCount(t.pool)).toBe(before);
});

test('the same id with the same key and input is the same task, submitted twice', async () => {
  const t = await testLedger();
  const { id } = await t.ledger.submit('some.task', 1, { key: 'k' });
  const again = `select id, created from taskledger.submit('some.task', '1', json_build_object('id', $1::text, 'key', 'k'))`;
  expect((await t.pool.query(again, [id])).rows).toEqual([{ id, created: false }]);
});

test.each(['2030-01-01T00:00:00', 'tomorrow', 'infinity', ''])('SQL cannot reschedule a task to %j', async (time) => {
  const t = await testLedger();
  const { id } = await t.ledger.submit('some.task', 1);
  const asking = t.pool.query('select taskledger.request_reschedule($1, $2)', [id, time]);
  await expect(asking).rejects.toMatchObject({ code: 'TL002' });
});

test('a time with an offset means the same in every session', async () => {
  const t = await testLedger();
  const { id } = await t.ledger.submit('some.task', 1);
  const client = await t.pool.connect();
  await client.query(`set timezone = 'Asia/Tokyo'`);
  await client.query(`select taskledger.request_reschedule($1, '2030-01-01 09:00+02')`, [id]);
  client.release(true);
  expect((await t.ledger.get(id)).run_at).toBe('2030-01-01T07:00:00.000Z');
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a rescheduled task keeps its priority in the view when it is finished', async () => {
  const t = await testLedger();
  const { id } = await t.ledger.submit('some.task', 1, { priority: 1 });
  await t.ledger.reschedule(id, { priority: 7 });
  await t.ledger.reschedule(id, { startAfter: new Date(Date.now() - 1000) });
  await settleAll(t.pool, await claimSome(t.pool, 1), 'completed');
  const { rows } = await t.pool.query('select state, priority from taskledger.tasks where id = $1', [id]);
  expect(rows).toEqual([{ state: 'completed', priority: 7 }]);
});
