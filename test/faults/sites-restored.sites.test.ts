import { execFile } from 'node:child_process';
import { rename } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { assertConverged } from '../support/converged.ts';
import { scaled } from '../support/scale.ts';
import { expectKept, startLoad } from '../support/site-load.ts';
import { openSites, siteServersOfFile, type TestSite } from '../support/sites.ts';

/** The files of a whole server are put back: its slots, its subscriptions and its WAL are older too. Three servers with fsync. */
const limitMs = 90_000 + scaled(30_000);
const faultMs = scaled(1000);
const withinMs = 30_000;

const servers = siteServersOfFile(3);

test(
  'I1, I5 to I7: a site whose data directory is put back to an older copy takes back what its peers know, while they work',
  async () => {
    const sites = await openSites(['ams', 'fra', 'lon'], { servers });
    const [ams, fra, lon] = sites as [TestSite, TestSite, TestSite];
    const before = await startLoad(sites);
    await Promise.all(sites.map((site) => before.more(site, 20)));
    await before.stop();
    await assertConverged(sites, { withinMs });

    const server = servers[1]!;
    const data = path.join(server.dataDir, 'data');
    const older = path.join(server.dataDir, 'older');
    await server.kill();
    // With its owner and its modes, which Node's own copy does not keep.
    await promisify(execFile)('cp', ['-a', data, older]);
    await server.restart();

    const since = await startLoad(sites);
    await Promise.all(sites.map((site) => since.more(site, 40)));
    await since.stop();
    await assertConverged(sites, { withinMs });

    const meanwhile = await startLoad([ams, lon], sites);
    await server.kill();
    await rename(data, path.join(server.dataDir, 'newer'));
    await rename(older, data);
    const recovered = fra.signals.next('site.recovered');
    await server.restart();
    await recovered;
    const after = await startLoad([fra], sites);
    await meanwhile.lasts(faultMs);
    await Promise.all([...[ams, lon].map((site) => meanwhile.more(site, 20)), after.more(fra, 20)]);
    await Promise.all([meanwhile.stop(), after.stop()]);

    await assertConverged(sites, { afterIncidents: true, withinMs });
    for (const load of [before, since, meanwhile, after]) await expectKept(load, sites);
    const { rows } = await fra.pool.query('select incarnation from taskledger.site');
    expect(rows).toEqual([{ incarnation: 2 }]);
  },
  limitMs,
);
