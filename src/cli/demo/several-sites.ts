import { systemClock } from '../../clock.ts';
import { readStreamHeads } from '../../replication/stream-heads.ts';
import { durationText } from '../duration-text.ts';
import { joinLocalSites } from '../join-local-sites.ts';
import { Cable } from './cable.ts';
import type { Chapter, Narrator } from './chapter.ts';
import type { DemoSite } from './demo-site.ts';
import { ticketHandlers } from './demo-tasks.ts';
import { namesText } from './names-text.ts';
import { whenSameEverywhere } from './same-everywhere.ts';
import { until } from './until.ts';
import { workMeanwhile } from './work-meanwhile.ts';

const apartMs = 3000;

/** The others join the first site while everyone writes; then the network between them is cut for a while, and mended. */
export async function runSeveralSites(sites: readonly DemoSite[], tell: Narrator): Promise<Chapter[]> {
  const cables = await Promise.all(sites.map(({ server }) => Cable.lay(server.url)));
  sites[0]?.atClose.push(() => Promise.all(cables.map((cable) => cable[Symbol.asyncDispose]())));
  const runners = sites.map((site) => {
    const runner = site.ledger.runner({ handlers: ticketHandlers, name: `box-office-${site.name}` });
    site.atClose.push(() => runner.stop(0));
    return runner;
  });
  await Promise.all(runners.map((runner) => runner.start()));
  const chapters = [await runJoin(sites, cables, tell), await runCut(sites, cables, tell)];
  await Promise.all(runners.map((runner) => runner.stop()));
  return chapters;
}

async function runJoin(sites: readonly DemoSite[], cables: readonly Cable[], tell: Narrator): Promise<Chapter> {
  const [first, ...joining] = sites;
  if (first === undefined) throw new TypeError('no site');
  const names = namesText(joining);
  const history = await eventsAt(first, first.name);
  const head = (await readStreamHeads(first.app)).get(first.name)?.number ?? 0n;
  const tookMs = stopwatch();
  await joinLocalSites(sites, (place) => cables[place]?.url ?? '');
  const more = joining.length === 1 ? 'A second datacenter joins' : 'More datacenters join';
  tell(`${more}: ${namesText(sites)} ship to each other, while all of them go on working.`);
  const proven = Promise.all(joining.map((site) => whenProven(site, first.name, head))).then(() => tookMs());
  const counts = await workMeanwhile(sites, proven);
  const took = durationText(await proven);
  tell(
    `${took} later the ${history} events from before were received and proven. Meanwhile ${countsText(sites, counts)}.`,
  );
  return {
    what: `Joined: ${names}`,
    tasks: total(counts),
    state: 'completed',
    note: `${history} events of history received and proven in ${took}, while everyone wrote`,
  };
}

async function runCut(sites: readonly DemoSite[], cables: readonly Cable[], tell: Narrator): Promise<Chapter> {
  await whenSameEverywhere(sites);
  const apartForMs = stopwatch();
  for (const cable of cables) cable.cut();
  tell(`The network between ${namesText(sites)} is cut. Each goes on for itself.`);
  const counts = await workMeanwhile(sites, systemClock.sleep(apartMs));
  const unknown = total(await Promise.all(sites.map((site) => unknownElsewhere(site, sites))));
  const apart = durationText(apartForMs());
  tell(`${apart} later ${countsText(sites, counts)}; ${unknown} events are known to one site only.`);
  for (const cable of cables) cable.mend();
  const tookMs = stopwatch();
  await whenSameEverywhere(sites);
  const took = durationText(tookMs());
  tell(`The network is back: ${took} later all hold the same log, and have proven each other's.`);
  return {
    what: 'Network cut, and mended',
    tasks: total(counts),
    state: 'completed',
    note: `${unknown} events apart after ${apart}; the same everywhere ${took} after it was back`,
  };
}

/** Milliseconds since now, whenever asked. */
function stopwatch(): () => number {
  const startedAtMs = systemClock.monotonic();
  return () => systemClock.monotonic() - startedAtMs;
}

/** Until this site has proven the stream up to the block. */
async function whenProven({ name, app }: DemoSite, stream: string, block: bigint): Promise<void> {
  await until(`${name} prove what ${stream} had recorded`, async () => {
    const proved = (await readStreamHeads(app)).get(stream)?.proved ?? 0n;
    return proved >= block ? true : undefined;
  });
}

/** Events of the site's own stream that not all of the others have. */
async function unknownElsewhere(site: DemoSite, all: readonly DemoSite[]): Promise<number> {
  const known = await Promise.all(all.map((each) => eventsAt(each, site.name)));
  return Math.max(...known) - Math.min(...known);
}

/** How many events of a stream this site has. */
async function eventsAt({ app }: DemoSite, stream: string): Promise<number> {
  const { rows } = await app.query<{ n: number }>('select count(*)::int as n from taskledger.events where site = $1', [
    stream,
  ]);
  return rows[0]?.n ?? 0;
}

function countsText(sites: readonly DemoSite[], counts: readonly number[]): string {
  return `${sites.map(({ name }, place) => `${name} issued ${counts[place] ?? 0}`).join(', ')} tickets`;
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
