import { expect } from 'vitest';
import type { TestSite } from './sites.ts';

interface ConvergedOptions {
  /** How long to wait for it, milliseconds. */
  readonly withinMs?: number;
  /** Something was done to them on purpose: incidents and rows in quarantine are what is expected. */
  readonly afterIncidents?: boolean;
}

/**
 * I1, I5, I6, I7: every site holds the same events, blocks and projections, byte for byte, and has proven every block of
 * every stream; reads the databases itself. Waits until that is so.
 */
export async function assertConverged(
  sites: readonly TestSite[],
  { withinMs = 20_000, afterIncidents = false }: ConvergedOptions = {},
): Promise<void> {
  const until = Date.now() + withinMs;
  for (;;) {
    const contents = await Promise.all(sites.map(contentOf));
    const [first] = contents;
    const isOne = contents.every((content) => JSON.stringify(content) === JSON.stringify(first));
    const isProven = (await Promise.all(sites.map(hasProvenAll))).every(Boolean);
    const isSealed = (await Promise.all(sites.map(hasSealedAll))).every(Boolean);
    if (isOne && isProven && isSealed) break;
    if (Date.now() > until) {
      const [reference, ...others] = contents;
      for (const other of others) expect(other).toEqual(reference);
      const marks = await Promise.all(sites.map(async (site) => ({ site: site.name, marks: await marksOf(site) })));
      expect.fail(
        `Expected every block to be sealed and proven everywhere; found ${JSON.stringify({ isProven, isSealed, marks })}.`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
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

/** One hash for each stream's events and blocks, and for each projection. */
async function contentOf({ pool }: TestSite): Promise<Record<string, unknown>> {
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
  const rows: Record<string, unknown> = {};
  for (const view of ['projected_tasks', 'attempts', 'queue_minutes', 'queue_durations', 'incidents']) {
    const { rows: found } = await pool.query(
      `select count(*)::text as rows, md5(string_agg(t::text, E'\\n' order by t::text)) as digest from taskledger.${view} t`,
    );
    rows[view] = found[0];
  }
  return { streams: streams.rows, blocks: blocks.rows, projections: rows };
}

async function hasProvenAll({ pool }: TestSite): Promise<boolean> {
  const { rows } = await pool.query<{ proven: boolean }>(
    'select coalesce(bool_and(proved = number and halted is null), false) as proven from taskledger.stream_heads()',
  );
  return rows[0]?.proven === true;
}

async function hasSealedAll({ pool }: TestSite): Promise<boolean> {
  const { rows } = await pool.query<{ sealed: boolean }>(
    `select not exists (
       select from taskledger.events e join taskledger.site s on s.name = e.site
        where not exists (select from taskledger.blocks b where b.site = e.site and b.members @> e.seq)) as sealed`,
  );
  return rows[0]?.sealed === true;
}

async function marksOf({ pool }: TestSite): Promise<unknown> {
  const heads = await pool.query('select site, number, proved, halted from taskledger.stream_heads()');
  const links = await pool.query('select site, state from taskledger.link_states');
  return { heads: heads.rows as unknown[], links: links.rows as unknown[] };
}
