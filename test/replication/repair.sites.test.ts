import type pg from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { urlOfDatabase, withConnection } from '../support/admin-connection.ts';
import { assertConverged } from '../support/converged.ts';
import { openSite, openSites, joinSites, type TestSite } from '../support/sites.ts';

const many = (n: number) => Array.from({ length: n }, (_, i) => ({ input: { i } }));

/** As a superuser who knows how: the triggers of the leaf are off for this statement. */
async function tamper({ pool }: TestSite, stream: string, statement: string): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query(`alter table taskledger.events_${stream} disable trigger user`);
    await client.query(statement);
    await client.query(
      `alter table taskledger.events_${stream} enable always trigger refuse_change_row, enable always trigger refuse_change,
         enable always trigger refuse_truncate`,
    );
    await client.query('commit');
  } finally {
    client.release();
  }
}

const incidentsAt = async ({ pool }: TestSite): Promise<string[]> => {
  const { rows } = await pool.query<{ summary: string }>(
    "select data ->> 'summary' as summary from taskledger.events where type = 'incident.raised' order by site, seq",
  );
  return rows.map(({ summary }) => summary);
};

const lastSeq = async ({ pool, name }: TestSite): Promise<bigint> => {
  const { rows } = await pool.query<{ seq: string }>(
    'select max(seq)::text as seq from taskledger.events where site = $1',
    [name],
  );
  return BigInt(rows[0]?.seq ?? 0);
};

/** Found within ten seconds, and named; nobody but the site it happened at has to be asked. */
const named = (site: TestSite, event: string) =>
  expect
    .poll(() => incidentsAt(site), { timeout: 10_000, interval: 100 })
    .toContainEqual(expect.stringContaining(event));

async function pair(): Promise<readonly [TestSite, TestSite]> {
  const [ams, fra] = await openSites(['ams', 'fra']);
  if (ams === undefined || fra === undefined) throw new Error('two sites');
  await ams.ledger.submitMany('tickets.issue', many(200));
  await assertConverged([ams, fra]);
  return [ams, fra];
}

it.each([
  [
    'changed',
    (seq: bigint) => `update taskledger.events_ams set data = '{"name":"forged"}' where seq = ${seq}`,
    'was altered',
  ],
  ['deleted', (seq: bigint) => `delete from taskledger.events_ams where seq = ${seq}`, 'is missing'],
])(
  'finds an event %s at a peer, names it, and repairs it on command',
  async (_what, statement, told) => {
    const [ams, fra] = await pair();
    const seq = await lastSeq(ams);
    await tamper(fra, 'ams', statement(seq));
    await named(fra, `event ams/${seq} ${told}`);
    const { rows } = await fra.pool.query<{ ordered: number }>("select taskledger.order_repair('ams') as ordered");
    expect(rows).toEqual([{ ordered: 1 }]);
    await assertConverged([ams, fra], { afterIncidents: true });
    await expect
      .poll(async () => (await fra.pool.query('select from taskledger.faults')).rowCount, { timeout: 10_000 })
      .toBe(0);
  },
  60_000,
);

it('finds an event changed at the site that recorded it, and repairs it from a peer', async () => {
  const [ams, fra] = await pair();
  const seq = await lastSeq(ams);
  await tamper(ams, 'ams', `update taskledger.events_ams set actor = 'nobody' where seq = ${seq}`);
  await named(ams, `event ams/${seq} was altered`);
  await ams.pool.query("select taskledger.order_repair('ams')");
  await assertConverged([ams, fra], { afterIncidents: true });
}, 60_000);

it('keeps an event that was put where another one arrives later out of everything, and repairs it on command', async () => {
  const [ams, fra] = await pair();
  const { rows } = await ams.pool.query<{ next: string }>(
    'select (last_value + 1)::text as next from taskledger.event_seq',
  );
  // A number may be left out: the fifth is certainly one of ten tasks.
  const seq = BigInt(rows[0]?.next ?? 0) + 5n;
  await fra.pool.query(
    `insert into taskledger.events_ams (site, seq, realm, epoch, type, occurred_at, actor, data) values ('ams', ${seq}, 'ams', 1, 'site.forged', now(), 'x', '{}')`,
  );
  await ams.ledger.submitMany('tickets.issue', many(10));
  await named(fra, `event ams/${seq} was altered`);
  await fra.pool.query("select taskledger.order_repair('ams')");
  await assertConverged([ams, fra], { afterIncidents: true });
}, 60_000);

it('makes a slot anew that was dropped, and pulls what was recorded meanwhile', async () => {
  const [ams, fra] = await pair();
  await fra.rest();
  const slots = await ams.pool.query<{ slot_name: string; active_pid: number | null }>(
    'select slot_name, active_pid from pg_replication_slots where database = current_database()',
  );
  await fra.pool.query('alter subscription ' + (slots.rows[0]?.slot_name ?? '') + ' disable');
  await expect
    .poll(
      () =>
        ams.pool
          .query(
            'select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database()',
          )
          .then(
            () => true,
            () => false,
          ),
      { timeout: 10_000 },
    )
    .toBe(true);
  await ams.ledger.submitMany('tickets.issue', many(500));
  await fra.serve();
  await assertConverged([ams, fra]);
}, 60_000);

it('takes back what its peers know when it was restored from an older state, and goes on under a new incarnation', async () => {
  const [ams, fra] = await pair();
  await Promise.all([ams.rest(), fra.rest()]);
  const older = await copyOf(ams);
  await Promise.all([ams.serve(), fra.serve()]);
  await ams.ledger.submitMany('tickets.issue', many(300));
  await assertConverged([ams, fra]);
  await ams.rest();

  const restored = await openSite('ams', older, ams.key);
  // Somebody was faster than the daemon: what he recorded is kept, though not under a number that was used before.
  const early = await restored.ledger.submitMany('tickets.issue', many(10));
  await joinSites([restored, fra]);
  await restored.serve();
  await restored.signals.next('site.recovered');
  await restored.ledger.submitMany('tickets.issue', many(5));
  await assertConverged([restored, fra], { afterIncidents: true, withinMs: 30_000 });
  const { rows } = await restored.pool.query('select incarnation from taskledger.site');
  expect(rows).toEqual([{ incarnation: 2 }]);
  for (const site of [restored, fra]) {
    for (const { id } of early) expect(await site.ledger.get(id)).toMatchObject({ state: 'pending' });
  }
}, 90_000);

/** A second database with what this one holds now. */
async function copyOf(site: TestSite): Promise<string> {
  const from = new URL(site.url).pathname.slice(1);
  const name = `${from}_older`;
  const admin = urlOfDatabase(site.url, 'postgres');
  const copy = async (client: pg.Client): Promise<boolean> => {
    await client.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [from]);
    return client.query(`create database ${name} template ${from}`).then(
      () => true,
      () => false,
    );
  };
  await withConnection(admin, (client) => expect.poll(() => copy(client), { timeout: 20_000 }).toBe(true));
  onTestFinished(() =>
    withConnection(admin, (client) => client.query(`drop database if exists ${name} with (force)`)).then(
      () => undefined,
    ),
  );
  return urlOfDatabase(site.url, name);
}
