import { expect } from 'vitest';
import { verifyLog } from '../../src/audit/verify.ts';
import { compareProjection } from '../../src/projections/compare-projection.ts';
import type { TestSite } from './sites.ts';

/** What is asked of a site here. */
type Held = Pick<TestSite, 'name' | 'pool'>;

interface ConvergedOptions {
  /** How long to wait for it, milliseconds. */
  readonly withinMs?: number;
  /** Something was done to them on purpose: incidents and rows in quarantine are what is expected. */
  readonly afterIncidents?: boolean;
}

/**
 * I1, I4 to I7: every site holds the same events, blocks, keys and projections, byte for byte, has every event in a block, has
 * proven every block of every stream and projected it; and what they hold is right: the blocks are recomputed, and the
 * projections folded from the events anew. Reads the databases itself; waits until all that is so.
 */
export async function assertConverged(
  sites: readonly Held[],
  { withinMs = 40_000, afterIncidents = false }: ConvergedOptions = {},
): Promise<void> {
  const until = Date.now() + withinMs;
  while (!((await haveSettled(sites)) && (await isOneContent(sites)))) {
    if (Date.now() > until) await tellDifference(sites, withinMs);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  // They are equal: what is true of one is true of all.
  await expectRight(sites[0]!);
  if (afterIncidents) return;
  for (const site of sites) {
    const { rows } = await site.pool.query('select site, what, place from taskledger.quarantine');
    expect(rows, `quarantine of ${site.name}`).toEqual([]);
    const incidents = await site.pool.query(
      "select data ->> 'summary' as summary from taskledger.events where type = 'incident.raised'",
    );
    expect(incidents.rows, `incidents known to ${site.name}`).toEqual([]);
  }
}

/** How often replication failed at this site over a row that it could not store, since its subscriptions were made. */
export async function applyErrorsAt({ pool }: Held): Promise<number> {
  const { rows } = await pool.query<{ errors: number }>(
    `select coalesce(sum(s.apply_error_count), 0)::int as errors
       from pg_stat_subscription_stats s join pg_subscription u on u.oid = s.subid
       join pg_database d on d.oid = u.subdbid and d.datname = current_database()`,
  );
  return rows[0]!.errors;
}

/** Neither the prover nor the projector is believed: both are part of what is tested. */
async function expectRight({ name, pool }: Held): Promise<void> {
  expect((await verifyLog(pool)).findings, `what an audit finds at ${name}`).toEqual([]);
  const differences: unknown[] = [];
  for await (const difference of compareProjection(pool)) differences.push(difference);
  expect(differences, `tasks at ${name} that are not what their events say`).toEqual([]);
}

/** What is cheap to see comes first: digests of everything are taken only once that is so. */
async function haveSettled(sites: readonly Held[]): Promise<boolean> {
  const all = await Promise.all(sites.map(standOf));
  return all.every(({ settled, streams }) => settled && JSON.stringify(streams) === JSON.stringify(all[0]?.streams));
}

interface Stand {
  readonly settled: boolean;
  readonly streams: readonly unknown[];
}

/** How far a site is with each stream. */
async function standOf({ pool }: Held): Promise<Stand> {
  const { rows } = await pool.query<{ site: string; number: string; events: string; done: boolean }>(
    `select h.site, h.number::text, e.events::text,
            h.halted is null and h.proved = h.number and e.events = b.events and c.projected as done
       from taskledger.stream_heads() h
      cross join lateral (select count(*) as events from taskledger.events x where x.site = h.site) e
      cross join lateral (select coalesce(sum(x.event_count), 0) as events from taskledger.blocks x where x.site = h.site) b
      cross join lateral (select coalesce(bool_and(coalesce(x.block, 0) >= h.number), false) as projected
                            from taskledger.projections p
                            left join taskledger.cursors x on x.projection = p.name and x.slot = p.live and x.site = h.site) c
      order by h.site`,
  );
  return {
    settled: rows.length > 0 && rows.every(({ done }) => done),
    streams: rows.map(({ site, number, events }) => ({ site, number, events })),
  };
}

async function isOneContent(sites: readonly Held[]): Promise<boolean> {
  const [first, ...others] = (await Promise.all(sites.map(contentOf))).map((content) => JSON.stringify(content));
  return others.every((other) => other === first);
}

async function tellDifference(sites: readonly Held[], withinMs: number): Promise<never> {
  const stands = await Promise.all(
    sites.map(async (site) => ({ site: site.name, ...(await standOf(site)), marks: await marksOf(site) })),
  );
  const said = `Expected every event to be sealed, proven and projected everywhere within ${withinMs} ms; found ${JSON.stringify(stands)}.`;
  const [reference, ...others] = await Promise.all(sites.map(contentOf));
  for (const other of others) expect(other, said).toEqual(reference);
  return expect.fail(said);
}

/** One hash for each stream's events and blocks, and for each projection. */
async function contentOf({ pool }: Held): Promise<Record<string, unknown>> {
  const streams = await pool.query(
    `select e.site, count(*)::text as events,
            md5(string_agg(concat_ws('|', e.seq, e.realm, e.epoch, e.task_id, e.version, e.type, extract(epoch from e.occurred_at), e.actor,
                                     e.context::text, e.data::text), E'\\n' order by e.seq)) as digest
       from taskledger.events e group by e.site order by e.site`,
  );
  const blocks = await pool.query(
    `select b.site, count(*)::text as blocks, md5(string_agg(encode(b.hash, 'hex') || b.members::text, '' order by b.number)) as digest
       from taskledger.blocks b group by b.site order by b.site`,
  );
  const keys = await pool.query('select k.site, k.key_id, k.public_key from taskledger.site_keys k order by 1, 2');
  const rows: Record<string, unknown> = {};
  for (const view of ['projected_tasks', 'task_states', 'attempts', 'queue_minutes', 'queue_durations', 'incidents']) {
    const { rows: found } = await pool.query(
      `select count(*)::text as rows, md5(string_agg(t::text, E'\\n' order by t::text)) as digest from taskledger.${view} t`,
    );
    rows[view] = found[0];
  }
  return { streams: streams.rows, blocks: blocks.rows, keys: keys.rows, projections: rows };
}

async function marksOf({ pool }: Held): Promise<unknown> {
  const heads = await pool.query('select site, number, proved, halted from taskledger.stream_heads()');
  const links = await pool.query('select site, state from taskledger.link_states');
  const cursors = await pool.query('select projection, slot, site, block from taskledger.cursors');
  return { heads: heads.rows as unknown[], links: links.rows as unknown[], cursors: cursors.rows as unknown[] };
}
