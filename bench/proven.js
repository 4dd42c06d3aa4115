// From an event to the block it is sealed in, and to the projection that has read that block, while 1 000 tasks a second are
// submitted and run.
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { systemClock } from '../dist/clock.js';
import { openDaemon } from '../dist/daemon/open-daemon.js';
import { addSiteKey } from '../dist/events/blocks/known-key.js';
import { temporarySiteKey } from '../dist/events/blocks/site-key.js';
import { createSignals, defineTask, migrate, openLedger } from '../dist/index.js';
import { whenCaughtUp } from '../dist/projections/caught-up.js';
import { startServer } from './server.js';

export const sizes = { full: { seconds: 20 }, whole: { seconds: 12 }, quick: { seconds: 5 } };

const small = defineTask({ name: 'bench.small' });
const perSecond = 1000;
const turnMs = 10;

/** Submits at a steady rate for so many seconds, in single calls of ten tasks. */
async function steadily(ledger, seconds) {
  const until = performance.now() + seconds * 1000;
  for (let next = performance.now(); next < until; next += turnMs) {
    await sleep(Math.max(0, next - performance.now()));
    const items = Array.from({ length: (perSecond * turnMs) / 1000 }, (_, i) => ({ input: i }));
    void ledger.submitMany(small, items);
  }
}

const percentiles = `
  select round((percentile_cont(0.5) within group (order by ms))::numeric, 1)::float8 as p50_ms,
         round((percentile_cont(0.99) within group (order by ms))::numeric, 1)::float8 as p99_ms, count(*)::int as events`;

async function latencies(pool, projectedAt) {
  const members = `taskledger.blocks b, unnest(b.members) r
    join taskledger.events e on e.seq >= lower(r) and e.seq < upper(r)
    where e.site = b.site and b.number > $1`;
  const first = Math.min(...projectedAt.keys()) - 1;
  const sealed = await pool.query(
    `${percentiles} from (select extract(epoch from b.sealed_at - e.occurred_at) * 1000 as ms from ${members}) x`,
    [first],
  );
  const seen = [...projectedAt].map(([number, at]) => ({ number, at }));
  const projected = await pool.query(
    `${percentiles} from (select p.at - extract(epoch from e.occurred_at) * 1000 as ms
       from json_to_recordset($2) p(number bigint, at float8), ${members.replace('where', 'where b.number = p.number and')}) x`,
    [first, JSON.stringify(seen)],
  );
  return { event_to_block: sealed.rows[0], event_to_projection: projected.rows[0] };
}

export async function measure({ size, tell: say }) {
  const server = await startServer();
  const results = {};
  const tell = (name, result) => {
    results[name] = result;
    say(`${name.padEnd(28)}${JSON.stringify(result)}`);
  };
  try {
    const url = await server.createDatabase('proven');
    await migrate({ connectionString: url });
    const pool = new pg.Pool({ connectionString: url, max: 2 });
    const key = temporarySiteKey();
    await addSiteKey(pool, key);
    const signals = createSignals();
    const projectedAt = new Map();
    signals.subscribe(({ name, data }) => {
      if (name === 'projection.advanced' && data.projection === 'tasks')
        projectedAt.set(Number(data.block), Date.now());
    });
    const around = { clock: systemClock, signals, random: Math.random, stopped: new AbortController().signal };
    const opened = await openDaemon({ connectionString: url, key, ...around });
    opened.daemon.start();
    const ledger = await openLedger({ connectionString: url });
    const runner = ledger.runner({ handlers: [small.handle(() => undefined)], concurrency: 24 });
    await runner.start();
    await steadily(ledger, 3);
    projectedAt.clear();
    await steadily(ledger, size.seconds);
    await whenCaughtUp(pool, systemClock, { timeoutMs: 60_000 });
    const inOrder = fillUp(projectedAt);
    for (const [what, ms] of Object.entries(await latencies(pool, inOrder))) tell(what, ms);
    await runner.stop();
    await ledger.close();
    await opened[Symbol.asyncDispose]();
    await pool.end();
    return { postgres: server.described, results };
  } finally {
    await server.stop();
  }
}

/** A step of several blocks is told by its last one: those before it were read at the same moment. */
function fillUp(projectedAt) {
  const filled = new Map();
  let next = Math.min(...projectedAt.keys());
  for (const [number, at] of [...projectedAt].sort(([a], [b]) => a - b))
    for (; next <= number; next += 1) filled.set(next, at);
  return filled;
}
