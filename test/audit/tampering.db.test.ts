import { expect, test } from 'vitest';
import { currentHeads } from '../../src/audit/heads.ts';
import { verifyLog, type VerifyReport } from '../../src/audit/verify.ts';
import { headerHash } from '../../src/events/block-header.ts';
import { recomputeBlocks } from '../../src/events/blocks/check-block.ts';
import { leafHints, sealTick } from '../../src/events/blocks/tick.ts';
import { merkleRoot } from '../../src/events/merkle.ts';
import { temporarySiteKey } from '../../src/events/blocks/site-key.ts';
import { sealingTest, type SealingTest } from '../events/blocks/sealing.ts';

const guarded = ['events', 'events_ams', 'blocks', 'site_keys'];

/** Three blocks: 1 to 3 with the opening events and the key, then ten tasks each. */
async function threeBlocks(): Promise<
  SealingTest & { verify: () => Promise<VerifyReport>; asSuperuser: (sql: string) => Promise<void> }
> {
  const t = await sealingTest();
  const sealer = t.sealer();
  for (let i = 0; i < 3; i += 1) {
    await t.submit(10);
    await sealer.runOnce();
  }
  await sealer.stop();
  return {
    ...t,
    verify: () => verifyLog(t.pool),
    asSuperuser: async (sql) => {
      for (const table of guarded) await t.pool.query(`alter table taskledger.${table} disable trigger all`);
      await t.pool.query(sql);
      for (const table of guarded) await t.pool.query(`alter table taskledger.${table} enable trigger all`);
    },
  };
}

const seqOf = async (t: SealingTest, place: number): Promise<bigint> => {
  const sealed = await t.sealed();
  return BigInt(sealed[place] ?? '0');
};

test('an untouched log verifies, with its counts and what is not sealed yet', async () => {
  const t = await threeBlocks();
  await t.submit(4);
  expect(await t.verify()).toMatchObject({
    findings: [],
    anchored: [],
    sites: [{ site: 'ams', blocks: 3, events: 33, unsealed: 4, head: { header: { number: 3n } } }],
  });
});

const columns: Readonly<Record<string, string>> = {
  realm: `'lon'`,
  epoch: 'epoch + 1',
  task_id: `'0190b6a0-0000-7000-8000-00000000abcd'`,
  version: '7',
  type: `'task.completed'`,
  occurred_at: `occurred_at + interval '1 ms'`,
  actor: `'somebody'`,
  context: `'{}'`,
  data: `(data::text || ' ')::json`,
};

test.each(Object.entries(columns))('I7: a changed %s is found, and the event is named', async (column, value) => {
  const t = await threeBlocks();
  const seq = await seqOf(t, 20);
  await t.asSuperuser(`update taskledger.events set ${column} = ${value} where seq = ${seq}`);
  expect((await t.verify()).findings).toEqual([{ kind: 'event_altered', site: 'ams', seq, block: 2n }]);
});

test('two events that change places are both named', async () => {
  const t = await threeBlocks();
  const [a, b] = [await seqOf(t, 15), await seqOf(t, 28)];
  await t.asSuperuser(`
    update taskledger.events set seq = 999 where seq = ${a};
    update taskledger.events set seq = ${a} where seq = ${b};
    update taskledger.events set seq = ${b} where seq = 999`);
  expect((await t.verify()).findings).toEqual([
    { kind: 'event_altered', site: 'ams', seq: a, block: 2n },
    { kind: 'event_altered', site: 'ams', seq: b, block: 3n },
  ]);
});

test('a deleted event is named, also where others of its block were altered', async () => {
  const t = await threeBlocks();
  const [gone, altered] = [await seqOf(t, 15), await seqOf(t, 16)];
  await t.asSuperuser(`
    delete from taskledger.events where seq = ${gone};
    update taskledger.events set actor = 'x' where seq = ${altered}`);
  expect((await t.verify()).findings).toEqual([
    { kind: 'event_missing', site: 'ams', seq: gone, block: 2n },
    { kind: 'event_altered', site: 'ams', seq: altered, block: 2n },
  ]);
});

test('an event put into the past is named', async () => {
  const t = await threeBlocks();
  await t.pool.query(`select nextval('taskledger.event_seq')`);
  await t.asSuperuser(`
    insert into taskledger.events select site, 1000000, realm, epoch, gen_random_uuid(), version, type, occurred_at, actor, context, data, xid
      from taskledger.events where seq = ${await seqOf(t, 15)}`);
  expect((await t.verify()).findings).toEqual([{ kind: 'event_extra', site: 'ams', seq: 1_000_000n }]);
});

