import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { askForTasks, type Claim, type Lane } from '../../src/ledger/claim.ts';
import { Lanes } from '../../src/runner/lanes.ts';
import { testLedger, type TestLedger } from '../support/ledger.ts';
import { claimAs, claimSome, laneAfter, settleAll } from '../support/leases.ts';
import { FakeClock } from './fakes.ts';

const ago = (seconds: number): Date => new Date(Date.now() - seconds * 1000);

const inputsOf = (claim: Claim | undefined): unknown[] =>
  (claim?.leases ?? []).map(({ submitted }) => submitted.input).sort();

const part = (lane: Lane, from: Date, until: Date): Lane => ({
  ...lane,
  from: from.toISOString(),
  from_id: '00000000-0000-0000-0000-000000000000',
  until: until.toISOString(),
});

test('a wider look finds lanes that are not named, before, between and after those that are', async () => {
  const t = await testLedger();
  await t.ledger.submitMany('some.task', [
    { input: 'm', queue: 'm' },
    { input: 'q', queue: 'q' },
  ]);
  const lanes = [laneAfter(await claimSome(t.pool, 1)), laneAfter(await claimSome(t.pool, 1))];
  const others = ['a', 'm', 'o', 'q', 'z'].map((queue) => ({ input: queue, queue }));
  await t.ledger.submitMany('some.task', [...others, { input: 'urgent', queue: 'm', priority: 9 }]);
  await t.ledger.submitMany('some.task', [{ input: 'of a tenant', queue: 'q', group: 'tenant' }]);
  await t.ledger.submitMany('other.task', [{ input: 'of another name' }]);
  expect(inputsOf(await claimAs(t.pool, { lanes, maxTasks: 100 }))).toEqual(['m', 'q']);
  const wider = await claimAs(t.pool, { lanes, wider: true, maxTasks: 100 });
  expect(inputsOf(wider)).toEqual(['a', 'o', 'of a tenant', 'urgent', 'z']);
});

test('whichever lanes are known, exactly the others are found', async () => {
  const t = await testLedger();
  const kinds = ['a', 'b', 'c'].flatMap((queue) =>
    [-1, 0, 1].flatMap((priority) => ['', 'g', 'gg', 'h'].map((group) => ({ queue, priority, group }))),
  );
  // Every second one is there.
  const present = kinds.filter((_, i) => i % 2 === 0 || i % 5 === 0);
  await t.ledger.submitMany(
    'some.task',
    present.map(({ group, ...kind }) => ({ input: 1, ...kind, ...(group === '' ? {} : { group }) })),
  );
  const textOf = ({ queue, priority, group }: (typeof kinds)[number]): string => `${queue}/${priority}/${group}`;
  for (let subset = 0; subset < 40; subset += 1) {
    const known = kinds.filter((_, i) => (i * 7 + subset * 11) % (2 + (subset % 5)) === 0);
    const { rows } = await t.pool.query<{ lanes: typeof kinds }>(
      `select taskledger.present_lanes('{some.task,other.task}', null, known => $1) as lanes`,
      [JSON.stringify(known.map((kind) => ({ name: 'some.task', pin: '', ...kind })))],
    );
    const others = present.filter((kind) => !known.includes(kind));
    expect(rows[0]!.lanes.map(textOf).sort()).toEqual(others.map(textOf).sort());
  }
});

test('a part of what lies behind a mark is looked at up to its end, and the lane goes on after its mark', async () => {
  const t = await testLedger();
  await t.ledger.submitMany('some.task', [{ input: 'first', startAfter: ago(60) }]);
  const lane = laneAfter(await claimSome(t.pool, 1));
  const late = [90, 80, 70].map((seconds) => ({ input: `late ${seconds}`, startAfter: ago(seconds) }));
  await t.ledger.submitMany('some.task', [...late, { input: 'next', startAfter: ago(50) }]);
  const lanes = [lane, part(lane, ago(85), ago(75))];
  expect(inputsOf(await claimAs(t.pool, { lanes, wider: true, maxTasks: 100 }))).toEqual(['late 80', 'next']);
  const rest = [lane, part(lane, ago(85), ago(60))];
  expect(inputsOf(await claimAs(t.pool, { lanes: rest, wider: true, maxTasks: 100 }))).toEqual(['late 70']);
});

/** A session that was forgotten in a transaction. */
async function forgetSession({ url }: TestLedger): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  onTestFinished(() => client.end());
  await client.query('begin isolation level repeatable read');
  await client.query('select pg_current_xact_id(), count(*) from taskledger.open_tasks');
}

