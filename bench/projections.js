// What sealing and projecting cost per event: tasks submitted, claimed and settled by hundreds, sealed, then read on one
// connection, in steps as after a pause of the daemon. Half of them by all projections together, as the daemon reads; a quarter
// by each projection alone, as one that is made anew does; a quarter together again without the indexes that only searching
// needs, which tells what those cost. And how many bytes each part keeps, as long as all indexes are there.
import pg from 'pg';
import { migrate } from '../dist/index.js';
import { addSiteKey } from '../dist/events/blocks/known-key.js';
import { temporarySiteKey } from '../dist/events/blocks/site-key.js';
import { sealTick } from '../dist/events/blocks/tick.js';
import { nextSteps, projectStep, projectTogether } from '../dist/projections/project-next.js';
import { projections } from '../dist/projections/projections.js';
import { startServer } from './server.js';

export const sizes = { full: { tasks: 100_000 }, whole: { tasks: 60_000 }, quick: { tasks: 20_000 } };
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

async function readTogether(client) {
  const [tasks] = projections;
  const [step] = await nextSteps(client, tasks);
  if (step === undefined) return 0;
  const [read] = await projectTogether(client, tasks, step);
  return read.events;
}

async function readAlone(client, projection) {
  const [step] = await nextSteps(client, projection);
  return step === undefined ? 0 : await projectStep(client, projection, step);
}

async function dropSearchIndexes(client) {
  const { rows } = await client.query(
    "select indexrelid::regclass::text as name from pg_index where indrelid = 'taskledger.task_rows'::regclass and not indisprimary",
  );
  for (const { name } of rows) await client.query(`drop index ${name}`);
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
    for (const { name, version } of projections)
      await client.query('select * from taskledger.begin_projection($1, $2)', [name, version]);
    const seal = () => timed(async () => (await sealTick(client, key)).events);
    const together = () => timed(() => readTogether(client));
    await live(client, size.tasks / 2);
    const measured = { seal: await seal(), together: await together() };
    await live(client, size.tasks / 4);
    await seal();
    for (const projection of projections) measured[projection.name] = await timed(() => readAlone(client, projection));
    const events = measured.together.events + measured.tasks.events;
    const bytes = (await client.query(bytesByPart)).rows.map(({ part, rows, indexes }) => ({
      part,
      rows: rows / events,
      indexes: indexes / events,
    }));
    await dropSearchIndexes(client);
    await live(client, size.tasks / 4);
    await seal();
    measured['together, nothing to search by'] = await together();
    await client.end();
    for (const [what, { events: read, ms }] of Object.entries(measured))
      tell(
        `${what.padEnd(32)}${String(Math.round((read / ms) * 1000)).padStart(9)} events/s${((ms * 1000) / read).toFixed(1).padStart(8)} µs per event`,
      );
    for (const { part, rows, indexes } of bytes)
      tell(
        `${part.padEnd(32)}${rows.toFixed(0).padStart(9)} bytes per event${indexes.toFixed(0).padStart(8)} in its indexes`,
      );
    return { postgres: server.described, measured, bytes_per_event: bytes };
  } finally {
    await server.stop();
  }
}
