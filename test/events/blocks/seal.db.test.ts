import { expect, test } from 'vitest';
import { leafHash, payloadHash } from '../../../src/events/leaf-hash.ts';
import { systemClock } from '../../../src/clock.ts';
import { Sealer } from '../../../src/events/blocks/sealer.ts';
import { sealTick } from '../../../src/events/blocks/tick.ts';
import { leafSql } from '../../../src/events/blocks/leaf-sql.ts';
import { sealingTest, type SealingTest } from './sealing.ts';

/** Every event that is committed, in the order of seq. */
async function committed({ pool }: SealingTest): Promise<string[]> {
  const { rows } = await pool.query<{ seq: string }>('select seq::text from taskledger.events order by events.seq');
  return rows.map(({ seq }) => seq);
}

const bySeq = (seqs: readonly string[]): string[] => [...seqs].sort((a, b) => Number(a) - Number(b));

test('what was recorded is in a block after a tick, once, and the block checks', async () => {
  const t = await sealingTest();
  await t.submit(10);
  const sealer = t.sealer();
  // site.opened, realm.opened, ten tasks, and the key itself.
  expect(await sealer.runOnce()).toEqual({ blocks: 1, events: 13 });
  expect(await sealer.runOnce()).toEqual({ blocks: 0, events: 0 });
  await t.submit(2);
  expect(await sealer.runOnce()).toEqual({ blocks: 1, events: 2 });
  expect(await t.check()).toEqual([]);
  expect(await t.sealed()).toEqual(await committed(t));
});

test('a transaction of many events becomes several blocks in one commit', async () => {
  const t = await sealingTest();
  const client = await t.pool.connect();
  await client.query('begin');
  for (let i = 0; i < 3; i += 1) await t.submit(9000, client);
  await client.query('commit');
  client.release();
  expect(await t.sealer().runOnce()).toEqual({ blocks: 3, events: 27_003 });
  expect(await t.check()).toEqual([]);
});

test('I8: long transactions, rolled back ones and savepoints: nothing is skipped, nothing sealed twice', async () => {
  const t = await sealingTest();
  const sealer = t.sealer();
  const [early, undone, nested] = await Promise.all([t.pool.connect(), t.pool.connect(), t.pool.connect()]);
  for (const client of [early, undone, nested]) {
    await client.query('begin');
    await t.submit(3, client);
  }
  await nested.query('savepoint one');
  await t.submit(3, nested);
  await nested.query('rollback to savepoint one');
  await nested.query('savepoint two');
  await t.submit(4, nested);
  await nested.query('release savepoint two');
  await t.submit(5);
  // The key's own transaction, and what is committed: 2 + 1 + 5.
  expect((await sealer.runOnce()).events).toBe(8);
  await undone.query('rollback');
  await t.submit(1);
  expect((await sealer.runOnce()).events).toBe(1);
  await nested.query('commit');
  expect((await sealer.runOnce()).events).toBe(7);
  await early.query('commit');
  expect((await sealer.runOnce()).events).toBe(3);
  for (const client of [early, undone, nested]) client.release();
  expect(bySeq(await t.sealed())).toEqual(await committed(t));
  expect(await t.check()).toEqual([]);
});

test('two sealers: one leads, the other takes over when it stops', async () => {
  const t = await sealingTest();
  const [first, second] = [t.sealer(), t.sealer()];
  expect((await first.runOnce()).blocks).toBe(1);
  await t.submit(1);
  expect(await second.runOnce()).toEqual({ blocks: 0, events: 0 });
  await first.stop();
  expect(await second.runOnce()).toEqual({ blocks: 1, events: 1 });
  expect(await t.check()).toEqual([]);
});

test('a sealer that begins where another has sealed meanwhile is refused, and nothing is sealed twice', async () => {
  const t = await sealingTest();
  await t.sealer().runOnce();
  const { rows } = await t.pool.query<{ hash: string }>(`select encode(hash, 'hex') as hash from taskledger.blocks`);
  const late = {
    number: '1',
    members: '{[1,2)}',
    event_count: 1,
    root: '00'.repeat(32),
    prev_hash: '00'.repeat(32),
    hash: '11'.repeat(32),
    sealed_at_ms: '0',
    signature: '00'.repeat(64),
    leaf_hints: '00'.repeat(4),
  };
  const seal = (block: object): Promise<unknown> =>
    t.pool.query('select taskledger.seal(pg_current_snapshot()::text, $1, $2)', [t.key.keyId, JSON.stringify([block])]);
  await expect(seal(late)).rejects.toMatchObject({ code: 'TL021' });
  await expect(seal({ ...late, number: '2' })).rejects.toMatchObject({ code: 'TL021' });
  expect(await t.check()).toEqual([]);
  expect(rows).toHaveLength(1);
});

