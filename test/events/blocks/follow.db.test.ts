import { expect, onTestFinished, test } from 'vitest';
import type { FollowedEvent, FollowOptions } from '../../../src/events/blocks/follow.ts';
import { addSiteKey } from '../../../src/events/blocks/known-key.ts';
import { Sealer } from '../../../src/events/blocks/sealer.ts';
import { temporarySiteKey } from '../../../src/events/blocks/site-key.ts';
import { systemClock } from '../../../src/clock.ts';
import { createSignals } from '../../../src/signals.ts';
import { testLedger, type TestLedger } from '../../support/ledger.ts';

interface Sealed extends TestLedger {
  readonly sealer: Sealer;
}

async function sealedLedger(): Promise<Sealed> {
  const t = await testLedger();
  const key = temporarySiteKey();
  await addSiteKey(t.pool, key);
  const sealer = new Sealer({ connectionString: t.url, key, clock: systemClock, signals: createSignals() });
  onTestFinished(() => sealer.stop());
  return { ...t, sealer };
}

const submitSome = (t: TestLedger, tasks: number): Promise<unknown> =>
  t.ledger.submitMany(
    'some.task',
    Array.from({ length: tasks }, (_, input) => ({ input })),
  );

/** The next `count` events. */
async function take(t: TestLedger, count: number, options: FollowOptions = {}): Promise<FollowedEvent[]> {
  const taken: FollowedEvent[] = [];
  for await (const followed of t.ledger.follow(options)) if (taken.push(followed) === count) break;
  return taken;
}

const seqsOf = (followed: readonly FollowedEvent[]): bigint[] => followed.map(({ event }) => event.seq);

test('follow gives every sealed event once, block after block, and goes on after any position', async () => {
  const t = await sealedLedger();
  for (const tasks of [1, 250, 3]) {
    await submitSome(t, tasks);
    await t.sealer.runOnce();
  }
  const all = await take(t, 3 + 254);
  expect(new Set(seqsOf(all)).size).toBe(257);
  expect(all.map(({ block }) => block)).toEqual(all.map(({ block }) => block).sort((a, b) => Number(a - b)));
  expect(all.at(-1)?.position).toBe('ams:3.3');
  for (const at of [0, 3, 99, 100, 103, 253, 255]) {
    const rest = await take(t, all.length - at - 1, { from: all[at]?.position });
    expect(seqsOf(rest)).toEqual(seqsOf(all.slice(at + 1)));
  }
});

test('I8: what is committed late comes late, and nothing is skipped because it drew its seq early', async () => {
  const t = await sealedLedger();
  const early = await t.pool.connect();
  await early.query('begin');
  const late = await t.ledger.submit('some.task', 'drawn first', { tx: early });
  const first = await t.ledger.submit('some.task', 'committed first');
  await t.sealer.runOnce();
  const before = await take(t, 4);
  expect(seqsOf(before).at(-1)).toBe(first.seq);
  await early.query('commit');
  early.release();
  await t.sealer.runOnce();
  expect(seqsOf(await take(t, 1, { from: before.at(-1)?.position }))).toEqual([late.seq]);
});

test('it waits for new blocks, begins at the head when asked to, and ends when its signal aborts', async () => {
  const t = await sealedLedger();
  await submitSome(t, 5);
  await t.sealer.runOnce();
  const stopping = new AbortController();
  const seen: unknown[] = [];
  const following = (async () => {
    for await (const { event } of t.ledger.follow({ from: 'head', signal: stopping.signal })) {
      seen.push(event.data);
      stopping.abort();
    }
  })();
  // The head is read before the first look; sealing goes on until something after it was seen.
  while (seen.length === 0) {
    await t.ledger.submit('new.task', 1);
    await t.sealer.runOnce();
  }
  await following;
  expect(seen).toEqual([expect.objectContaining({ name: 'new.task' })]);
});

test('I8: a consumer killed at random, that stores position and effect together, sees each event exactly once', async () => {
  const t = await sealedLedger();
  await t.pool.query(`create table effects (seq bigint primary key, position text not null, at bigserial)`);
  let finished = false;
  const load = (async () => {
    for (let round = 0; round < 12; round += 1) {
      const slow = await t.pool.connect();
      await slow.query('begin');
      await t.ledger.submit('some.task', 'late', { tx: slow });
      await submitSome(t, 20);
      await t.sealer.runOnce();
      await slow.query(round % 3 === 2 ? 'rollback' : 'commit');
      slow.release();
    }
    await t.sealer.runOnce();
    finished = true;
  })();
  const total = async (): Promise<number> =>
    (await t.pool.query<{ n: number }>('select count(*)::int as n from taskledger.events')).rows[0]!.n;
  const done = async (): Promise<number> =>
    (await t.pool.query<{ n: number }>('select count(*)::int as n from effects')).rows[0]!.n;
  for (let life = 1; !finished || (await done()) < (await total()); life += 1) {
    expect(life).toBeLessThan(1000);
    await consume(t, 1 + ((life * 37) % 60), life % 2 === 0);
  }
  await load;
  const { rows } = await t.pool.query(`
    select (select count(*)::int from taskledger.events e where not exists (select from effects f where f.seq = e.seq)) as skipped,
           (select count(*)::int from effects f where not exists (select from taskledger.events e where f.seq = e.seq)) as invented`);
  expect(rows).toEqual([{ skipped: 0, invented: 0 }]);
});

/** One life of a consumer: dies after some events, before or after the commit of the last. A second effect would be refused. */
async function consume(t: TestLedger, events: number, diesBeforeCommit: boolean): Promise<void> {
  const { rows } = await t.pool.query<{ position: string }>('select position from effects order by at desc limit 1');
  const tx = await t.pool.connect();
  const stopping = new AbortController();
  let left = events;
  const patience = systemClock.sleep(300, stopping.signal).then(() => stopping.abort());
  for await (const { event, position } of t.ledger.follow({ from: rows[0]?.position, signal: stopping.signal })) {
    left -= 1;
    await tx.query('begin');
    await tx.query('insert into effects (seq, position) values ($1, $2)', [event.seq, position]);
    await tx.query(left === 0 && diesBeforeCommit ? 'rollback' : 'commit');
    if (left === 0) break;
  }
  stopping.abort();
  await patience;
  tx.release();
}

test('an event or a block that was removed stops it instead of being passed over', async () => {
  const t = await sealedLedger();
  for (const tasks of [5, 5]) {
    await submitSome(t, tasks);
    await t.sealer.runOnce();
  }
  const all = await take(t, 13);
  const [fifth, last] = [all[4], all.at(-1)];
  await t.pool.query(
    'alter table taskledger.events_ams disable trigger all; alter table taskledger.blocks disable trigger all',
  );
  await t.pool.query('delete from taskledger.events_ams where seq = $1', [all[10]?.event.seq]);
  await expect(take(t, 20)).rejects.toMatchObject({
    code: 'TASKLEDGER_NOT_PROVEN',
    message: expect.stringContaining('events of block 2 of'),
  });
  await t.pool.query('delete from taskledger.blocks where number = 1');
  await expect(take(t, 20)).rejects.toMatchObject({
    code: 'TASKLEDGER_NOT_PROVEN',
    message: expect.stringContaining('Expected block 1 of'),
  });
  await t.pool.query('delete from taskledger.blocks');
  for (const { position } of [fifth!, last!]) {
    await expect(take(t, 1, { from: position })).rejects.toMatchObject({ code: 'TASKLEDGER_INVALID_OPTION' });
  }
});
