import { expect, test } from 'vitest';
import { readIdentity } from '../../src/replication/peer.ts';
import { applyErrorsAt, assertConverged } from '../support/converged.ts';
import { siteLinks } from '../support/site-links.ts';
import { joinSites, openSite, openSites, type TestSite } from '../support/sites.ts';

/** Who may be a peer: the database that was added under a name and no other, in a format this release speaks. */
const limitMs = 90_000;
const withinMs = 30_000;
const many = (n: number) => Array.from({ length: n }, (_, i) => ({ input: { i } }));

const addPeer = async (at: TestSite, peer: TestSite, url = peer.url): Promise<void> => {
  const { id } = await readIdentity(peer.pool);
  await at.pool.query('select taskledger.add_peer($1, $2, $3)', [peer.name, id, url]);
};

/** What the daemon of a site last saw of the link to this peer. */
const linkState = async ({ pool }: TestSite, peer: string): Promise<unknown> => {
  const { rows } = await pool.query<{ code: string | null }>(
    "select state ->> 'code' as code from taskledger.link_states where site = $1",
    [peer],
  );
  return rows[0]?.code;
};

const tasksOf = async ({ pool }: TestSite, stream: string): Promise<number> => {
  const { rows } = await pool.query<{ n: number }>(
    "select count(*)::int as n from taskledger.events where site = $1 and type = 'task.submitted'",
    [stream],
  );
  return rows[0]!.n;
};

test('two databases that were given one name are no peers of each other, nor the same peer of a third', async () => {
  const [ams, other, fra] = [await openSite('ams'), await openSite('ams'), await openSite('fra')];
  await expect(addPeer(ams, other)).rejects.toThrow('Expected another site; found ams, which is this one.');
  await addPeer(fra, ams);
  await expect(addPeer(fra, other)).rejects.toThrow(
    'Expected site ams to be the database that was added under this name; found another one. Remove the old one first',
  );
});

test(
  'I6: of another database that answers at the URL of a peer, under its name, nothing is taken',
  async () => {
    const [ams, fra] = await openSites(['ams', 'fra']);
    await ams!.ledger.submitMany('tickets.issue', many(20));
    await assertConverged([ams!, fra!]);
    const impostor = await openSite('ams');
    await addPeer(impostor, fra!);
    await impostor.serve();
    await impostor.ledger.submitMany('tickets.issue', many(200));
    await addPeer(fra!, ams!, impostor.url);
    await expect.poll(() => linkState(fra!, 'ams'), { timeout: 20_000 }).toBe('TASKLEDGER_NOT_A_PEER');
    await ams!.ledger.submitMany('tickets.issue', many(10));
    // Every second it looks again, and is refused again.
    for (let looks = 0; looks < 2; looks += 1) await fra!.signals.next('service.failed');
    expect(await tasksOf(fra!, 'ams')).toBe(20);
    await addPeer(fra!, ams!);
    await assertConverged([ams!, fra!], { withinMs });
    expect(await tasksOf(fra!, 'ams')).toBe(30);
  },
  limitMs,
);

test(
  'a site that ships another format is refused, at every other site, and taken up again when it ships ours',
  async () => {
    const sites = await openSites(['ams', 'fra', 'lon'], { serving: false });
    const [ams, fra, lon] = [sites[0]!, sites[1]!, sites[2]!];
    const { rows } = await lon.pool.query<{ definition: string }>(
      "select pg_get_functiondef('taskledger.site_identity()'::regprocedure) as definition",
    );
    const { definition } = rows[0]!;
    const newer = definition.replace(/(\s)1, \(select/, '$12, (select');
    expect(newer).not.toBe(definition);
    await lon.pool.query(newer);
    await Promise.all(sites.map((site) => site.serve()));
    await Promise.all(sites.map((site) => site.ledger.submitMany('tickets.issue', many(20))));
    for (const site of [ams, fra]) {
      await expect.poll(() => linkState(site, 'lon'), { timeout: 20_000 }).toBe('TASKLEDGER_NOT_A_PEER');
      expect(await tasksOf(site, 'lon')).toBe(0);
    }
    await lon.pool.query(definition);
    await assertConverged(sites, { withinMs });
  },
  limitMs,
);

test(
  'sites converge while one is a migration and a revision of the functions ahead, in whichever order they are brought up',
  async () => {
    const sites = await openSites(['ams', 'fra', 'lon']);
    const [ams] = [sites[0]!];
    await Promise.all(sites.map((site) => site.ledger.submitMany('tickets.issue', many(20))));
    await assertConverged(sites);
    // What a migration may do: add.
    for (const table of ['events', 'blocks', 'site_keys', 'proofs']) {
      await ams.pool.query(`alter table taskledger.${table} add column told_later text`);
    }
    await ams.pool.query('update taskledger.functions set revision = revision + 1');
    const pulls: string[] = [];
    for (const { name, signals } of sites) {
      signals.subscribe((signal) => {
        if (signal.name === 'stream.pulled') pulls.push(`${name}: ${JSON.stringify(signal.data)}`);
      });
    }
    for (let i = 0; i < 5; i += 1) {
      await Promise.all(sites.map((site) => site.ledger.submitMany('tickets.issue', many(20))));
      await assertConverged(sites, { withinMs });
    }
    expect(await Promise.all(sites.map(applyErrorsAt))).toEqual([0, 0, 0]);
    expect(pulls).toEqual([]);
  },
  limitMs,
);

test(
  'I1: the last words of a site that is gone for good reach the one that had not heard them from the one that had',
  async () => {
    const links = siteLinks();
    const sites = await openSites(['ams', 'fra', 'lon'], { via: links.via });
    const [ams, fra, lon] = [sites[0]!, sites[1]!, sites[2]!];
    await ams.ledger.submitMany('tickets.issue', many(20));
    await assertConverged(sites);
    links.way('lon', 'ams').refuse();
    links.way('lon', 'fra').refuse();
    const last = await ams.ledger.submitMany('tickets.issue', many(50));
    await assertConverged([ams, fra]);
    await ams.rest();
    links.of('ams').forEach((way) => way.refuse());
    expect(await tasksOf(lon, 'ams')).toBe(20);
    links.way('lon', 'fra').mend();
    await assertConverged([fra, lon], { withinMs });
    for (const { id } of last) expect(await lon.ledger.get(id)).toMatchObject({ state: 'pending' });
  },
  limitMs,
);

test(
  'a site that joins while a transaction is open at its peer for long has the history before that one ends',
  async () => {
    const [ams, fra] = [await openSite('ams'), await openSite('fra')];
    await Promise.all([ams.serve(), fra.serve()]);
    await ams.ledger.submitMany('tickets.issue', many(500));
    const open = await ams.pool.connect();
    try {
      await open.query('begin');
      await ams.ledger.submitMany('tickets.issue', many(5), { tx: open });
      await ams.ledger.submitMany('tickets.issue', many(500));
      await joinSites([ams, fra]);
      // No slot can be made while it is open: what is sealed is pulled.
      await expect.poll(() => tasksOf(fra, 'ams'), { timeout: 20_000 }).toBe(1000);
      await open.query('commit');
    } finally {
      // Closed, and what is open in it with it.
      open.release(true);
    }
    await assertConverged([ams, fra], { withinMs });
    expect(await tasksOf(fra, 'ams')).toBe(1005);
  },
  limitMs,
);
