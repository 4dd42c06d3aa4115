// pg-boss without its polling (the shortest interval is 500 ms): direct loops of fetch and complete on large batches, in its
// own table (`partition`), with maintenance and schedules off. Where waking up matters: LISTEN, `notify` and `work`.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { PgBoss } from 'pg-boss';
import { latencyProbe } from '../latency.js';
import { appTable, openPool, submitInTransactions } from '../pools.js';
import { startProcesses } from '../processes.js';
import { inBatches } from './in-batches.js';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.resolve('pg-boss')), 'utf8'));
const script = new URL('pg-boss-process.js', import.meta.url);
const queue = 'bench.noop';
const wakingQueue = 'bench.wake';
const fillBatch = 10_000;
const loops = (processes, perProcess, batchSize, more = {}) => ({
  label: `${processes} × ${perProcess}, batch ${batchSize}`,
  processes,
  loops: perProcess,
  batchSize,
  ...more,
});
/** A task that is not due yet is never there in these turns, so that the condition can be left out; documented. */
const anyTime = { fetch: { ignoreStartAfter: true } };

const variants = {
  drainVariants: [
    loops(1, 2, 1000),
    loops(1, 3, 5000),
    loops(2, 2, 5000),
    { ...loops(1, 3, 5000, anyTime), label: '1 × 3, batch 5000, ignoreStartAfter' },
  ],
  likelyVariants: [loops(1, 3, 5000)],
  byProcesses: (count) => loops(count, count === 1 ? 3 : 2, 5000),
  singleVariants: [loops(1, 24, 1), loops(2, 12, 1)],
  liveVariants: [loops(1, 3, 5000, { restMs: 10 })],
  soakVariants: [loops(1, 3, 5000, { restMs: 50 })],
  arrivalVariants: [
    { ...loops(1, 2, 100, { restMs: 5 }), label: '2 loops, batch 100, 5 ms apart' },
    { ...loops(1, 4, 100, { listen: true, queue: wakingQueue }), label: 'work × 4, LISTEN' },
  ],
};

/** What `db` of pg-boss wants, on a pool or on a client within a transaction. */
const executor = (db) => ({ executeSql: (text, values) => db.query(text, values) });

export function pgBoss({ timed }) {
  let url;
  let pool;
  let boss;
  let used = queue;

  const open = ({ processes, label: _label, ...options }) =>
    startProcesses(script, processes, { url, queue, ...options });

  async function runUntilEmpty(variant) {
    const workers = await open(variant);
    try {
      return await timed(() => workers.run());
    } finally {
      await workers.stop();
    }
  }

  async function remaining() {
    const { rows } = await pool.query(
      "select count(*)::int as n from pgboss.job where name = $1 and state < 'completed'",
      [used],
    );
    return rows[0].n;
  }

  const insert = (from, count) =>
    boss.insert(
      queue,
      Array.from({ length: count }, (_, k) => ({ data: { i: from + k } })),
    );

  return {
    name: 'pg-boss',
    version,
    ...variants,
    async setup(databaseUrl) {
      url = databaseUrl;
      pool = await openPool(url, 16);
      boss = new PgBoss({ db: executor(pool), supervise: false, schedule: false, registerInstance: false });
      boss.on('error', (error) => process.stderr.write(`pg-boss: ${error.message}\n`));
      await boss.start();
      await boss.createQueue(queue, { partition: true });
      await boss.createQueue(wakingQueue, { partition: true, notify: true });
      await pool.query(appTable);
    },
    timed,
    pool: () => pool,
    query: (text, values) => pool.query(text, values),
    submit: (n, batch) => inBatches(n, batch, insert),
    async submitSome(count) {
      const jobs = Array.from({ length: count }, (_, i) => ({ id: randomUUID(), data: { i } }));
      await boss.insert(used, jobs);
      return jobs.map(({ id }) => id);
    },
    fill: (n) => inBatches(n, fillBatch, insert),
    submitInTransaction: (n) =>
      timed(() => submitInTransactions(pool, n, (client, i) => boss.send(queue, { i }, { db: executor(client) }))),
    drain: (_n, variant) => runUntilEmpty(variant),
    drainOneAtATime: (_n, variant) => runUntilEmpty(variant),
    async start(variant) {
      used = variant.queue ?? queue;
      const workers = await open(variant);
      return {
        ...workers,
        processes: { runner: workers.pids[0] },
        async settled() {
          while ((await remaining()) > 0) await sleep(20);
        },
      };
    },
    remaining,
    async unfinished(ids) {
      const { rows } = await pool.query({
        name: 'unfinished',
        text: "select id from pgboss.job where name = $1 and id = any($2::uuid[]) and state < 'completed'",
        values: [used, ids],
      });
      return rows.map(({ id }) => id);
    },
    submitWays: ['typescript', 'transaction'], // it has no SQL function of its own to submit with
    async latency(n, way) {
      const probe = latencyProbe();
      const listening = new PgBoss({
        connectionString: url,
        max: 4,
        useListenNotify: true,
        supervise: false,
        schedule: false,
        registerInstance: false,
      });
      listening.on('error', (error) => process.stderr.write(`pg-boss: ${error.message}\n`));
      await listening.start();
      await listening.work(
        wakingQueue,
        { batchSize: 1, pollingIntervalSeconds: 0.5, localConcurrency: 4 },
        async ([job]) => probe.started(job.data.i),
      );
      try {
        return await probe.sampleWay(n, way, pool, {
          typescript: (i) => listening.send(wakingQueue, { i }),
          transaction: (i, client) => boss.send(wakingQueue, { i }, { db: executor(client) }),
        });
      } finally {
        await listening.stop({ graceful: false });
      }
    },
    async close() {
      await boss?.stop({ graceful: false });
      await pool?.end();
    },
  };
}
