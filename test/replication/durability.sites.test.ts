import pg from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import type { Recorded, Replicated, ReplicationGoal } from '../../src/index.ts';
import { openLedger, type Ledger, type LedgerOptions } from '../../src/open-ledger.ts';
import { readPeers } from '../../src/replication/peer.ts';
import { resubscribe } from '../../src/replication/subscription.ts';
import { assertConverged } from '../support/converged.ts';
import { loginWith } from '../support/logins.ts';
import { ledgerOnOwnServer } from '../support/own-server.ts';
import { joinSites, openSite, openSites, type TestSite } from '../support/sites.ts';
import { proxyTo } from '../support/tcp-proxy.ts';

const name = 'tickets.issue';
const many = (n: number) => Array.from({ length: n }, (_, i) => ({ input: { i } }));
/** A link at rest takes milliseconds; an answer that never comes is not waited for. */
const soonMs = 400;
const patienceMs = 10_000;

/** An application at a site: it submits, and may ask the peers it names, and nothing else. */
async function applicationAt(site: TestSite, peers: LedgerOptions['peers'] & object): Promise<Ledger> {
  const { url } = await loginWith(site.url, 'taskledger_submitter');
  const ledger = await openLedger({ connectionString: url, peers, maxConnections: 2 });
  onTestFinished(() => ledger.close());
  return ledger;
}

async function pair(): Promise<{ ams: TestSite; fra: TestSite; app: Ledger }> {
  const [ams, fra] = await openSites(['ams', 'fra']);
  if (ams === undefined || fra === undefined) throw new Error('two sites');
  await ams.ledger.submit(name, {});
  await assertConverged([ams, fra]);
  const { url } = await loginWith(fra.url, 'taskledger_peer');
  return { ams, fra, app: await applicationAt(ams, { fra: url }) };
}

/** Of the subscription of this site to `ams`, and of its slot there. */
const slotOf = async ({ pool }: TestSite): Promise<string> => {
  const [peer] = await readPeers(pool);
  return peer!.slot;
};

/** Waits until the LSN of `ams` says that everything it has written is at the peer. */
async function lsnSaysYes(ams: TestSite, slot: string): Promise<void> {
  const { rows } = await ams.pool.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn');
  const confirmed = async () => {
    const found = await ams.pool.query<{ yes: boolean }>(
      'select confirmed_flush_lsn >= $2::pg_lsn as yes from pg_replication_slots where slot_name = $1',
      [slot, rows[0]?.lsn],
    );
    return found.rows[0]?.yes;
  };
  // A running transaction record moves the slot on where nothing is published.
  await ams.pool.query('select pg_log_standby_snapshot()');
  await expect.poll(confirmed, { timeout: 10_000 }).toBe(true);
}

/** What the peers say of it as soon as they say anything: on a busy machine a first connection takes longer than `soonMs`. */
async function toldSoon(app: Ledger, recorded: Recorded, goal: ReplicationGoal = {}): Promise<Replicated> {
  const untilMs = performance.now() + patienceMs;
  for (;;) {
    const answer = await app.whenReplicated(recorded, { ...goal, timeoutMs: soonMs });
    if (answer.outcome !== 'unknown' || performance.now() > untilMs) return answer;
  }
}

/** Every way to be told the wrong thing is told right, and mended by the repair that runs by itself. */
async function isToldNotYetUntilRepaired(ams: TestSite, fra: TestSite, recorded: { app: Ledger; seq: bigint }) {
  const { app, seq } = recorded;
  await lsnSaysYes(ams, await slotOf(fra));
  expect(await toldSoon(app, { site: 'ams', seq })).toEqual({ outcome: 'not-yet', sites: [] });
}

async function atRest(...sites: TestSite[]): Promise<void> {
  await Promise.all(sites.map((site) => site.rest()));
}