test('a database restored into a younger cluster starts over with what is in no block yet', async () => {
  const t = await sealingTest();
  const sealer = t.sealer();
  await t.submit(4);
  await sealer.runOnce();
  await t.submit(2);
  // What a restored dump looks like: transaction ids of events and snapshot far ahead of the cluster's own.
  await t.pool.query(`
    alter table taskledger.events_ams disable trigger all;
    update taskledger.events_ams set xid = (xid::text::bigint + 1000000)::text::xid8;
    alter table taskledger.events_ams enable trigger all;
    update taskledger.sealing set snapshot = '2000000:2000000:'`);
  expect((await sealer.runOnce()).events).toBe(2);
  expect((await sealer.runOnce()).events).toBe(0);
  await t.submit(3);
  expect((await sealer.runOnce()).events).toBe(3);
  expect(await t.sealed()).toEqual(await committed(t));
  expect(await t.check()).toEqual([]);
});

test('the leaf hash is the same in SQL and in TypeScript, whatever the columns hold', async () => {
  const t = await sealingTest();
  await t.submit(1);
  await t.pool.query(`
    insert into taskledger.events (site, seq, realm, epoch, task_id, version, type, occurred_at, actor, context, data) values
      ('ams', 4611686018427387904, 'ams', 7, '0190b6a0-0000-7000-8000-00000000abcd', 12, 'task.strange', '0001-01-01 00:00:00.001+00 BC', 'Łukasz "x" \\ 🎈', null, '  {"b" : 1.50, "a":"\\u00e9\\ud83c\\udf88" }'),
      ('ams', 4611686018427387905, 'ams', 7, null, null, 'task.strange', '2026-03-29 02:30:00.0005+02', 'tab	here', '{"answers":[]}', 'null'),
      ('ams', 4611686018427387906, 'ams', 7, null, null, 'task.strange', '294276-12-31 23:59:59.999+00', '', '[]', '"\\""')`);
  for (const timezone of ['UTC', 'Asia/Kolkata', 'America/St_Johns']) {
    const client = await t.pool.connect();
    await client.query(`set timezone = '${timezone}'`);
    const { rows } = await client.query<Record<string, string> & { leaf: Buffer }>(
      `select site, seq::text, realm, epoch::text, task_id::text, version::text, type,
              (extract(epoch from occurred_at) * 1000)::bigint::text as occurred_at_ms, actor, context::text, data::text, ${leafSql} as leaf
         from taskledger.events e`,
    );
    client.release();
    expect(rows.length).toBeGreaterThan(5);
    for (const { leaf, context, data, ...columns } of rows) {
      const hashes = {
        context_hash: context === null || context === undefined ? null : payloadHash(context),
        data_hash: payloadHash(data ?? ''),
      };
      expect(leafHash({ ...(columns as never as Parameters<typeof leafHash>[0]), ...hashes }), columns['seq']).toEqual(
        leaf,
      );
    }
  }
});

test('I8: two that seal at once without a leader: each event is in one block, and every block checks', async () => {
  const t = await sealingTest();
  let stop = false;
  const load = (async () => {
    while (!stop) await t.submit(5);
  })();
  const lost: unknown[] = [];
  const seal = async (): Promise<void> => {
    const client = await t.pool.connect();
    for (let sealed = 0; sealed < 15;) {
      const tick = await sealTick(client, t.key).catch((error: unknown) => error);
      if (tick instanceof Error) lost.push((tick as { code?: string }).code);
      else sealed += 1;
    }
    client.release();
  };
  await Promise.all([seal(), seal()]);
  stop = true;
  await load;
  await t.sealer().runOnce();
  // The fence held them apart: by the number of the block, its link, or the row that both would write.
  expect(lost.filter((code) => !['TL021', '23505', '40001'].includes(String(code)))).toEqual([]);
  expect(bySeq(await t.sealed())).toEqual(await committed(t));
  expect(await t.check()).toEqual([]);
});

test("a block is sealed at the database's time, whatever the clock of the sealer's host says", async () => {
  const t = await sealingTest();
  const anHourSlow = { ...systemClock, now: () => systemClock.now() - 3_600_000 };
  const sealer = new Sealer({ connectionString: t.url, key: t.key, clock: anHourSlow, signals: t.signals });
  await sealer.runOnce();
  await sealer.stop();
  const { rows } = await t.pool.query(`select sealed_at > now() - interval '1 minute' as right from taskledger.blocks`);
  expect(rows).toEqual([{ right: true }]);
});
