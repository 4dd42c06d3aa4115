import pg from 'pg';
import { migrate } from '../dist/index.js';
import { startServer } from './server.js';
import { execFileSync, spawn } from 'node:child_process';
const server = await startServer();
try {
  const url = await server.createDatabase('exp');
  await migrate({ connectionString: url });
  const b = new pg.Client({ connectionString: url }); await b.connect();
  const pid = (await b.query('select pg_backend_pid() p')).rows[0].p;
  const lanes = JSON.stringify([{ name: 'bench.a', pin: null, queue: 'default', priority: 0, group: null, from: null, from_id: null, share: 1 }]);
  const claim = () => b.query({ name: 'c', text: 'select claim_id, secret, tasks, again_ms, next_group from taskledger.claim($1, $2, $3, $4, $5, $6, $7)', values: [['bench.a'], 10, 'r', 'h', 15000, null, lanes] });
  for (let i = 0; i < 200; i++) await claim();
  const p = spawn('perf', ['record', '-e', 'cpu-clock', '-F', '1999', '-g', '-p', String(pid), '-o', '/var/tmp/tl/perf2.data'], { stdio: 'ignore' });
  await new Promise((r) => setTimeout(r, 700));
  const s = performance.now(); for (let i = 0; i < 4000; i++) await claim(); const ms = performance.now() - s;
  p.kill('SIGINT'); await new Promise((r) => p.on('exit', r));
  console.log('empty claim', (ms / 4000).toFixed(3), 'ms');
  const s2 = performance.now(); for (let i = 0; i < 4000; i++) await b.query({ name: 'one', text: 'select 1' }); console.log('select 1', ((performance.now() - s2) / 4000).toFixed(3));
  await b.end();
} finally { await server.stop(); }
