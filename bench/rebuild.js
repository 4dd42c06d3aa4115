// How long a site stands still while its open tasks are made anew from a log of a million events, and how long the
// comparison in TypeScript takes, which holds up nobody. Nine events in ten are of finished tasks, as in life.
import { performance } from 'node:perf_hooks';
import pg from 'pg';
import { migrate } from '../dist/index.js';
import { withSnapshot } from '../dist/postgres/snapshot.js';
import { compareOpenTasks } from '../dist/projections/open-tasks/compare-open-tasks.js';
import { rebuildOpenTasks } from '../dist/projections/open-tasks/rebuild-open-tasks.js';
import { startServer } from './server.js';

export const sizes = { full: { events: 1_000_000 }, quick: { events: 50_000 } };
const batch = 5000;

const submit = (keyed) => `
  select count(*) from taskledger.submit_many(
    (select json_agg(json_build_object('input', g${keyed ? ", 'key', gen_random_uuid()" : ''})) from generate_series(1, ${batch}) g),
    '{"name":"bench.a"}', strict => false)`;
const claim = `select * from taskledger.claim('{bench.a}', ${batch}, 'r', 'h', 3600000)`;
const settle = `
  select taskledger.settle(array[$1::bigint], array[$2], ids, array_fill($1::bigint, array[n]), array_fill('completed'::text, array[n]),
                           array_fill(null::json, array[n]), array_fill(0, array[n]), array_fill(0, array[n]))
    from (select array_agg((e ->> 0)::uuid) as ids, count(*)::int as n from json_array_elements($3::json) e) t`;

/** Of ten events nine are of finished tasks (three each); of the open ones a third is leased. */
async function fill(client, wanted) {
  for (let recorded = 0; recorded < wanted * 0.9; recorded += 3 * batch) {
    await client.query(submit(false));
    const { rows } = await client.query(claim);
    await client.query(settle, [rows[0].claim_id, rows[0].secret, rows[0].tasks]);
  }
  for (let recorded = 0; recorded < wanted * 0.1; recorded += batch) await client.query(submit(true));
  for (let leased = 0; leased < wanted * 0.03; leased += batch) await client.query(claim);
}

async function seconds(work) {
  const startedAt = performance.now();
  const result = await work();
  return { seconds: (performance.now() - startedAt) / 1000, result };
}

async function compare(pool) {
  return await withSnapshot(pool, async (db) => {
    const differences = [];
    for await (const difference of compareOpenTasks(db)) differences.push(difference);
    return { differences: differences.length };
  });
}

export async function measure({ size, tell: say }) {
  const server = await startServer();
  const results = {};
  const tell = (name, { seconds: took, result }) => {
    results[name] = { seconds: took, result };
    say(`${name.padEnd(44)}${took.toFixed(2).padStart(8)} s  ${JSON.stringify(result)}`);
  };
  const url = await server.createDatabase('rebuild');
  await migrate({ connectionString: url });
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  try {
    await fill(pool, size.events);
    const { rows } = await pool.query(
      'select count(*)::int as events, count(distinct task_id)::int as tasks from taskledger.events',
    );
    tell('filled', { seconds: 0, result: rows[0] });
    tell('rebuild of right tables, no statistics', await seconds(() => rebuildOpenTasks(pool)));
    await server.settle(url);
    tell('rebuild of right tables', await seconds(() => rebuildOpenTasks(pool)));
    await pool.query('truncate taskledger.open_tasks, taskledger.claims, taskledger.task_keys');
    tell('rebuild of empty tables', await seconds(() => rebuildOpenTasks(pool)));
    tell('rebuild --check', await seconds(() => compare(pool)));
    return { postgres: server.described, results };
  } finally {
    await pool.end();
    await server.stop();
  }
}
