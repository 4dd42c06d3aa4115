import { expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { Prover } from '../../src/replication/prover.ts';
import { Recheck } from '../../src/replication/recheck.ts';
import { carryOutRepairs } from '../../src/replication/repair-orders.ts';
import { readStreamHeads } from '../../src/replication/stream-heads.ts';
import { assertConverged } from '../support/converged.ts';
import { openSites, type TestSite } from '../support/sites.ts';

/** What the daemon does every few seconds, done here by hand: it is at rest. */
const many = (n: number) => Array.from({ length: n }, (_, i) => ({ input: { i } }));

/** Two sites that hold a few blocks, and the number of the last one of ams. */
async function pairAtRest(): Promise<{ ams: TestSite; fra: TestSite; last: number }> {
  const [ams, fra] = (await openSites(['ams', 'fra'])) as [TestSite, TestSite];
  await sealSome(ams);
  await assertConverged([ams, fra]);
  await Promise.all([ams.rest(), fra.rest()]);
  return { ams, fra, last: await lastBlock(ams) };
}

async function sealSome({ ledger, signals }: TestSite): Promise<void> {
  for (let i = 0; i < 4; i += 1) {
    const sealed = signals.next('seal.done');
    await ledger.submitMany('tickets.issue', many(5));
    await sealed;
  }
}

async function lastBlock({ pool }: TestSite): Promise<number> {
  const { rows } = await pool.query<{ last: number }>(
    "select max(number)::int as last from taskledger.blocks where site = 'ams'",
  );
  return rows[0]!.last;
}

/** As a superuser who knows how: triggers are off for this statement. */
const tamper = async ({ pool }: TestSite, statement: string): Promise<void> => {
  await pool.query(
    `begin; alter table taskledger.blocks disable trigger user; alter table taskledger.site_keys disable trigger user; ${statement};
     alter table taskledger.blocks enable always trigger refuse_change, enable always trigger refuse_change_row,
       enable always trigger refuse_truncate, enable always trigger gate;
     alter table taskledger.site_keys enable always trigger refuse_change, enable always trigger refuse_truncate,
       enable always trigger gate; commit`,
  );
};

const findAt = async ({ pool }: TestSite): Promise<string[]> =>
  (await new Recheck().run(pool)).faults.map(({ summary }) => summary);

/** Orders what does not prove to be repaired, and carries it out from the peer. */
async function repair(at: TestSite, from: TestSite): Promise<void> {
  await at.pool.query("select taskledger.order_repair('ams')");
  await carryOutRepairs(at.pool, from.pool, from.name, await readStreamHeads(from.pool));
}

/** A block that nobody sealed, at the end of what fra has of ams. */
const forgedBlock = `
  insert into taskledger.blocks (site, number, members, event_count, root, prev_hash, hash, sealed_at, sealed_by, format, key_id, signature, leaf_hints)
  select site, number + 1, members, event_count, root, hash, sha256(hash), sealed_at, sealed_by, format, key_id, signature, leaf_hints
    from taskledger.blocks where site = 'ams' order by number desc limit 1`;

it('I7: finds blocks that were altered or taken away, at a peer and at their own site, and repairs them on command', async () => {
  const { ams, fra, last } = await pairAtRest();
  await tamper(fra, `delete from taskledger.blocks where site = 'ams' and number in (${last}, ${last - 1})`);
  await tamper(ams, `update taskledger.blocks set root = sha256('') where site = 'ams' and number = ${last - 2}`);
  expect(await findAt(fra)).toEqual(
    [last - 1, last].map((n) => `Block ${n} of site ams is not as it was sealed: the block is missing.`),
  );
  expect(await findAt(ams)).toEqual([
    expect.stringMatching(`^Block ${last - 2} of site ams is not as it was sealed: its hash is not that of its header`),
  ]);
  await repair(fra, ams);
  await repair(ams, fra);
  for (const site of [ams, fra]) expect(await findAt(site)).toEqual([]);
  await Promise.all([ams.serve(), fra.serve()]);
  await assertConverged([ams, fra], { afterIncidents: true });
}, 60_000);

it('lets no block be repaired by another one than the log names', async () => {
  const { fra, last } = await pairAtRest();
  const { rows } = await fra.pool.query<{ block: string }>(
    `select json_build_object('number', number, 'members', members::text, 'event_count', event_count, 'root', encode(root, 'hex'), 'prev_hash',
       encode(prev_hash, 'hex'), 'hash', encode(hash, 'hex'), 'sealed_at', sealed_at, 'sealed_by', sealed_by, 'format', format, 'key_id', key_id,
       'signature', encode(signature, 'hex'), 'leaf_hints', encode(leaf_hints, 'hex'))::text as block
       from taskledger.blocks where site = 'ams' and number = $1`,
    [last],
  );
  const right = JSON.parse(rows[0]!.block) as Record<string, unknown>;
  const give = async (block: object): Promise<unknown> =>
    (await fra.pool.query('select taskledger.repair_block($1, $2, $3) as done', ['ams', last, JSON.stringify(block)]))
      .rows[0];
  await expect(give(right)).rejects.toMatchObject({ code: 'TL052' });
  await fra.pool.query("select taskledger.order_repair('ams', $1)", [last]);
  expect(await give(right)).toEqual({ done: false });
  expect(await give({ ...right, event_count: 1 })).toEqual({ done: false });
  expect(await give({ ...right, hash: '00'.repeat(32) })).toEqual({ done: false });
  await tamper(fra, `delete from taskledger.blocks where site = 'ams' and number = ${last}`);
  expect(await give({ ...right, sealed_by: 'fra' })).toEqual({ done: false });
  expect(await give(right)).toEqual({ done: true });
  expect(await findAt(fra)).toEqual([]);
}, 60_000);

it('finds a block that was put where another one arrives later, and repairs it on command', async () => {
  const { ams, fra, last } = await pairAtRest();
  await fra.pool.query(forgedBlock);
  await ams.serve();
  await sealSome(ams);
  await ams.rest();
  const prover = new Prover({ connectionString: fra.url, clock: systemClock, signals: fra.signals });
  const halted = fra.signals.next('stream.halted');
  await prover.runOnce();
  await prover.stop();
  expect(await halted).toMatchObject({
    stream: 'ams',
    summary: `Block ${last + 1} of site ams is not as it was sealed: its hash is not that of its header.`,
  });
  await repair(fra, ams);
  await Promise.all([ams.serve(), fra.serve()]);
  await assertConverged([ams, fra], { afterIncidents: true });
}, 60_000);

it('finds an event that was put between others, once it cannot be on its way any more, and takes it out on command', async () => {
  const { ams, fra } = await pairAtRest();
  await ams.pool.query("begin; select nextval('taskledger.event_seq'); rollback");
  const { rows } = await ams.pool.query<{ gap: string }>('select last_value::text as gap from taskledger.event_seq');
  const { gap } = rows[0]!;
  await fra.pool.query(
    `insert into taskledger.events_ams (site, seq, realm, epoch, type, occurred_at, actor, data)
     values ('ams', ${gap}, 'ams', 1, 'site.forged', now(), 'x', '{}')`,
  );
  expect(await findAt(fra)).toEqual([]);
  await Promise.all([ams.serve(), fra.serve()]);
  await sealSome(ams);
  const proved = async (at: TestSite) => (await readStreamHeads(at.pool)).get('ams')?.proved;
  await expect.poll(async () => (await proved(fra)) === (await proved(ams)), { timeout: 20_000 }).toBe(true);
  const faults = async () => (await fra.pool.query('select from taskledger.faults')).rowCount;
  await expect.poll(faults, { timeout: 10_000 }).toBe(1);
  await Promise.all([ams.rest(), fra.rest()]);
  const told = await fra.pool.query("select from taskledger.events where data ->> 'summary' like $1", [
    `%event ams/${gap} was put into the past%`,
  ]);
  expect(told.rowCount).toBe(1);
  await repair(fra, ams);
  expect(await findAt(fra)).toEqual([]);
  expect(await faults()).toBe(0);
  await Promise.all([ams.serve(), fra.serve()]);
  await assertConverged([ams, fra], { afterIncidents: true });
}, 60_000);
