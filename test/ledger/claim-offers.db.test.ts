import { expect, test } from 'vitest';
import type { Offer } from '../../src/ledger/claim.ts';
import { presentPins } from '../../src/ledger/present-pins.ts';
import { differencesFromLog, testLedger } from '../support/ledger.ts';
import { claimAs, claimSome, settleAll } from '../support/leases.ts';

const inputsOf = (claim: Awaited<ReturnType<typeof claimAs>>): unknown[] =>
  (claim?.leases ?? []).map((lease) => lease.submitted.input).sort();

test('a runner without offers takes no task that asks for a plugin', async () => {
  const t = await testLedger();
  await t.ledger.submitMany('some.task', [{ input: 'pinned', plugin: '^2' }, { input: 'free' }]);
  expect(inputsOf(await claimAs(t.pool))).toEqual(['free']);
  const lane = { name: 'some.task', pin: '^2', queue: 'default', priority: 0, group: '', from: '-infinity' };
  expect(await claimAs(t.pool, { lanes: [{ ...lane, from_id: '00000000-0000-0000-0000-000000000000' }] })).toBe(
    undefined,
  );
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a runner with offers takes what it offers and nothing else, and each lease says what it is run by', async () => {
  const t = await testLedger();
  await t.ledger.submitMany('some.task', [
    { input: 'two', plugin: '^2', group: 'acme' },
    { input: 'three', plugin: '^3' },
    { input: 'free' },
  ]);
  const leased = { plugin: 'some@2.1.0', manifest_digest: 'ab', limits: { memory_bytes: 1 } };
  const offers: Offer[] = [
    { name: 'some.task', pin: '^2', leased },
    { name: 'other.task', pin: '' },
  ];
  const claim = await claimSome(t.pool, 1, { offers });
  expect(inputsOf(claim)).toEqual(['two']);
  const history = await t.ledger.history(claim.leases[0]!.taskId);
  expect(history.at(-1)?.data).toMatchObject({ attempt: 1, runner: 'r1', ...leased });
  expect(await claimAs(t.pool, { offers })).toBeUndefined();
  expect(inputsOf(await claimSome(t.pool, 1, { offers: [{ name: 'some.task', pin: '' }] }))).toEqual(['free']);
  // Run again it asks for the same plugin.
  await settleAll(t.pool, claim, 'failed');
  await t.ledger.retry(claim.leases[0]!.taskId);
  expect(await claimAs(t.pool)).toBeUndefined();
  expect(inputsOf(await claimSome(t.pool, 1, { offers }))).toEqual(['two']);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('the pins that open tasks ask for are told by name, but for those that are known', async () => {
  const t = await testLedger();
  for (const plugin of ['^3', '^2', '^3', '~1.2']) await t.ledger.submit('a.task', 1, { plugin });
  await t.ledger.submitMany('b.task', [{ input: 1, priority: 3, group: 'acme' }, { input: 2 }]);
  await t.ledger.submit('c.task', 1, { plugin: '*' });
  const names = ['b.task', 'a.task', 'no.such'];
  const told = async (...known: string[]): Promise<string[]> => {
    const pins = await presentPins(t.pool, names, [
      ...known.map((pin) => ({ name: 'a.task', pin })),
      { name: 'b.task', pin: '^2' },
      { name: 'c.task', pin: '*' },
    ]);
    return pins.map(({ name, pin }) => `${name} ${pin}`).sort();
  };
  expect(await told()).toEqual(['a.task ^2', 'a.task ^3', 'a.task ~1.2']);
  expect(await told('^2')).toEqual(['a.task ^3', 'a.task ~1.2']);
  expect(await told('^3')).toEqual(['a.task ^2', 'a.task ~1.2']);
  expect(await told('~1.2')).toEqual(['a.task ^2', 'a.task ^3']);
  expect(await told('*', '^2', '^3', '~1.2', '~2')).toEqual([]);
  expect(await told('^2.5')).toEqual(['a.task ^2', 'a.task ^3', 'a.task ~1.2']);
});

test.each([
  ['no array', {}],
  ['a name that is missing', [{ pin: '' }]],
  ['an unknown member', [{ name: 'a.b', leased: { runner: 'r2' } }]],
  ['a plugin that is no text', [{ name: 'a.b', leased: { plugin: 2 } }]],
  ['limits that are no object', [{ name: 'a.b', leased: { limits: [] } }]],
  ['leased as text', [{ name: 'a.b', leased: 'all' }]],
])('offers with %s are refused', async (_what, offers) => {
  const t = await testLedger();
  await expect(claimAs(t.pool, { offers: offers as never })).rejects.toMatchObject({ code: 'TL002' });
});

test('a lone surrogate or a repeated key in what is recorded is refused', async () => {
  const t = await testLedger();
  for (const leased of ['{"plugin":"\\ud800"}', '{"plugin":"a","plugin":"b"}', '{"limits":{"a":1,"a":2}}']) {
    const text = `[{"name":"a.b","leased":${leased}}]`;
    const call = t.pool.query(`select taskledger.claim('{a.b}', 1, 'r', 'h', offers => $1::json)`, [text]);
    await expect(call).rejects.toMatchObject({ code: 'TL002' });
  }
});