it('says at how many of two sites an event is, and counts no site that is closed to it or recovers', async () => {
  const [ams, fra, lon] = await openSites(['ams', 'fra', 'lon']);
  const app = await applicationAt(ams!, { fra: fra!.url, lon: lon!.url });
  const task = await app.submit(name, { a: 1 }, { durability: 'replicated' });
  expect(task).toMatchObject({ site: 'ams', created: true, durability: 'replicated' });
  const both = await app.whenReplicated(task, { sites: 2 });
  expect({ ...both, sites: [...both.sites].sort() }).toEqual({ outcome: 'replicated', sites: ['fra', 'lon'] });
  expect(await app.whenReplicated(task, { sites: ['lon', 'lon'] })).toEqual({ outcome: 'replicated', sites: ['lon'] });
  const batch = await app.submitMany(name, many(1200), { durability: { sites: 2 } });
  expect(new Set(batch.map(({ durability }) => durability))).toEqual(new Set(['replicated']));

  await fra!.rest();
  await fra!.pool.query(
    `alter subscription ${(await readPeers(fra!.pool)).find(({ site }) => site === 'ams')!.slot} disable`,
  );
  const late = await app.submit(name, { a: 2 }, { durability: { sites: 2, timeoutMs: 2000 } });
  expect(late.durability).toBe('not-yet');
  expect(await toldSoon(app, late, { sites: 2 })).toEqual({ outcome: 'not-yet', sites: ['lon'] });
  expect(await app.whenReplicated(late)).toEqual({ outcome: 'replicated', sites: ['lon'] });

  const atLon = { sites: ['lon'] };
  await lon!.rest();
  for (const forbidden of [
    "update taskledger.streams set sealed = true where site = 'ams'",
    "update taskledger.streams set sealed = false; update taskledger.realms set state = 'recovering' where owner = 'lon'",
  ]) {
    await lon!.pool.query(forbidden);
    expect(await toldSoon(app, late, atLon), forbidden).toEqual({ outcome: 'not-yet', sites: [] });
  }
  await lon!.pool.query("update taskledger.realms set state = 'open' where owner = 'lon'");
  expect(await app.whenReplicated(late, atLon)).toEqual({ outcome: 'replicated', sites: ['lon'] });
}, 60_000);

it('asks for many calls by one connection, answers in time, and says that it does not know while the link to the peer swallows everything', async () => {
  const { fra, ams } = await pair();
  const link = await proxyTo(fra.url);
  const app = await applicationAt(ams, { fra: link.url(fra.url) });
  const task = await app.submit(name, {}, { durability: 'replicated' });
  expect(task.durability).toBe('replicated');
  const together = await Promise.all(
    many(100).map(({ input }) => app.submit(name, input, { durability: 'replicated' })),
  );
  expect(together.map(({ durability }) => durability)).toEqual(together.map(() => 'replicated'));
  expect(link.connections).toBe(1);

  link.freeze();
  const startedAt = performance.now();
  expect(await app.whenReplicated(task, { timeoutMs: 500 })).toEqual({ outcome: 'unknown', sites: [] });
  const late = await app.submit(name, {}, { durability: { timeoutMs: 500 } });
  expect(late.durability).toBe('unknown');
  expect(performance.now() - startedAt).toBeLessThan(1400);
  expect(performance.now() - startedAt).toBeGreaterThan(990);

  link.mend();
  expect(await app.whenReplicated({ site: 'ams', seqs: [task.seq, late.seq] })).toEqual({
    outcome: 'replicated',
    sites: ['fra'],
  });
  link.strand();
  expect(await app.whenReplicated(late)).toEqual({ outcome: 'replicated', sites: ['fra'] });

  link.freeze();
  const waiting = app.whenReplicated(task, { timeoutMs: 60_000 });
  await app.close();
  expect(await waiting).toEqual({ outcome: 'unknown', sites: [] });
  await expect(app.whenReplicated(task)).rejects.toMatchObject({ code: 'TASKLEDGER_UNREACHABLE' });
}, 60_000);

it('says "not yet" though the LSN says yes, of an event from before a slot that was made anew', async () => {
  const { ams, fra, app } = await pair();
  await atRest(fra);
  const [peer] = await readPeers(fra.pool);
  await fra.pool.query(`alter subscription ${peer!.slot} disable`);
  const { seq } = await app.submit(name, { lost: true });
  await resubscribe(ams.pool, fra.pool, peer!, 10_000);
  await isToldNotYetUntilRepaired(ams, fra, { app, seq });
  await fra.serve();
  expect(await app.whenReplicated({ site: 'ams', seq })).toMatchObject({ outcome: 'replicated' });
}, 60_000);

it('says "not yet" though the LSN says yes, of an event of a table that the subscription did not refresh', async () => {
  const { ams, fra, app } = await pair();
  await atRest(fra);
  const refresh = `alter subscription ${await slotOf(fra)} refresh publication with (copy_data = false)`;
  const columns = 'site, seq, realm, epoch, task_id, version, type, occurred_at, actor, context, data';
  await ams.pool.query('alter publication taskledger drop table taskledger.events_ams');
  await fra.pool.query(refresh);
  await ams.pool.query(`alter publication taskledger add table taskledger.events_ams (${columns})`);
  const { seq } = await app.submit(name, { skipped: true });
  await isToldNotYetUntilRepaired(ams, fra, { app, seq });
  await fra.serve();
  expect(await app.whenReplicated({ site: 'ams', seq })).toMatchObject({ outcome: 'replicated' });
}, 60_000);

