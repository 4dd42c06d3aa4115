import { expect, it } from 'vitest';
import { assertConverged } from '../support/converged.ts';
import { openSites, type TestSite } from '../support/sites.ts';

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

async function three(): Promise<readonly [TestSite, TestSite, TestSite]> {
  const [ams, fra, lon] = await openSites(['ams', 'fra', 'lon']);
  if (ams === undefined || fra === undefined || lon === undefined) throw new Error('three sites');
  await ams.ledger.submitMany('tickets.issue', many(200));
  await assertConverged([ams, fra, lon]);
  return [ams, fra, lon];
}

it('finds an event changed at one peer, deleted at another, changed at its own site; names them, and repairs each on command', async () => {
  const sites = await three();
  const [ams, fra, lon] = sites;
  const seq = await lastSeq(ams);
  await tamper(fra, 'ams', `update taskledger.events_ams set data = '{"name":"forged"}' where seq = ${seq}`);
  await tamper(lon, 'ams', `delete from taskledger.events_ams where seq = ${seq - 1n}`);
  await tamper(ams, 'ams', `update taskledger.events_ams set actor = 'nobody' where seq = ${seq - 2n}`);
  await Promise.all([
    named(fra, `event ams/${seq} was altered`),
    named(lon, `event ams/${seq - 1n} is missing`),
    named(ams, `event ams/${seq - 2n} was altered`),
  ]);
  for (const { pool } of sites) {
    const { rows } = await pool.query<{ ordered: number }>("select taskledger.order_repair('ams') as ordered");
    expect(rows).toEqual([{ ordered: 1 }]);
  }
  await assertConverged(sites, { afterIncidents: true });
  const faults = async () =>
    (await Promise.all(sites.map(({ pool }) => pool.query('select from taskledger.faults')))).map(
      ({ rowCount }) => rowCount,
    );
  await expect.poll(faults, { timeout: 10_000 }).toEqual([0, 0, 0]);
}, 60_000);

it('keeps an event that was put where another one arrives later out of everything, and repairs it on command', async () => {
  const sites = await three();
  const [ams, fra] = sites;
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
  await assertConverged(sites, { afterIncidents: true });
}, 60_000);

it('makes a slot anew that was dropped, and pulls what was recorded meanwhile', async () => {
  const sites = await three();
  const [ams, fra] = sites;
  await fra.rest();
  const ofFra = `from pg_replication_slots where database = current_database() and slot_name like 'tl_fra_%'`;
  const { rows } = await ams.pool.query<{ slot: string }>(`select slot_name as slot ${ofFra}`);
  await fra.pool.query(`alter subscription ${rows[0]!.slot} disable`);
  const dropped = (): Promise<boolean> =>
    ams.pool.query(`select pg_drop_replication_slot(slot_name) ${ofFra}`).then(
      () => true,
      () => false,
    );
  await expect.poll(dropped, { timeout: 10_000 }).toBe(true);
  await ams.ledger.submitMany('tickets.issue', many(500));
  await fra.serve();
  await assertConverged(sites);
}, 60_000);
