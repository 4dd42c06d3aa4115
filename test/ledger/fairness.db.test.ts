import { expect, test } from 'vitest';
import { askForTasks, type Claim, type Lane } from '../../src/ledger/claim.ts';
import { differencesFromLog, testLedger } from '../support/ledger.ts';
import { claimAs, claimSome } from '../support/leases.ts';

const items = (count: number, more: object = {}): { input: number }[] =>
  Array.from({ length: count }, (_, input) => ({ input, ...more }));

function countBy(claims: readonly (Claim | undefined)[], of: 'group' | 'queue'): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { submitted } of claims.flatMap((claim) => claim?.leases ?? [])) {
    const which = submitted[of] ?? '';
    counts[which] = (counts[which] ?? 0) + 1;
  }
  return counts;
}

test('a group with few tasks is served beside one that submitted a thousand before', async () => {
  const t = await testLedger();
  await t.ledger.submitMany('some.task', items(1000, { group: 'busy' }));
  await t.ledger.submitMany('some.task', items(5, { group: 'small' }));
  const claim = await claimAs(t.pool, { maxTasks: 20 });
  expect(countBy([claim], 'group')).toMatchObject({ small: 5 });
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a queue with many groups gets no more than a queue with one', async () => {
  const t = await testLedger();
  await t.ledger.submitMany(
    'some.task',
    Array.from({ length: 300 }, (_, input) => ({ input, queue: 'crowd', group: `g${input % 30}` })),
  );
  await t.ledger.submitMany('some.task', items(300, { queue: 'quiet' }));
  const claims: (Claim | undefined)[] = [];
  for (let i = 0; i < 6; i += 1) claims.push(await claimAs(t.pool, { maxTasks: 40 }));
  const { quiet = 0, crowd = 0 } = countBy(claims, 'queue');
  expect(quiet).toBeGreaterThan(80);
  expect(crowd).toBeGreaterThan(40);
});

test('weights say how groups share, also in lanes a runner knows', async () => {
  const t = await testLedger();
  await t.ledger.submitMany('some.task', [...items(200, { group: 'gold' }), ...items(200, { group: 'iron' })]);
  await t.ledger.queues.set({ group: 'gold' }, { weight: 3 });
  expect(countBy([await claimSome(t.pool, 40)], 'group')).toEqual({ gold: 30, iron: 10 });
  const lane = { name: 'some.task', pin: '', queue: 'default', priority: 0, from: '-infinity' };
  const lanes = ['gold', 'iron'].map((group) => ({
    ...{ ...lane, group, share: group === 'iron' ? 1 : 0.5 },
    from_id: '00000000-0000-0000-0000-000000000000',
  }));
  expect(countBy([await claimSome(t.pool, 40, { lanes })], 'group')).toEqual({ gold: 30, iron: 10 });
});

test('a task of low priority has its turn before younger ones of higher priority once it has waited long enough', async () => {
  const t = await testLedger();
  const ago = (minutes: number): Date => new Date(Date.now() - minutes * 60_000 - 1000);
  await t.ledger.submitMany('some.task', [
    { input: 'urgent', priority: 5, startAfter: ago(0) },
    { input: 'waited', startAfter: ago(6) },
    { input: 'not yet', priority: 2, startAfter: ago(2) },
  ]);
  const order: unknown[] = [];
  for (let i = 0; i < 3; i += 1) order.push((await claimSome(t.pool, 1)).leases[0]?.submitted.input);
  expect(order).toEqual(['waited', 'urgent', 'not yet']);
});

test('a rule of its queue says how long a task waits for each priority it gains', async () => {
  const t = await testLedger();
  const ago = (minutes: number): Date => new Date(Date.now() - minutes * 60_000 - 1000);
  await t.ledger.queues.set('slowly', { ageing: '5m' });
  await t.ledger.queues.set('never', { ageing: 0 });
  await t.ledger.submitMany('some.task', [
    { input: 'urgent', priority: 2, startAfter: ago(0) },
    { input: 'by the minute', startAfter: ago(3) },
    { input: 'slowly', queue: 'slowly', startAfter: ago(8) },
    { input: 'never', queue: 'never', startAfter: ago(500) },
  ]);
  const order: unknown[] = [];
  for (let i = 0; i < 4; i += 1) order.push((await claimSome(t.pool, 1)).leases[0]?.submitted.input);
  expect(order).toEqual(['by the minute', 'urgent', 'slowly', 'never']);
  const rules = await t.ledger.queues.list();
  expect(rules.map(({ name, ageingMs }) => [name, ageingMs])).toEqual([
    ['never', 0],
    ['slowly', 300_000],
  ]);
  // What every queue has is no rule.
  await t.ledger.queues.set('never', { ageing: '1m' });
  await t.ledger.queues.set('slowly', { ageing: null });
  expect(await t.ledger.queues.list()).toEqual([]);
});

test('lanes that a runner knows age as a rule of their queue says, whatever level the runner gave them', async () => {
  const t = await testLedger();
  await t.ledger.queues.set('never', { ageing: 0 });
  await t.ledger.submitMany('some.task', [
    { input: 'urgent', priority: 2 },
    { input: 'never', queue: 'never' },
  ]);
  const known = (queue: string, priority: number, from: string): object => ({
    ...{
      name: 'some.task',
      pin: '',
      group: '',
      queue,
      priority,
      from,
      share: 1,
      level: queue === 'never' ? 10 : priority,
    },
    from_id: '00000000-0000-0000-0000-000000000000',
  });
  // The runner has put the one that waited first.
  const lanes = [known('never', 0, '2026-01-01T00:00:00Z'), known('default', 2, '2026-01-01T00:10:00Z')] as Lane[];
  expect((await claimSome(t.pool, 1, { lanes })).leases[0]?.submitted.input).toBe('urgent');
  await t.ledger.queues.set('never', { ageing: null });
  await t.ledger.submit('some.task', 'urgent', { priority: 2 });
  expect((await claimSome(t.pool, 1, { lanes })).leases[0]?.submitted.input).toBe('never');
});

test('of more groups than one look tells, each is met in turn', async () => {
  const t = await testLedger();
  const groups = 450;
  await t.ledger.submitMany(
    'some.task',
    Array.from({ length: groups }, (_, input) => ({ input, group: `g${String(input).padStart(3, '0')}` })),
  );
  await t.ledger.submit('some.task', 'alone', { queue: 'other', group: 'a' });
  const met = new Set<string>();
  let afterGroup: string | undefined;
  for (let looks = 0; looks < 6; looks += 1) {
    const request = { names: ['some.task'], maxTasks: 300, runner: 'r', host: 'h', ttlMs: 15_000, afterGroup };
    const { claim, nextGroup } = await askForTasks(t.pool, request);
    for (const { submitted } of claim?.leases ?? []) met.add(`${submitted.queue}/${submitted.group}`);
    // A queue with few groups is seen whole, wherever the other one stands.
    if (looks === 0) expect(met).toContain('other/a');
    afterGroup = nextGroup;
  }
  expect(met.size).toBe(groups + 1);
});