it('says "not yet" though the LSN says yes and a row is there, of an event whose place another one has', async () => {
  const { ams, fra, app } = await pair();
  await atRest(ams, fra);
  const { rows } = await ams.pool.query<{ next: string }>(
    "select max(seq) + 1 as next from taskledger.events where site = 'ams'",
  );
  await fra.pool.query(
    `insert into taskledger.events_ams (site, seq, realm, epoch, type, occurred_at, actor, data)
     values ('ams', $1, 'ams', 1, 'site.forged', now(), 'x', '{}')`,
    [rows[0]?.next],
  );
  await fra.pool.query("select taskledger.close_gate('ams', true)");
  const { seq } = await app.submit(name, { refused: true });
  expect(String(seq)).toBe(rows[0]?.next);
  await isToldNotYetUntilRepaired(ams, fra, { app, seq });
  const kept = await fra.pool.query("select place from taskledger.quarantine where what = 'event'");
  expect(kept.rows).toEqual([{ place: String(seq) }]);

  await ams.serve();
  await fra.serve();
  await expect
    .poll(() => fra.pool.query("select taskledger.order_repair('ams') as ordered"), { timeout: 10_000 })
    .toMatchObject({ rows: [{ ordered: 1 }] });
  expect(await app.whenReplicated({ site: 'ams', seq })).toMatchObject({ outcome: 'replicated' });
}, 60_000);

it('acknowledges nothing that a crash of the peer takes away', async () => {
  const fra = await openSite('fra');
  const own = await ledgerOnOwnServer();
  // What a commit does not flush stays in memory for that long.
  await own.pool.query("alter system set wal_writer_delay = '10s'");
  await own.pool.query('alter system set synchronous_commit = off');
  await own.pool.query('select pg_reload_conf()');
  const ams = { ...own, name: 'ams' };
  await joinSites([fra, ams]);
  const [peer] = await readPeers(own.pool);
  await resubscribe(fra.pool, own.pool, peer!, 10_000);
  const app = await applicationAt(fra, { ams: own.url });
  const first = await app.submit(name, {}, { durability: 'replicated' });
  expect(first.durability).toBe('replicated');
  const tasks = await app.submitMany(name, many(50), { durability: 'replicated' });
  expect(tasks[0]?.durability).toBe('replicated');
  await own.server.kill();
  await own.server.restart();
  const { rows } = await own.pool.query<{ found: string }>(
    "select count(*)::int as found from taskledger.events where site = 'fra' and seq = any ($1)",
    [tasks.map(({ seq }) => seq)],
  );
  expect(rows).toEqual([{ found: 50 }]);
}, 60_000);

it('refuses, before anything is written, what could never be answered', async () => {
  const [ams, fra] = (await openSites(['ams', 'fra'], { serving: false })) as [TestSite, TestSite];
  const app = await applicationAt(ams, { fra: fra.url });
  const lone = await applicationAt(ams, {});
  const refused = { code: 'TASKLEDGER_INVALID_OPTION' };
  const before = await ams.pool.query('select count(*) from taskledger.open_tasks');
  await expect(lone.submit(name, {}, { durability: 'replicated' })).rejects.toMatchObject(refused);
  await expect(lone.submitMany(name, many(2), { durability: 'replicated' })).rejects.toMatchObject(refused);
  await expect(app.submit(name, {}, { durability: { sites: 2 } })).rejects.toMatchObject(refused);
  await expect(app.submit(name, {}, { durability: { sites: ['lon'] } })).rejects.toThrow(/among the peers: fra/);
  await expect(app.submit(name, {}, { durability: 'sometimes' as 'replicated' })).rejects.toMatchObject(refused);
  const client = new pg.Client({ connectionString: ams.url });
  await client.connect();
  await client.query('begin');
  await expect(app.submit(name, {}, { tx: client, durability: 'replicated' })).rejects.toThrow(
    /whenReplicated after your commit/,
  );
  const open = await app.submit(name, {}, { tx: client });
  await expect(app.whenReplicated(open)).rejects.toMatchObject({ code: 'TASKLEDGER_NOT_FOUND' });
  await client.query('rollback');
  await client.end();
  await expect(app.whenReplicated({ site: 'ams', seq: 1 as unknown as bigint })).rejects.toMatchObject(refused);
  expect(await ams.pool.query('select count(*) from taskledger.open_tasks')).toMatchObject({ rows: before.rows });

  await expect(openLedger({ connectionString: ams.url, peers: { ams: fra.url } })).rejects.toMatchObject(refused);
  const misled = await applicationAt(ams, { lon: fra.url });
  const task = await misled.submit(name, {}, { durability: 'replicated' });
  expect(task.durability).toBe('unknown');
  await expect(misled.whenReplicated(task)).rejects.toMatchObject({ code: 'TASKLEDGER_NOT_A_PEER' });
  const { url } = await loginWith(fra.url);
  const without = await applicationAt(ams, { fra: url });
  await expect(without.whenReplicated(task)).rejects.toMatchObject({ code: 'TASKLEDGER_NOT_ALLOWED' });
}, 60_000);
