// usage: node bench/exp.mjs VARIANT.sql|none [tasks]
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { migrate } from '../dist/index.js';
import { addSiteKey } from '../dist/events/blocks/known-key.js';
import { temporarySiteKey } from '../dist/events/blocks/site-key.js';
import { sealTick } from '../dist/events/blocks/tick.js';
import { nextSteps, projectTogether } from '../dist/projections/project-next.js';
import { projections } from '../dist/projections/projections.js';
import { startServer } from './server.js';
const variant = process.argv[2]; const tasks = Number(process.argv[3] ?? 50000); const perBlock = Number(process.argv[4] ?? 1000);
const server = await startServer();
try {
  const url = await server.createDatabase('exp');
  await migrate({ connectionString: url });
  const client = new pg.Client({ connectionString: url }); await client.connect();
  if (variant !== 'none') await client.query(readFileSync(variant, 'utf8'));
  for (const p of projections) await client.query('select * from taskledger.begin_projection($1, $2)', [p.name, p.version]);
  const key = temporarySiteKey(); await addSiteKey(client, key);
  const wal = async () => BigInt((await client.query("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(),'0/0')::text as w")).rows[0].w);
  async function project(what) {
    const t = performance.now(); const w = await wal(); let events = 0; let steps = 0;
    for (;;) { const [step] = await nextSteps(client, projections[0]); if (!step) break;
      const done = await projectTogether(client, projections[0], step); if (!done.length) break; events += done[0].events; steps++; }
    const ms = performance.now() - t; const b = Number(await wal() - w);
    console.log(what.padEnd(12), `${events} events ${steps} steps ${(ms*1000/tasks).toFixed(1)} µs/task ${(b/tasks).toFixed(0)} WAL/task`);
  }
  const batch = 5000;
  const inputs = `(select json_agg(json_build_object('input', json_build_object('payoutId', g, 'amount', 12.5))) from generate_series(1, ${batch}) g)`;
  for (let i = 0; i < tasks; i += batch) await client.query(`select count(*) from taskledger.submit_many(${inputs}, '{"name":"bench.a"}', strict => false)`);
  await sealTick(client, key);
  await project('submitted');
  await server.settle(url);
  let tP = 0, wP = 0n, tS = 0, wS = 0n, tC = 0, wC = 0n, steps = 0;
  for (let i = 0; i < tasks; i += perBlock) {
    let t = performance.now(); let w = await wal();
    for (let j = 0; j < perBlock; j += 500)
    await client.query(`with c as materialized (select * from taskledger.claim('{bench.a}', 500, 'r', 'h')),
      l as materialized (select c.claim_id, c.secret, array_agg((t ->> 0)::uuid) as ids from c, json_array_elements(c.tasks::json) t group by 1, 2)
      select count(s.task_id) from l, lateral taskledger.settle(array[l.claim_id], array[l.secret], l.ids, array_fill(l.claim_id, array[500]),
        array_fill('completed'::text, array[500]), array_fill('{"ok":true}'::json, array[500]), array_fill(1, array[500]), array_fill(2, array[500])) s`);
    tC += performance.now() - t; wC += await wal() - w;
    t = performance.now(); w = await wal();
    await sealTick(client, key);
    tS += performance.now() - t; wS += await wal() - w;
    t = performance.now(); w = await wal();
    for (;;) { const [step] = await nextSteps(client, projections[0]); if (!step) break; const d = await projectTogether(client, projections[0], step); if (!d.length) break; steps++; }
    tP += performance.now() - t; wP += await wal() - w;
  }
  const f = (n, t, w) => console.log(n.padEnd(12), `${(t*1000/tasks).toFixed(1)} µs/task ${(Number(w)/tasks).toFixed(0)} WAL/task`);
  f('claim+settle', tC, wC); f('seal', tS, wS); f(`project(${steps})`, tP, wP);
  const { rows } = await client.query(`select relname, n_tup_upd u, n_tup_hot_upd h, pg_table_size(relid) t, pg_indexes_size(relid) i from pg_stat_user_tables where relname ~ '_rows_a$|open_tasks' order by 4 desc limit 4`);
  await client.query('select pg_stat_force_next_flush()');
  for (const r of rows) console.log(`${r.relname.padEnd(18)} upd ${r.u} hot ${r.h} table ${(r.t/tasks).toFixed(0)} idx ${(r.i/tasks).toFixed(0)} B/task`);
  await client.end();
} finally { await server.stop(); }
