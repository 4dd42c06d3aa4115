import { expect, test } from 'vitest';
import { cutsAt } from '../../src/audit/moments.ts';
import { verifyLog } from '../../src/audit/verify.ts';
import type { FollowedEvent } from '../../src/events/blocks/follow.ts';
import { assertConverged } from '../support/converged.ts';
import { openSites, type TestSite } from '../support/sites.ts';

/** What an auditor finds at a site while something of another site's stream is still on its way. */

const some = (n: number) => Array.from({ length: n }, (_, input) => ({ input }));
const atReceiver = async ({ pool }: TestSite) => {
  const { findings, sites } = await verifyLog(pool);
  return { findings, ams: sites.find(({ site }) => site === 'ams') };
};

async function until(isSo: () => Promise<boolean>): Promise<void> {
  await expect.poll(isSo, { timeout: 15_000, interval: 20 }).toBe(true);
}

const count = async ({ pool }: TestSite, sql: string): Promise<number> =>
  (await pool.query<{ n: number }>(`select count(*)::int as n from ${sql}`)).rows[0]!.n;

/** What follows at once. */
async function followed({ ledger }: TestSite, from: string): Promise<FollowedEvent[]> {
  const events: FollowedEvent[] = [];
  const signal = AbortSignal.timeout(500);
  for await (const event of ledger.follow({ from, signal })) events.push(event);
  return events;
}

test('I7: what has arrived from another site and is not whole yet is no finding, and nothing reads it before it is proven', async () => {
  const [ams, fra] = (await openSites(['ams', 'fra'])) as [TestSite, TestSite];
  await ams.ledger.submitMany('tickets.issue', some(20));
  await assertConverged([ams, fra]);
  const [before] = await cutsAt(fra.pool, { at: new Date() });

  // Events come before their block: nobody seals at ams.
  await ams.rest();
  await ams.ledger.submitMany('tickets.issue', some(5));
  await until(
    async () =>
      (await count(fra, "taskledger.events where site = 'ams'")) ===
      (await count(ams, "taskledger.events where site = 'ams'")),
  );
  const head = await fra.ledger.audit.heads();
  await fra.ledger.submit('tickets.issue', 'so that fra seals after they came');
  await until(
    async () =>
      (await count(fra, "taskledger.blocks where site = 'fra'")) >
      Number(head.find(({ site }) => site === 'fra')?.number),
  );
  expect(await atReceiver(fra)).toMatchObject({ findings: [], ams: { unsealed: 5 } });

  // The block comes, and nobody proves at fra.
  await fra.rest();
  await ams.serve();
  await until(async () => (await count(fra, "taskledger.blocks where site = 'ams'")) > Number(before?.block));
  await ams.rest();
  expect(await atReceiver(fra)).toMatchObject({ findings: [], ams: { unsealed: 0, arriving: 0 } });
  expect((await cutsAt(fra.pool, { at: new Date() }))[0]).toMatchObject({ site: 'ams', block: before?.block });
  const unproven = { site: 'ams', block: before!.block + 1n };
  await expect(cutsAt(fra.pool, unproven)).rejects.toMatchObject({ code: 'TASKLEDGER_NOT_PROVEN' });
  const position = `ams:${before?.block}.${await eventsOf(fra, before!.block)}`;
  expect((await followed(fra, position)).filter(({ event }) => event.site === 'ams')).toEqual([]);

  // By pulling, a block comes before its events.
  await fra.pool.query('alter table taskledger.events_ams disable trigger all');
  await fra.pool.query(`delete from taskledger.events_ams where seq = (
    select max(seq) from taskledger.events_ams)`);
  await fra.pool.query('alter table taskledger.events_ams enable trigger all');
  expect(await atReceiver(fra)).toMatchObject({ findings: [], ams: { arriving: 1 } });
});

async function eventsOf({ pool }: TestSite, block: bigint): Promise<number> {
  const { rows } = await pool.query<{ n: number }>(
    "select event_count as n from taskledger.blocks where site = 'ams' and number = $1",
    [String(block)],
  );
  return rows[0]!.n;
}
