import pg from 'pg';
import { migrate } from '../dist/index.js';
import { addSiteKey } from '../dist/events/blocks/known-key.js';
import { temporarySiteKey } from '../dist/events/blocks/site-key.js';
import { sealTick } from '../dist/events/blocks/tick.js';
import { startServer } from './server.js';
const server = await startServer();
try {
  const url = await server.createDatabase('exp');
  await migrate({ connectionString: url });
  const client = new pg.Client({ connectionString: url }); await client.connect();
  const key = temporarySiteKey(); await addSiteKey(client, key);
  const submit = (n) => client.query(`select count(*) from taskledger.submit_many((select json_agg(json_build_object('input', json_build_object('payoutId', g, 'amount', 12.5))) from generate_series(1, ${n}) g), '{"name":"bench.a"}', strict => false)`);
  for (const n of [1,100, 2000,10000, 1, 100, 2000]) {
    const times = [];
    for (let i = 0; i < 15; i++) { await submit(n);
      const timed = { query: async (...a) => { const t = performance.now(); const r = await client.query(...a); steps.push([String(a[0]).trim().slice(0, 30), performance.now() - t]); return r; } };
      const steps = []; const t = performance.now(); await sealTick(timed, key); times.push([performance.now() - t, steps]); }
    times.sort((a, b) => a[0] - b[0]); const [ms, steps] = times[7];
    console.log(n, 'events', ms.toFixed(2), 'ms', (ms * 1000 / n).toFixed(1), 'us/event;', steps.map(([q, m]) => `${q} ${m.toFixed(2)}`).join(' | '));
  }


  await submit(1); await sealTick(client, key);
  console.log((await client.query("select relname, last_autoanalyze, n_live_tup from pg_stat_user_tables where relname='events_local'")).rows);
  await client.end();
} finally { await server.stop(); }
