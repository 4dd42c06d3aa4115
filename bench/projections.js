// What sealing and projecting cost per event: tasks submitted, claimed and settled by hundreds, sealed, then read by each
// projection in turn on one connection, in steps as after a pause of the daemon. And how many bytes each part keeps.
import pg from 'pg';
import { migrate } from '../dist/index.js';
import { addSiteKey } from '../dist/events/blocks/known-key.js';
import { temporarySiteKey } from '../dist/events/blocks/site-key.js';
import { sealTick } from '../dist/events/blocks/tick.js';
import { nextSteps, projectStep } from '../dist/projections/project-next.js';
import { projections } from '../dist/projections/projections.js';
import { startServer } from './server.js';

export const sizes = { full: { tasks: 100_000 }, whole: { tasks: 50_000 }, quick: { tasks: 10_000 } };
const batch = 5000;
const claim = 500;

async function live(client, tasks) {
  const inputs = `(select json_agg(json_build_object('input', json_build_object('payoutId', g, 'amount', 12.5))) from generate_series(1, ${batch}) g)`;
  for (let i = 0; i < tasks; i += batch)
    await client.query(`select count(*) from taskledger.submit_many(${inputs}, '{"name":"bench.a"}', strict => false)`);
  for (let i = 0; i < tasks; i += claim) {
    await client.query(`with c as materialized (select * from taskledger.claim('{bench.a}', ${claim}, 'r', 'h')),
      l as materialized (select c.claim_id, c.secret, array_agg((t ->> 0)::uuid) as ids from c, json_array_elements(c.tasks::json) t group by 1, 2)
      select count(s.task_id) from l, lateral taskledger.settle(array[l.claim_id], array[l.secret], l.ids, array_fill(l.claim_id, array[${claim}]),
        array_fill('completed'::text, array[${claim}]), array_fill('{"ok":true}'::json, array[${claim}]), array_fill(1, array[${claim}]), array_fill(2, array[${claim}])) s`);
  }
}

/** Events and milliseconds of work that answers events until there are none. */
async function timed(work) {
  const startedAt = performance.now();
  let events = 0;
  for (let read; (read = await work()) > 0;) events += read;
  return { events, ms: performance.now() - startedAt };
}

const bytesByPart = `
  select case when c.relname ~ '^events' then 'log' when c.relname = 'blocks' then 'blocks' else regexp_replace(c.relname, '_rows_[ab]$', '') end as part,
         sum(pg_table_size(c.oid))::float8 as rows, sum(pg_indexes_size(c.oid))::float8 as indexes
    from pg_class c
   where c.relnamespace = 'taskledger'::regnamespace and c.relkind = 'r' and c.relname ~ '^events_|^blocks$|_rows_[ab]$'
   group by 1 order by 1`;

export async function measure({ size, tell }) {
  const server = await startServer();
  try {
    const url = await server.createDatabase('projections');
    await migrate({ connectionString: url });
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const key = temporarySiteKey();
    await addSiteKey(client, key);
    await live(client, size.tasks);
    const measured = { seal: await timed(async () => (await sealTick(client, key)).events) };
    for (const projection of projections) {
      await client.query('select * from taskledger.begin_projection($1, $2)', [projection.name, projection.version]);
      measured[projection.name] = await timed(async () => {
        const [step] = await nextSteps(client, projection);
        return step === undefined ? 0 : await projectStep(client, projection, step);
      });
    }
    const { events } = measured.seal;
    const bytes = (await client.query(bytesByPart)).rows.map(({ part, rows, indexes }) => ({
      part,
      rows: rows / events,
      indexes: indexes / events,
    }));
    await client.end();
    for (const [what, { events: read, ms }] of Object.entries(measured))
      tell(
        `${what.padEnd(16)}${String(Math.round((read / ms) * 1000)).padStart(9)} events/s${((ms * 1000) / read).toFixed(1).padStart(8)} µs per event`,
      );
    for (const { part, rows, indexes } of bytes)
      tell(
        `${part.padEnd(16)}${rows.toFixed(0).padStart(9)} bytes per event${indexes.toFixed(0).padStart(8)} in its indexes`,
      );
    return { postgres: server.described, measured, bytes_per_event: bytes };
  } finally {
    await server.stop();
  }
}
