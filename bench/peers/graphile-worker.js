// graphile-worker as its own performance page configures it: local queue of 500, batched completion without delay,
// 4 processes × 24 (its perfTest) or fewer. Singly: the page's "without batching".
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeWorkerUtils, run } from 'graphile-worker';
import { latencyProbe } from '../latency.js';
import { appTable, openPool, submitInTransactions } from '../pools.js';
import { startProcesses } from '../processes.js';
import { quiet } from './graphile-worker-quiet.js';
import { inBatches } from './in-batches.js';

const { version } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.resolve('graphile-worker')), 'utf8'),
);
const script = new URL('graphile-worker-process.js', import.meta.url);
const name = 'bench.noop';
const addJob = `select graphile_worker.add_job('${name}', $1::json)`;
const batched = { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 };
const drainWith = (processes, { queue = 500, places = 24 } = {}) => ({
  label: `${processes} × ${places}${queue === 500 ? '' : `, local queue ${queue}`}`,
  processes,
  worker: { concurrentJobs: places, maxPoolSize: 25, ...batched, localQueue: { size: queue } },
});
const singly = (processes, places) => ({
  label: `${processes} × ${places}`,
  processes,
  worker: { concurrentJobs: places, maxPoolSize: places + 1 },
});

const variants = {
  // A larger local queue than the page's: not documented as faster, but allowed, and tasks here are as fast as they get.
  drainVariants: [drainWith(4), drainWith(2), drainWith(1), drainWith(2, { queue: 2000 })],
  likelyVariants: [drainWith(2), drainWith(2, { queue: 2000 })],
  byProcesses: (count) => drainWith(count),
  singleVariants: [singly(1, 24), singly(2, 12)],
  liveVariants: [drainWith(2), drainWith(1)],
  soakVariants: [drainWith(1)],
  arrivalVariants: [
    { ...singly(1, 24), label: '1 × 24, no batching' },
    { ...drainWith(1), label: '1 × 24, local queue 500' },
  ],
};

export function graphileWorker({ timed }) {
  let url;
  let pool;
  let utils;

  async function runUntilEmpty({ processes, worker }) {
    const workers = await startProcesses(script, processes, { url, worker });
    try {
      return await timed(() => workers.run());
    } finally {
      await workers.stop();
    }
  }

  const add = (from, count) =>
    utils.addJobs(Array.from({ length: count }, (_, k) => ({ identifier: name, payload: { i: from + k } })));

  async function remaining() {
    const { rows } = await pool.query('select count(*)::int as n from graphile_worker._private_jobs');
    return rows[0].n;
  }

  return {
    name: 'graphile-worker',
    version,
    ...variants,
    async setup(databaseUrl) {
      url = databaseUrl;
      pool = await openPool(url, 16);
      utils = await makeWorkerUtils({ pgPool: pool, logger: quiet });
      await utils.migrate();
      await pool.query(appTable);
      await utils.addJob(name, {}); // makes the task identifier known
      await pool.query('delete from graphile_worker._private_jobs');
    },
    timed,
    pool: () => pool,
    query: (text, values) => pool.query(text, values),
    submit: (n, batch) => inBatches(n, batch, add),
    submitSome: async (count) => (await add(1, count)).map(({ id }) => id),
    fill: (n) =>
      pool.query(
        `insert into graphile_worker._private_jobs (task_id, payload)
         select t.id, json_build_object('i', g) from graphile_worker._private_tasks t, generate_series(1, $1::int) g
          where t.identifier = '${name}'`,
        [n],
      ),
    submitInTransaction: (n) =>
      timed(() =>
        submitInTransactions(pool, n, (client, i) =>
          client.query({ name: 'add-job', text: addJob, values: [JSON.stringify({ i })] }),
        ),
      ),
    drain: (_n, variant) => runUntilEmpty(variant),
    drainOneAtATime: (_n, variant) => runUntilEmpty(variant),
    async start({ processes, worker }) {
      const workers = await startProcesses(script, processes, { url, worker });
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
        text: 'select id from graphile_worker._private_jobs where id = any($1::bigint[])',
        values: [ids],
      });
      return rows.map(({ id }) => id);
    },
    submitWays: ['typescript', 'transaction', 'sql'],
    async latency(n, way) {
      const probe = latencyProbe();
      const taskList = { [name]: ({ i }) => probe.started(i) };
      const own = await openPool(url, 6);
      const runner = await run({
        pgPool: own,
        preset: { worker: { concurrentJobs: 4, logger: quiet } },
        taskList,
        noHandleSignals: true,
      });
      const prepared = (i, client) => client.query({ name: 'add-job', text: addJob, values: [JSON.stringify({ i })] });
      try {
        return await probe.sampleWay(n, way, pool, {
          typescript: (i) => utils.addJob(name, { i }),
          transaction: prepared, // the documented way within a transaction of the app
          sql: (i, client) => client.query(`select graphile_worker.add_job('${name}', '{"i":${i}}')`),
        });
      } finally {
        await runner.stop();
        await own.end();
      }
    },
    async close() {
      await utils?.release();
      await pool?.end();
    },
  };
}
