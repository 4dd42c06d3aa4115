import { expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { Gates } from '../../src/replication/gates.ts';
import { Link } from '../../src/replication/link.ts';
import { readPeers } from '../../src/replication/peer.ts';
import { Recovery } from '../../src/replication/recovery.ts';
import { readStreamHeads } from '../../src/replication/stream-heads.ts';
import { openSites, type TestSite } from '../support/sites.ts';

/** The link of a site to one peer, without a daemon: it looks when the test says so, at the time the test says. */
async function linkOf({ pool, url, signals }: TestSite, to: string) {
  const peer = (await readPeers(pool)).find(({ site }) => site === to)!;
  const time = { ms: 0 };
  const clock = { ...systemClock, monotonic: () => time.ms };
  const recovery = new Recovery({ clock, signals });
  const link = new Link({ connectionString: url, peer, gates: new Gates(), recovery, clock, signals });
  onTestFinished(() => link.stop());
  return { link, time };
}

it('pulls what a third site recorded once it was seen to be missing for long, not after a pause in which nothing was seen', async () => {
  const [ams, fra, lon] = await openSites(['ams', 'fra', 'lon'], { serving: false });
  if (ams === undefined || fra === undefined || lon === undefined) throw new Error('expected three sites');
  await Promise.all([ams.serve(), lon.serve()]);
  await lon.ledger.submitMany('tickets.issue', [{ input: 1 }]);
  const provedAtAms = async (): Promise<bigint> => (await readStreamHeads(ams.pool)).get('lon')?.proved ?? 0n;
  await expect.poll(provedAtAms, { timeout: 20_000 }).toBeGreaterThan(0n);
  const pulled: string[] = [];
  fra.signals.subscribe((signal) => {
    if (signal.name === 'stream.pulled') pulled.push(`${signal.data.stream} from ${signal.data.from}`);
  });
  const { link, time } = await linkOf(fra, 'ams');
  const pulledAfter: number[] = [];
  // A machine that stands still for an hour, and goes on.
  for (const ms of [0, 1000, 3_600_000, 3_601_000, 3_602_000, 3_603_000]) {
    time.ms = ms;
    await link.runOnce();
    if (pulled.includes('lon from ams')) pulledAfter.push(ms);
  }
  expect(pulledAfter).toEqual([3_602_000, 3_603_000]);
}, 60_000);
