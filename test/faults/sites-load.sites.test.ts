import { expect, onTestFinished, test } from 'vitest';
import { readSiteStatus } from '../../src/replication/status.ts';
import { installMovableTime, removeMovableTime, setTime } from '../../src/testing/movable-time.ts';
import { assertConverged } from '../support/converged.ts';
import { scaled } from '../support/scale.ts';
import { expectKept, startLoad } from '../support/site-load.ts';
import { openSite, openSites, type TestSite } from '../support/sites.ts';

/** What is recorded, and by whom it is carried about, is unusual; nothing is cut. */
const limitMs = 60_000 + scaled(30_000);
const faultMs = scaled(1000);
const withinMs = 30_000;
const names = ['ams', 'fra', 'lon'];
const many = (n: number) => Array.from({ length: n }, (_, i) => ({ input: { i } }));

test(
  'I1: 20 000 events of one transaction arrive, and are proven',
  async () => {
    const sites = await openSites(names);
    const [ams] = [sites[0]!];
    const client = await ams.pool.connect();
    try {
      await client.query('begin');
      await ams.ledger.submitMany('tickets.issue', many(10_000), { tx: client });
      await ams.ledger.submitMany('tickets.issue', many(10_000), { tx: client });
      await client.query('commit');
    } finally {
      client.release();
    }
    await assertConverged(sites, { withinMs: 60_000 });
    const { rows } = await sites[2]!.pool.query(
      "select count(*)::int as n from taskledger.events where site = 'ams' and type = 'task.submitted'",
    );
    expect(rows).toEqual([{ n: 20_000 }]);
  },
  limitMs + 30_000,
);

test(
  'I6: one key at every site makes a task in each realm, and replication goes on',
  async () => {
    const sites = await openSites(names);
    const submit = ({ ledger }: TestSite) => ledger.submit('tickets.issue', { n: 1 }, { key: 'order-1' });
    const tasks = await Promise.all(sites.map(submit));
    await assertConverged(sites, { withinMs });
    // Each site knows its own by the key, though all three are here now.
    expect(await Promise.all(sites.map(submit))).toMatchObject(tasks.map(({ id }) => ({ id, created: false })));
    expect(new Set(tasks.map(({ id }) => id)).size).toBe(3);
    for (const site of sites) {
      const { rows } = await site.pool.query(
        "select id, realm from taskledger.projected_tasks where key = 'order-1' order by realm",
      );
      expect(rows).toEqual(tasks.map(({ id }, i) => ({ id, realm: names[i] })));
      await site.ledger.submitMany('tickets.issue', many(5));
    }
    await assertConverged(sites, { withinMs });
  },
  limitMs,
);

test.each([3_600_000, -3_600_000])(
  'I10: a site whose clock is off by %i ms is like the others: all converge, and none looks behind',
  async (offsetMs) => {
    const sites = await openSites(names, { serving: false });
    const [, fra] = sites;
    await installMovableTime(fra!.pool);
    onTestFinished(() => removeMovableTime(fra!.pool));
    await setTime(fra!.pool, { offsetMs, frozenAt: undefined });
    await Promise.all(sites.map((site) => site.serve()));
    const load = await startLoad(sites);
    await Promise.all(sites.map((site) => load.more(site, 20)));
    await load.lasts(faultMs);
    await load.stop();
    await assertConverged(sites, { withinMs });
    await expectKept(load, sites);
    // At fra itself SQL of the status asks the real clock: only functions go by the other one.
    for (const site of sites.filter(({ name }) => name !== 'fra')) {
      const status = async () => {
        const { inSync, peers, proofs } = await readSiteStatus(site.pool);
        return { inSync, behind: [...peers, ...proofs].filter(({ behindMs }) => behindMs !== 0).length };
      };
      await expect.poll(status, { timeout: 10_000 }).toEqual({ inSync: true, behind: 0 });
    }
  },
  limitMs,
);

test(
  'I10: two daemons for one site, while its subscriptions are taken away from them, bring every event once',
  async () => {
    const sites = await openSites(names);
    const [ams, fra] = [sites[0]!, sites[1]!];
    for (const { name, url, key } of [ams, fra]) await (await openSite(name, url, key)).serve();
    const load = await startLoad(sites);
    for (let round = 0; round < scaled(2); round += 1) {
      await Promise.all(sites.map((site) => load.more(site, 20)));
      await fra.pool.query("select taskledger.unsubscribe('ams')");
      await load.lasts(faultMs / 2);
    }
    await load.stop();
    await assertConverged(sites, { withinMs });
    await expectKept(load, sites);
  },
  limitMs,
);

test(
  'I1: the table of a stream taken away at a receiver, before anything arrived, is made anew, and filled',
  async () => {
    const sites = await openSites(names, { serving: false });
    const [ams, fra] = [sites[0]!, sites[1]!];
    await fra.pool.query('drop table taskledger.events_ams');
    await ams.ledger.submitMany('tickets.issue', many(200));
    await Promise.all(sites.map((site) => site.serve()));
    await assertConverged(sites, { withinMs });
  },
  limitMs,
);

test(
  'I1, I10: the table of a stream taken away later is made anew: what comes from then on arrives, the rest is repaired on command',
  async () => {
    const sites = await openSites(names);
    const [ams, fra] = [sites[0]!, sites[1]!];
    await ams.ledger.submitMany('tickets.issue', many(200));
    await assertConverged(sites);
    const resubscribed = fra.signals.next('link.subscribed', ({ peer }) => peer === 'ams');
    await fra.pool.query('drop table taskledger.events_ams');
    await ams.ledger.submitMany('tickets.issue', many(10));
    await resubscribed;
    const faults = async () => (await fra.pool.query('select from taskledger.faults')).rowCount;
    await expect.poll(faults, { timeout: 20_000 }).toBeGreaterThan(0);
    const repaired = async () => {
      await fra.pool.query("select taskledger.order_repair('ams')");
      return await faults();
    };
    await expect.poll(repaired, { timeout: 30_000, interval: 2000 }).toBe(0);
    await assertConverged(sites, { withinMs, afterIncidents: true });
  },
  limitMs,
);

test(
  'I7: a block that does not prove is in no projection until it does',
  async () => {
    const sites = await openSites(['ams', 'fra']);
    const [ams, fra] = [sites[0]!, sites[1]!];
    await assertConverged(sites);
    const { rows } = await ams.pool.query<{ next: number }>(
      'select last_value::int + 5 as next from taskledger.event_seq',
    );
    await fra.pool.query(
      `insert into taskledger.events_ams (site, seq, realm, epoch, type, occurred_at, actor, data)
       values ('ams', ${rows[0]!.next}, 'ams', 1, 'site.forged', now(), 'x', '{}')`,
    );
    const halted = fra.signals.next('stream.halted');
    const tasks = await ams.ledger.submitMany('tickets.issue', many(10));
    await halted;
    await ams.ledger.whenCaughtUp();
    const projectedAt = async ({ pool }: TestSite) => {
      const ids = tasks.map(({ id }) => id);
      return (await pool.query('select from taskledger.projected_tasks where id = any ($1)', [ids])).rowCount;
    };
    expect(await projectedAt(ams)).toBe(10);
    expect(await projectedAt(fra)).toBe(0);
    await fra.pool.query("select taskledger.order_repair('ams')");
    await assertConverged(sites, { withinMs, afterIncidents: true });
    expect(await projectedAt(fra)).toBe(10);
  },
  limitMs,
);