/** The blocks a call reads, those of statements within included, and nothing of catalogs: its session has called it before. */
async function blocksOf(client: pg.ClientBase, call: string, values: unknown[]): Promise<number> {
  await client.query(`select ${call}`, values);
  const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }>(
    `explain (analyze, buffers, format json) select ${call}`,
    values,
  );
  const { Plan: plan } = rows[0]!['QUERY PLAN'][0];
  return plan['Shared Hit Blocks']! + plan['Shared Read Blocks']!;
}

/** Leaves so many tasks that ended and cannot be forgotten, and four that wait. @returns their lane */
async function endMany(t: TestLedger, tasks: number, needs: { plugin?: string } = {}): Promise<Lane> {
  await forgetSession(t);
  await t.ledger.submitMany(
    'some.task',
    Array.from({ length: tasks }, (_, input) => ({ input, ...needs })),
  );
  const offers = [{ name: 'some.task', pin: needs.plugin ?? '' }];
  const claim = await claimSome(t.pool, tasks, { offers });
  await settleAll(t.pool, claim, 'completed');
  await t.ledger.submitMany(
    'some.task',
    [1, 2, 3, 4].map((input) => ({ input, ...needs })),
  );
  return laneAfter(claim);
}

test('beside an old transaction a wider look does not walk over the ended tasks of the lanes it names', async () => {
  const t = await testLedger();
  const lane = await endMany(t, 5000);
  const client = await t.pool.connect();
  onTestFinished(() => client.release());
  const present = 'taskledger.present_lanes($1, null, known => $2)';
  const everything = await blocksOf(client, present, ['{some.task}', null]);
  const parts = await blocksOf(client, present, ['{some.task}', JSON.stringify([lane])]);
  expect([everything > 200, everything]).toEqual([true, everything]);
  expect([parts < 10, parts]).toEqual([true, parts]);
  // A claim goes on from the first open task of a lane that was found, not once more from where the lane begins.
  const claim = `(taskledger.claim('{some.task}', 1, 'r', 'h', lanes => $1, wider => $2)).claim_id`;
  const named = await blocksOf(client, claim, [JSON.stringify([lane]), true]);
  const unnamed = await blocksOf(client, claim, [null, false]);
  expect([named < 100, named]).toEqual([true, named]);
  expect([unnamed < everything * 1.5, unnamed]).toEqual([true, unnamed]);
});

test('beside an old transaction a look for pins does not walk over the ended tasks of those it names', async () => {
  const t = await testLedger();
  await endMany(t, 5000, { plugin: '^2' });
  await t.ledger.submit('some.task', 1, { plugin: '^3' });
  const client = await t.pool.connect();
  onTestFinished(() => client.release());
  const call = '(select count(*) from taskledger.present_pins($1, $2))';
  const everything = await blocksOf(client, call, ['{some.task}', null]);
  const others = await blocksOf(client, call, ['{some.task}', JSON.stringify([{ name: 'some.task', pin: '^2' }])]);
  expect([everything > 200, everything]).toEqual([true, everything]);
  expect([others < 20, others]).toEqual([true, others]);
});

test('a task that came far behind the mark is found by the parts', async () => {
  const t = await testLedger();
  const clock = new FakeClock();
  const lanes = new Lanes(clock, () => 0.5);
  const look = async (tookMs: number): Promise<{ inputs: unknown[]; wider: boolean }> => {
    await clock.advance(Math.max(0, lanes.widerLookInMs()));
    const looked = lanes.next(false);
    const request = { names: ['some.task'], maxTasks: 10, runner: 'r', host: 'h', ttlMs: 15_000, ...looked };
    const { claim } = await askForTasks(t.pool, request);
    lanes.learn({ ...looked, leases: claim?.leases ?? [], asked: 10, tookMs });
    return { inputs: inputsOf(claim), wider: looked.wider ?? false };
  };
  await t.ledger.submit('some.task', 'first');
  expect(await look(10_000)).toEqual({ inputs: ['first'], wider: false });
  await t.ledger.submitMany('some.task', [{ input: 'late', startAfter: ago(3600) }]);
  // The last moments before the mark are dear, what lies before them is not.
  const found: unknown[][] = [];
  for (let i = 0; i < 14; i += 1) {
    const { inputs, wider } = await look(i % 2 === 0 ? 1000 : 20);
    expect(wider).toBe(true);
    found.push(inputs);
  }
  expect(found.flat()).toEqual(['late']);
  expect(found[13]).toEqual(['late']);
});
