import pg from 'pg';
import { migrate } from '../dist/index.js';
import { startServer } from './server.js';
const server = await startServer();
try {
  const url = await server.createDatabase('exp');
  await migrate({ connectionString: url });
  const a = new pg.Client({ connectionString: url }); await a.connect();
  const b = new pg.Client({ connectionString: url }); await b.connect();
  const offers = JSON.stringify([{ name: 'bench.a', leased: '' }]);
  const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
  const t = async (f) => { const s = performance.now(); await f(); return performance.now() - s; };
  const med = (x) => { const s = [...x].sort((p, q) => p - q); return `first ${x[0].toFixed(2)} second ${x[1].toFixed(2)} p50 ${s[s.length >> 1].toFixed(2)} p90 ${s[Math.floor(s.length * .9)].toFixed(2)}`; };
  for (const pause of [0, 50]) {
    const r = { submit: [], claim: [], empty: [], one: [] };
    for (let i = 0; i < 100; i++) {
      if (pause) await sleep(pause);
      r.one.push(await t(() => a.query({ name: 'one', text: 'select 1' })));
      r.submit.push(await t(() => a.query({ name: 's', text: 'select id from taskledger.submit(name => $1, input => $2)', values: ['bench.a', '1'] })));
      const lanes = JSON.stringify([{ name: 'bench.a', pin: null, queue: 'default', priority: 0, group: null, from: null, from_id: null, share: 1 }]);
      r.claim.push(await t(() => b.query({ name: 'c', text: 'select claim_id, secret, tasks, again_ms, next_group from taskledger.claim($1, $2, $3, $4, $5, $6, $7)', values: [['bench.a'], 10, 'r', 'h', 15000, null, lanes] })));
      r.empty.push(await t(() => b.query({ name: 'c', text: 'select claim_id, secret, tasks, again_ms, next_group from taskledger.claim($1, $2, $3, $4, $5, $6, $7)', values: [['bench.a'], 10, 'r', 'h', 15000, null, lanes] })));
    }
    for (const [k, v] of Object.entries(r)) console.log(pause, k, med(v));
  }
  await a.end(); await b.end();
} finally { await server.stop(); }
