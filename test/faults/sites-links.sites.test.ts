import { expect, test } from 'vitest';
import { applyErrorsAt, assertConverged } from '../support/converged.ts';
import { scaled, testScale } from '../support/scale.ts';
import { siteLinks, type SiteLinks } from '../support/site-links.ts';
import { expectKept, startLoad, type SiteLoad } from '../support/site-load.ts';
import { openSites, type TestSite } from '../support/sites.ts';

/**
 * The links between three sites fail, and every site goes on recording and running its tasks. Healed, they converge by
 * themselves: everything that was acknowledged anywhere is everywhere.
 */
const limitMs = 60_000 + scaled(30_000);
/** A minute in full length. */
const faultMs = scaled(1800);
/** From the moment the fault ends, whatever its length. */
const withinMs = 30_000;

interface Three {
  readonly ams: TestSite;
  readonly fra: TestSite;
  readonly sites: readonly TestSite[];
  readonly links: SiteLinks;
  readonly load: SiteLoad;
}

async function threeAtWork(): Promise<Three> {
  const links = siteLinks();
  const sites = await openSites(['ams', 'fra', 'lon'], { via: links.via });
  const load = await startLoad(sites);
  await Promise.all(sites.map((site) => load.more(site, 20)));
  // A way that is cut in the middle of the first transaction holds the stream until the server gives it up (wal_receiver_timeout).
  for (const site of sites) {
    for (const at of sites) await expect.poll(() => eventsOf(site, at), { timeout: 20_000 }).toBeGreaterThan(0);
  }
  const [ams, fra] = sites;
  return { ams: ams!, fra: fra!, sites, links, load };
}

/** How much `at` has of what `site` recorded. */
async function eventsOf(site: TestSite, at: TestSite): Promise<number> {
  const { rows } = await at.pool.query<{ n: number }>(
    'select count(*)::int as n from taskledger.events where site = $1',
    [site.name],
  );
  return rows[0]!.n;
}

async function expectHealed({ sites, load }: Three): Promise<void> {
  await load.stop();
  await assertConverged(sites, { withinMs });
  await expectKept(load, sites);
}

const partitions: readonly (readonly [string, (links: SiteLinks) => void])[] = [
  ['refused in both directions', (links) => links.of('ams').forEach((way) => way.refuse())],
  ['frozen in both directions, half open', (links) => links.of('ams').forEach((way) => way.freeze())],
];

test.each(partitions)(
  'I1, I10: ams cut off from both others, %s: all go on, and converge once it is healed',
  async (_how, cut) => {
    const three = await threeAtWork();
    const { ams, fra, sites, links, load } = three;
    cut(links);
    await Promise.all(sites.map((site) => load.more(site, 20)));
    const [atFra, atAms] = [await eventsOf(ams, fra), await eventsOf(fra, ams)];
    await load.lasts(faultMs);
    await Promise.all(sites.map((site) => load.more(site, 20)));
    expect([await eventsOf(ams, fra), await eventsOf(fra, ams)]).toEqual([atFra, atAms]);
    links.of('ams').forEach((way) => way.mend());
    await expectHealed(three);
  },
  limitMs,
);

test.each(['to server', 'to client'] as const)(
  'I1, I10: the way from fra to ams is cut in one direction, %s: fra hears of ams by way of lon, and of nothing twice',
  async (direction) => {
    const three = await threeAtWork();
    const { ams, fra, sites, links, load } = three;
    links.way('fra', 'ams').freeze(direction);
    const known = await eventsOf(ams, ams);
    await load.lasts(faultMs);
    // The other way round it works: what fra records arrives at ams.
    const own = await eventsOf(fra, fra);
    await Promise.all(sites.map((site) => load.more(site, 20)));
    await expect.poll(() => eventsOf(fra, ams), { timeout: 20_000 }).toBeGreaterThanOrEqual(own);
    await expect.poll(() => eventsOf(ams, fra), { timeout: 20_000 }).toBeGreaterThan(known);
    links.way('fra', 'ams').mend();
    await expectHealed(three);
    expect(await applyErrorsAt(fra)).toBe(0);
  },
  limitMs,
);

// A statement over the link is given up after 20 s: too long for every run.
test.skipIf(testScale < 2)(
  'I1, I10: connections that are dead without a word are given up, and what they would have brought is pulled',
  async () => {
    const three = await threeAtWork();
    three.links.of('ams').forEach((way) => way.strand());
    await three.load.lasts(faultMs);
    await expectHealed(three);
  },
  limitMs,
);

test(
  'I10: over a slow link, 200 ms each way, fra keeps up with ams under load',
  async () => {
    const three = await threeAtWork();
    const { ams, fra, links, load } = three;
    links.of('fra').forEach((way) => way.delay(200));
    await load.lasts(faultMs);
    const known = await eventsOf(ams, ams);
    await expect.poll(() => eventsOf(ams, fra), { timeout: 20_000 }).toBeGreaterThanOrEqual(known);
    await expectHealed(three);
  },
  limitMs,
);
