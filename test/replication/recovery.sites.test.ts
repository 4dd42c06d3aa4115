import { expect, it } from 'vitest';
import { formatPosition } from '../../src/events/position.ts';
import { assertConverged } from '../support/converged.ts';
import { differencesFromLog } from '../support/ledger.ts';
import { copyOf } from '../support/older-copy.ts';
import { siteLinks } from '../support/site-links.ts';
import { joinSites, openSite, openSites, type TestSite } from '../support/sites.ts';

/** A site that was restored from an older state, and what its peers have of it. */
const name = 'tickets.issue';
const many = (n: number) => Array.from({ length: n }, (_, i) => ({ input: { i } }));
const withinMs = 30_000;
const afterRestore = { afterIncidents: true, withinMs };

const countAt = async ({ pool }: Pick<TestSite, 'pool'>, sql: string): Promise<number> =>
  Number((await pool.query<{ n: string }>(`select count(*) as n from taskledger.${sql}`)).rows[0]?.n);

const incarnationOf = async ({ pool }: TestSite): Promise<unknown> =>
  (await pool.query('select incarnation from taskledger.site')).rows[0];

/** A pair, and copies of the first one's database as it was before it recorded more, which it did: it is at rest now. */
async function pairWithCopies(copies: readonly string[]) {
  const [ams, fra] = await openSites(['ams', 'fra']);
  if (ams === undefined || fra === undefined) throw new Error('two sites');
  await ams.ledger.submitMany(name, many(50));
  await assertConverged([ams, fra]);
  await Promise.all([ams.rest(), fra.rest()]);
  const older: string[] = [];
  for (const as of copies) older.push(await copyOf(ams.url, as));
  await Promise.all([ams.serve(), fra.serve()]);
  await ams.ledger.submitMany(name, many(100));
  return { ams, fra, older };
}

/** Resolves when a link of this site has looked at its peer so many times more. */
async function hasLooked({ pool }: TestSite, times = 2): Promise<void> {
  const looked = async () => (await pool.query('select checked_at from taskledger.link_states')).rows as unknown[];
  for (let looks = 0, before = await looked(); looks < times; looks += 1, before = await looked()) {
    await expect.poll(looked, { timeout: 10_000 }).not.toEqual(before);
  }
}

/** Restored, not serving yet: a peer of `fra` instead of the one it is a copy of. */
const restoredFrom = (older: string | undefined, { key }: TestSite): Promise<TestSite> => openSite('ams', older, key);

it('I1: takes back what its peers know when it was restored, what it had not sealed too, and does so again', async () => {
  const { ams, fra, older } = await pairWithCopies(['first', 'second']);
  const keyed = await ams.ledger.submit(name, { order: 1 }, { key: 'order-1' });
  await assertConverged([ams, fra]);
  // From here on ams seals nothing, and is lost with that.
  await ams.rest();
  const unsealed = await ams.ledger.submitMany(name, many(20));
  const arrived = () => countAt(fra, "events where site = 'ams' and type = 'task.submitted'");
  await expect.poll(arrived, { timeout: 20_000 }).toBe(171);

  const restored = await restoredFrom(older[0], ams);
  // Somebody was faster than the daemon: what he recorded is kept, though not under a number that was used before.
  const early = await restored.ledger.submitMany(name, many(10));
  const again = await restored.ledger.submit(name, { order: 1 }, { key: 'order-1' });
  await joinSites([restored, fra]);
  await restored.serve();
  await restored.signals.next('site.recovered');
  await assertConverged([restored, fra], afterRestore);
  expect(await incarnationOf(restored)).toEqual({ incarnation: 2 });
  for (const site of [restored, fra]) {
    for (const { id } of [...early, ...unsealed]) expect(await site.ledger.get(id)).toMatchObject({ state: 'pending' });
    expect(await site.ledger.get(again.id)).toMatchObject({ state: 'aborted' });
  }
  const third = await restored.ledger.submit(name, { order: 1 }, { key: 'order-1' });
  expect(third).toMatchObject({ id: keyed.id, created: false });
  expect(await differencesFromLog(restored)).toEqual([]);
  await assertConverged([restored, fra], afterRestore);
  await restored.rest();

  const second = await restoredFrom(older[1], ams);
  await joinSites([second, fra]);
  await second.serve();
  await second.signals.next('site.recovered');
  const [last] = await second.ledger.submitMany(name, many(5));
  await assertConverged([second, fra], afterRestore);
  expect(await incarnationOf(second)).toEqual({ incarnation: 3 });
  expect(formatPosition(last!)).toMatch(/^ams\/3-/);
}, 180_000);

it('I6, I7: gives up what it sealed after a restore, before it could ask its peers, and holds what they hold', async () => {
  const { ams, fra, older } = await pairWithCopies(['first']);
  await assertConverged([ams, fra]);
  await ams.rest();
  const links = siteLinks();
  const restored = await restoredFrom(older[0], ams);
  await joinSites([restored, fra], { via: links.via });
  links.of('ams').forEach((way) => way.refuse());
  await restored.serve();
  const meanwhile: { id: string }[] = [];
  for (let i = 0; i < 4; i += 1) {
    const sealed = restored.signals.next('seal.done');
    meanwhile.push(...(await restored.ledger.submitMany(name, many(30))));
    await sealed;
  }
  await restored.ledger.whenCaughtUp();
  const recovered = restored.signals.next('site.recovered');
  links.of('ams').forEach((way) => way.mend());
  await recovered;
  await restored.ledger.submitMany(name, many(5));
  await assertConverged([restored, fra], afterRestore);
  for (const site of [restored, fra]) {
    for (const { id } of meanwhile) expect(await site.ledger.get(id)).toMatchObject({ state: 'pending' });
  }
  expect(await countAt(restored, "quarantine where what = 'block'")).toBeGreaterThan(0);
  expect(await differencesFromLog(restored)).toEqual([]);
}, 180_000);

