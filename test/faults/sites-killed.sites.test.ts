import { expect, test } from 'vitest';
import { assertConverged } from '../support/converged.ts';
import { spawnDaemon } from '../support/daemon-process.ts';
import { scaled } from '../support/scale.ts';
import { siteLinks } from '../support/site-links.ts';
import { expectKept, startLoad } from '../support/site-load.ts';
import { openSites, siteServersOfFile, type TestSite } from '../support/sites.ts';

/** Servers and daemons of a site are killed, under load, and started again; nobody gives a command. Three servers with fsync. */
const limitMs = 60_000 + scaled(30_000);
const faultMs = scaled(1000);
const withinMs = 30_000;
const names = ['ams', 'fra', 'lon'];

const servers = siteServersOfFile(3);

test(
  'I1, I10: Postgres of one site killed under load comes back with all it acknowledged, and the others with it',
  async () => {
    const sites = await openSites(names, { servers });
    const load = await startLoad(sites);
    await Promise.all(sites.map((site) => load.more(site, 50)));
    await servers[1]!.kill();
    await load.lasts(faultMs);
    await servers[1]!.restart();
    await Promise.all(sites.map((site) => load.more(site, 20)));
    await load.stop();
    await assertConverged(sites, { withinMs });
    await expectKept(load, sites);
  },
  limitMs,
);

test(
  'I1, I10: a whole site away, its daemon and its Postgres, under load at the others, is as they are when it is back',
  async () => {
    const sites = await openSites(names, { servers });
    const [ams, fra, lon] = [sites[0]!, sites[1]!, sites[2]!];
    const load = await startLoad(sites);
    await Promise.all(sites.map((site) => load.more(site, 20)));
    await servers[1]!.kill();
    await fra.rest();
    await load.lasts(faultMs);
    await Promise.all([ams, lon].map((site) => load.more(site, 50)));
    // The others do not wait for it: they prove each other's blocks.
    const head = await headOf(ams, ams);
    await expect.poll(() => headOf(ams, lon), { timeout: 20_000 }).toBeGreaterThanOrEqual(head);
    await servers[1]!.restart();
    await fra.serve();
    await load.stop();
    await assertConverged(sites, { withinMs });
    await expectKept(load, sites);
  },
  limitMs,
);

test(
  'I1, I10: a slot that was cut off by the limit of WAL is made anew, and what it kept is pulled',
  async () => {
    const links = siteLinks();
    const sites = await openSites(names, { servers, via: links.via });
    const [ams, fra] = [sites[0]!, sites[1]!];
    const load = await startLoad(sites);
    await Promise.all(sites.map((site) => load.more(site, 20)));
    await ams.pool.query("alter system set max_slot_wal_keep_size = '1MB'");
    await ams.pool.query('select pg_reload_conf()');
    links.way('fra', 'ams').refuse();
    const subscribed = fra.signals.next('link.subscribed', ({ peer, slot }) => peer === 'ams' && slot === 'lost');
    const kept = async (): Promise<unknown> => {
      // A segment is 16 MB: some are left behind, with little in them.
      await ams.pool.query("select pg_logical_emit_message(false, 'taskledger', 'x')");
      await ams.pool.query('select pg_switch_wal()');
      await ams.pool.query('checkpoint');
      const { rows } = await ams.pool.query<{ wal_status: string }>(
        "select active, wal_status from pg_replication_slots where slot_name like 'tl_fra_%' and database = current_database()",
      );
      return rows;
    };
    await expect.poll(kept, { timeout: 20_000, interval: 50 }).toEqual([{ active: false, wal_status: 'lost' }]);
    await ams.pool.query('alter system reset max_slot_wal_keep_size');
    await ams.pool.query('select pg_reload_conf()');
    await load.more(ams, 20);
    links.way('fra', 'ams').mend();
    await subscribed;
    await load.stop();
    await assertConverged(sites, { withinMs });
    await expectKept(load, sites);
  },
  limitMs,
);

test(
  'I10: a daemon killed with -9 while its site joins, at its slot and in the middle of a pull, leaves nothing half done: the next one goes on',
  async () => {
    const links = siteLinks();
    const sites = await openSites(names, { servers, via: links.via, serving: false });
    const [ams, fra, lon] = [sites[0]!, sites[1]!, sites[2]!];
    for (let i = 0; i < 4; i += 1) {
      await ams.ledger.submitMany(
        'tickets.issue',
        Array.from({ length: 3000 }, () => ({ input: { i } })),
      );
    }
    await Promise.all([ams.serve(), lon.serve()]);
    const way = links.way('fra', 'ams');
    const steps = [
      // The slot is there, and nobody at fra knows.
      () => way.loseAnswer('pg_create_logical_replication_slot'),
      // After a part of the events was stored, and before the next one: the gate is closed.
      ...Array.from({ length: 3 }, () => () => way.loseRequest('json_agg(x)::text as events')),
    ];
    for (const [kill, comes] of steps.entries()) {
      const asked = comes();
      const daemon = spawnDaemon(fra.url, 'false', { keyFile: fra.keyFile! });
      await asked;
      daemon.kill();
      expect(await daemon.died).toBe('SIGKILL');
      await ams.ledger.submitMany('tickets.issue', [{ input: kill }]);
    }
    await fra.serve();
    await assertConverged(sites, { withinMs });
    await expect.poll(() => gatesClosed(fra), { timeout: 10_000 }).toBe(0);
    const slots = "select from pg_replication_slots where database = current_database() and slot_name like 'tl_fra_%'";
    expect((await ams.pool.query(slots)).rowCount).toBe(1);
  },
  limitMs,
);

/** Up to which block `at` has proven what `site` recorded. */
async function headOf(site: TestSite, at: TestSite): Promise<number> {
  const { rows } = await at.pool.query<{ proved: number }>(
    'select proved::int from taskledger.stream_heads() where site = $1',
    [site.name],
  );
  return rows[0]!.proved;
}

async function gatesClosed({ pool }: TestSite): Promise<number> {
  const { rows } = await pool.query<{ closed: number }>(
    `select count(*)::int as closed from pg_trigger t
      where t.tgname = 'gate' and t.tgenabled <> 'D' and t.tgrelid::regclass::text like 'taskledger.events_%'`,
  );
  return rows[0]!.closed;
}