test.each([-5n, 2n ** 63n - 1n])(
  'an event put in under the number %s, which no sequence draws, is named',
  async (seq) => {
    const t = await threeBlocks();
    await t.asSuperuser(`
    insert into taskledger.events select site, ${seq}, realm, epoch, gen_random_uuid(), version, type, occurred_at, actor, context, data, xid
      from taskledger.events where seq = ${await seqOf(t, 15)}`);
    expect((await t.verify()).findings).toEqual([{ kind: 'event_extra', site: 'ams', seq }]);
  },
);

test('events of a site that nobody knows are told of', async () => {
  const t = await threeBlocks();
  await t.asSuperuser(`
    select taskledger.create_stream('nowhere', false);
    insert into taskledger.events select 'nowhere', seq, realm, epoch, task_id, version, type, occurred_at, actor, context, data, xid
      from taskledger.events where seq = ${await seqOf(t, 15)}`);
  expect((await t.verify()).sites).toMatchObject([{ site: 'ams' }, { site: 'nowhere', head: undefined, unsealed: 1 }]);
});

test.each([
  'members = int8multirange(int8range(1, 9223372036854775807)), event_count = 2147483647',
  'members = int8multirange(int8range(1, null))',
  'members = int8multirange(int8range(1, 2000000000)), event_count = 1999999999',
])('a block that names more than there is ends no verification: %s', async (change) => {
  const t = await threeBlocks();
  await t.asSuperuser(`update taskledger.blocks set ${change} where number = 2`);
  const { findings } = await t.verify();
  expect(findings).toContainEqual(expect.objectContaining({ kind: 'block_altered', block: 2n }));
  expect(findings.length).toBeLessThan(250);
});

test('blocks that are missing are named as one gap, however large', async () => {
  const t = await threeBlocks();
  await t.asSuperuser('update taskledger.blocks set number = 9223372036854775807 where number = 3');
  expect((await t.verify()).findings).toContainEqual({
    kind: 'block_missing',
    site: 'ams',
    block: 3n,
    last: 2n ** 63n - 2n,
  });
});

test('a log that was altered from end to end is counted, and not all of it is named', async () => {
  const t = await threeBlocks();
  await t.submit(1500);
  await t.sealer().runOnce();
  await t.asSuperuser(`update taskledger.events set actor = 'somebody'`);
  const { findings, findingCount } = await t.verify();
  // Of each block the first hundred.
  expect(findings.length).toBe(findingCount);
  expect(findingCount).toBe(133);
});

test('a changed column of a block is found', async () => {
  const changes = [
    `members = members - int8multirange(int8range(lower(members), lower(members) + 1))`,
    'event_count = event_count + 1',
    `root = sha256('x')`,
    `prev_hash = sha256('x')`,
    `hash = sha256('x')`,
    `sealed_at = sealed_at + interval '1 ms'`,
    `sealed_by = 'lon'`,
    'format = 2',
    `key_id = repeat('0', 32)`,
    `signature = repeat('x', 64)::bytea`,
    `leaf_hints = ''`,
  ];
  const t = await threeBlocks();
  for (const change of changes) {
    await t.asSuperuser(
      `create table taskledger.kept as select * from taskledger.blocks; update taskledger.blocks set ${change} where number = 2`,
    );
    const { findings } = await t.verify();
    expect(findings.length, change).toBeGreaterThan(0);
    expect(
      findings.every((finding) => ('block' in finding && finding.block >= 2n) || finding.kind === 'event_extra'),
      change,
    ).toBe(true);
    await t.asSuperuser(
      'truncate taskledger.blocks; insert into taskledger.blocks select * from taskledger.kept; drop table taskledger.kept',
    );
    expect((await t.verify()).findings).toEqual([]);
  }
});

test('a block from the middle, or all of them, taken away', async () => {
  const t = await threeBlocks();
  await t.asSuperuser('delete from taskledger.blocks where number = 2');
  const { findings } = await t.verify();
  expect(findings).toContainEqual({ kind: 'block_missing', site: 'ams', block: 2n });
  await t.asSuperuser('delete from taskledger.blocks');
  expect((await t.verify()).findings).toHaveLength(33);
});