it('takes no block back that it has not signed, says so once, and goes on working', async () => {
  const [ams, fra] = (await openSites(['ams', 'fra'])) as [TestSite, TestSite];
  await ams.ledger.submitMany(name, many(20));
  await assertConverged([ams, fra]);
  const disputed = ams.signals.next('block.disputed');
  await fra.pool.query(
    `insert into taskledger.blocks (site, number, members, event_count, root, prev_hash, hash, sealed_at, sealed_by, format, key_id, signature, leaf_hints)
     select site, number + 1, members, event_count, root, hash, sha256(hash), sealed_at, sealed_by, format, key_id, signature, leaf_hints
       from taskledger.blocks where site = 'ams' order by number desc limit 1`,
  );
  expect(await disputed).toMatchObject({ peer: 'fra' });
  await ams.ledger.submitMany(name, many(20));
  expect(await incarnationOf(ams)).toEqual({ incarnation: 1 });
  await hasLooked(ams);
  expect(await countAt(ams, "events where data ->> 'kind' = 'disputed_block'")).toBe(1);
}, 60_000);

it('waits with its work for a peer that is away, until somebody says that it is gone', async () => {
  const links = siteLinks();
  const { ams, fra, older } = await pairWithCopies(['first']);
  await assertConverged([ams, fra]);
  await ams.rest();
  const restored = await restoredFrom(older[0], ams);
  const lon = await openSite('lon');
  await joinSites([restored, fra]);
  for (const site of [restored, fra]) await joinSites([site, lon], { via: links.via });
  links.of('lon').forEach((way) => way.refuse());
  await restored.serve();
  await restored.signals.next('site.recovering');
  await expect.poll(() => countAt(restored, "events where site = 'ams' and type = 'task.submitted'")).toBe(150);
  await expect(restored.ledger.submit(name, {})).rejects.toMatchObject({ code: 'TASKLEDGER_NOT_OWNER' });
  const recovered = restored.signals.next('site.recovered');
  await restored.pool.query("select taskledger.remove_peer('lon', 'burnt down')");
  await recovered;
  await restored.ledger.submit(name, {});
  await assertConverged([restored, fra], afterRestore);
  const { rows } = await fra.pool.query(
    "select type, data ->> 'name' as name from taskledger.events where site = 'ams' and type in ('site.joined', 'site.left') order by seq",
  );
  expect(rows.at(-1)).toEqual({ type: 'site.left', name: 'lon' });
}, 60_000);

it('I1: is not opened again while it cannot tell whether a block of its peer is one it seals just now', async () => {
  const { ams, fra, older } = await pairWithCopies(['first']);
  await assertConverged([ams, fra]);
  await ams.rest();
  const restored = await restoredFrom(older[0], ams);
  await joinSites([restored, fra]);
  // The sealer has asked, and has not let go yet.
  await restored.pool.query("select taskledger.begin_recovery(1, sha256('unknown'))");
  const tick = await restored.pool.connect();
  try {
    await tick.query('begin');
    await tick.query("select pg_advisory_xact_lock(hashtextextended('taskledger.sealing', 0))");
    await restored.serve();
    await hasLooked(restored);
    expect(await incarnationOf(restored)).toEqual({ incarnation: 1 });
    const recovered = restored.signals.next('site.recovered');
    await tick.query('commit');
    await recovered;
  } finally {
    tick.release(true);
  }
  expect(await countAt(restored, "events where site = 'ams' and type = 'task.submitted'")).toBe(150);
  await assertConverged([restored, fra], afterRestore);
}, 60_000);

it('I1: is not opened again while its peer is still to get a block before those it has', async () => {
  const { ams, fra, older } = await pairWithCopies(['first']);
  await assertConverged([ams, fra]);
  // Another block at least.
  await ams.ledger.submitMany(name, many(10));
  await assertConverged([ams, fra]);
  await Promise.all([ams.rest(), fra.rest()]);
  const first = await countAt(await restoredFrom(older[0], ams), "blocks where site = 'ams'");
  const lost = `from taskledger.blocks where site = 'ams' and number = ${first + 1}`;
  await fra.pool.query(`create table public.lost_block as select * ${lost}`);
  await fra.pool.query(`alter table taskledger.blocks disable trigger all; delete ${lost}`);
  const restored = await restoredFrom(older[0], ams);
  await joinSites([restored, fra]);
  await restored.pool.query("select taskledger.begin_recovery(1, sha256('unknown'))");
  await restored.serve();
  await hasLooked(restored);
  expect(await incarnationOf(restored)).toEqual({ incarnation: 1 });
  const recovered = restored.signals.next('site.recovered');
  await fra.pool.query('insert into taskledger.blocks select * from public.lost_block');
  await recovered;
  await fra.serve();
  await assertConverged([restored, fra], afterRestore);
}, 60_000);

it('does not take a block for lost that it is sealing just now', async () => {
  const [ams] = (await openSites(['ams', 'fra'], { serving: false })) as [TestSite, TestSite];
  const begin = async () =>
    (await ams.pool.query("select taskledger.begin_recovery(1, sha256('unknown')) as begun")).rows as unknown[];
  const tick = await ams.pool.connect();
  try {
    await tick.query('begin');
    await tick.query(`select taskledger.seal(pg_current_snapshot()::text, $1, '[]')`, [ams.key.keyId]);
    expect(await begin()).toEqual([{ begun: null }]);
    await expect(ams.ledger.submit(name, {})).resolves.toMatchObject({ created: true });
    await tick.query('commit');
    expect(await begin()).toEqual([{ begun: true }]);
  } finally {
    tick.release(true);
  }
}, 60_000);
