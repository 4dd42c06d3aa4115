// graphile-worker as its own performance page configures it: local queue of 500, batched completion without delay,
// 4 processes × 24 (its perfTest) or one. Singly: the page's "without batching".
import { readFileSync } from 'node:fs';
import { makeWorkerUtils, run } from 'graphile-worker';
import { latencyProbe } from '../latency.js';
import { appTable, openPool, submitInTransactions } from '../pools.js';
import { startProcesses } from '../processes.js';
import { quiet } from './graphile-worker-quiet.js';

const { version } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.resolve('graphile-worker')), 'utf8'),
);
const script = new URL('graphile-worker-process.js', import.meta.url);
const batched = { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 };
const addJob = "select graphile_worker.add_job('bench.noop', $1::json)";

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

  return {
    name: 'graphile-worker',
    version,
    async setup(databaseUrl) {
      url = databaseUrl;
      pool = await openPool(url, 16);
      utils = await makeWorkerUtils({ pgPool: pool, logger: quiet });
      await utils.migrate();
      await pool.query(appTable);
      await utils.addJob('bench.noop', {}); // makes the task identifier known
      await pool.query('delete from graphile_worker._private_jobs');
    },
    submitBatch: (n, batch) =>
      timed(async () => {
        for (let i = 1; i <= n; i += batch) {
          const jobs = Array.from({ length: Math.min(batch, n - i + 1) }, (_, k) => ({
            identifier: 'bench.noop',
            payload: { i: i + k },
          }));
          await utils.addJobs(jobs);
        }
      }),
    submitInTransaction: (n) =>
      timed(() =>
        submitInTransactions(pool, n, (client, i) =>
          client.query({ name: 'add-job', text: addJob, values: [JSON.stringify({ i })] }),
        ),
      ),
    drainVariants: [
      { label: '4 × 24', processes: 4, worker: { concurrentJobs: 24, maxPoolSize: 25, ...batched } },
      { label: '2 × 24', processes: 2, worker: { concurrentJobs: 24, maxPoolSize: 25, ...batched } },
      { label: '1 × 24', processes: 1, worker: { concurrentJobs: 24, maxPoolSize: 25, ...batched } },
    ],
    drain: (_n, variant) => runUntilEmpty(variant),
    singleVariants: [
      { label: '1 × 24', processes: 1, worker: { concurrentJobs: 24, maxPoolSize: 25 } },
      { label: '2 × 12', processes: 2, worker: { concurrentJobs: 12, maxPoolSize: 13 } },
    ],
    drainOneAtATime: (_n, variant) => runUntilEmpty(variant),
    async remaining() {
      const { rows } = await pool.query('select count(*)::int as n from graphile_worker._private_jobs');
      return rows[0].n;
    },
    async latency(n) {
      const probe = latencyProbe();
      const taskList = { 'bench.noop': ({ i }) => probe.started(i) };
      const own = await openPool(url, 6);
      const runner = await run({
        pgPool: own,
        preset: { worker: { concurrentJobs: 4, logger: quiet } },
        taskList,
        noHandleSignals: true,
      });
      try {
        const client = await pool.connect();
        try {
          return await probe.sample(n, (i) =>
            client.query({ name: 'add-job', text: addJob, values: [JSON.stringify({ i })] }),
          );
        } finally {
          client.release();
        }
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
