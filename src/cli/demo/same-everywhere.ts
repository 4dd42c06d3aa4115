import { LedgerError } from '../../errors.ts';
import { readSealingStatus } from '../../events/blocks/sealing-status.ts';
import { readStreamHeads } from '../../replication/stream-heads.ts';
import type { DemoSite } from './demo-site.ts';
import { until } from './until.ts';

/** What the sites must hold alike: the log, its blocks, and everything that is computed from them. */
const parts: Readonly<Record<string, string>> = {
  events: `select site, seq, realm, epoch, task_id, version, type, occurred_at, actor, context::text, data::text from taskledger.events`,
  blocks: 'select site, number, hash, members::text from taskledger.blocks',
  tasks: 'select * from taskledger.projected_tasks',
  attempts: 'select * from taskledger.attempts',
  minutes: 'select * from taskledger.queue_minutes',
  durations: 'select * from taskledger.queue_durations',
  incidents: 'select * from taskledger.incidents',
};

/**
 * Until every site has sealed what it recorded, proven every block of every other, and their databases, read whole, hold the
 * same row by row.
 * @throws LedgerError TASKLEDGER_TIMEOUT after a minute
 */
export async function whenSameEverywhere(sites: readonly DemoSite[]): Promise<void> {
  await until('every site hold the same', async () => {
    const areProven = await Promise.all(sites.map(hasSealedAndProven));
    if (!areProven.every(Boolean)) return undefined;
    const digests = await Promise.all(sites.map(digestsOf));
    return digests.every((each) => each === digests[0]) ? true : undefined;
  });
}

/** Whether that comes about. */
export async function isSameEverywhere(sites: readonly DemoSite[]): Promise<boolean> {
  try {
    await whenSameEverywhere(sites);
    return true;
  } catch (error) {
    if (error instanceof LedgerError && error.code === 'TASKLEDGER_TIMEOUT') return false;
    throw error;
  }
}

async function digestsOf({ app }: DemoSite): Promise<string> {
  const digests = Object.entries(parts).map(
    ([part, rows]) =>
      `(select encode(sha256(coalesce(string_agg(h, '' order by h), '')), 'hex') from (select sha256(convert_to(r::text, 'UTF8')) as h from (${rows}) r) r) as ${part}`,
  );
  const { rows } = await app.query<object>(`select ${digests.join(', ')}`);
  return JSON.stringify(rows[0]);
}

async function hasSealedAndProven({ app, name }: DemoSite): Promise<boolean> {
  const { unsealed } = await readSealingStatus(app, name);
  const heads = [...(await readStreamHeads(app)).values()];
  return unsealed === 0n && heads.every(({ number, proved, haltedAt }) => proved === number && haltedAt === undefined);
}