test('the last block taken away with its events: found only with a head that was kept outside', async () => {
  const t = await threeBlocks();
  const against = await currentHeads(t.pool);
  expect((await verifyLog(t.pool, { against })).findings).toEqual([]);
  await t.asSuperuser(`
    delete from taskledger.events e using taskledger.blocks b where b.number = 3 and e.seq <@ b.members;
    delete from taskledger.blocks where number = 3`);
  expect(await t.verify()).toMatchObject({ findings: [], anchored: [] });
  expect(await verifyLog(t.pool, { against })).toMatchObject({
    anchored: ['ams'],
    findings: [{ kind: 'head_differs', site: 'ams', block: 3n }],
  });
});

test.each(['taken away', 'replaced'])(
  'the last block, proven at another site, is %s: found by what that site said',
  async (what) => {
    const t = await threeBlocks();
    await t.pool.query(
      `insert into taskledger.proofs select 'fra', site, number, hash, sealed_at from taskledger.blocks where number = 3`,
    );
    expect((await t.verify()).findings).toEqual([]);
    await t.asSuperuser(`
    delete from taskledger.events e using taskledger.blocks b where b.number = 3 and e.seq <@ b.members;
    delete from taskledger.blocks where number = 3`);
    if (what === 'replaced') {
      await t.submit(1);
      await t.sealer().runOnce();
    }
    const why = `site fra has proven ${what === 'replaced' ? 'another one under this number' : 'it, and it is not there'}`;
    expect((await t.verify()).findings).toEqual([{ kind: 'head_differs', site: 'ams', block: 3n, why }]);
  },
);

test('one block in the middle sealed again with the stolen key: the next one does not follow it', async () => {
  const t = await threeBlocks();
  await t.asSuperuser(`update taskledger.events set actor = 'x' where seq = ${await seqOf(t, 20)}`);
  const [altered] = await recomputeBlocks(t.pool, 'ams', 2n, 2n);
  const header = { ...altered!.block.header, root: merkleRoot(altered!.leaves).toString('hex') };
  await t.asSuperuser(`
    update taskledger.blocks
       set root = '\\x${header.root}', hash = '\\x${headerHash(header)}', signature = '\\x${t.key.sign(header).toString('hex')}',
           leaf_hints = '\\x${leafHints(altered!.leaves).toString('hex')}'
     where number = 2`);
  expect((await t.verify()).findings).toEqual([
    { kind: 'block_altered', site: 'ams', block: 3n, why: 'it does not name the hash of the block before' },
  ]);
});

test.each(['the stolen key', 'another key'])(
  'history rewritten and sealed again with %s: found with a kept head',
  async (whose) => {
    const t = await threeBlocks();
    const against = await currentHeads(t.pool);
    const key = whose === 'another key' ? temporarySiteKey() : t.key;
    await t.asSuperuser(`
    update taskledger.events set actor = 'x' where seq = ${await seqOf(t, 20)};
    delete from taskledger.blocks; update taskledger.sealing set snapshot = null`);
    if (key !== t.key)
      await t.pool.query(
        `insert into taskledger.site_keys values ('ams', '${key.keyId}', '\\x${key.publicKey.toString('hex')}', now())`,
      );
    const client = await t.pool.connect();
    await sealTick(client, key);
    client.release();
    expect((await t.verify()).findings).toEqual([]);
    expect((await verifyLog(t.pool, { against })).findings).toMatchObject([{ kind: 'head_differs', block: 3n }]);
  },
);

test('a verification goes on where an earlier one ended, and notices that what it had verified was replaced', async () => {
  const t = await threeBlocks();
  const parts: { number: string; hash: string }[] = [];
  await verifyLog(t.pool, { onProgress: ({ upTo }) => parts.push(upTo) });
  const resume = { ams: parts.at(-1) ?? { number: '', hash: '' } };
  await t.submit(5);
  await t.sealer().runOnce();
  expect(await verifyLog(t.pool, { resume })).toMatchObject({ findings: [], sites: [{ blocks: 1, events: 5 }] });
  const forged = { ams: { number: '3', hash: '0'.repeat(64) } };
  expect((await verifyLog(t.pool, { resume: forged })).findings).toContainEqual(
    expect.objectContaining({ kind: 'head_differs', block: 3n }),
  );
});
