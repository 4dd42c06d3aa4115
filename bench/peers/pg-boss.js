// pg-boss without its polling workers (their shortest interval is 500 ms): direct loops of fetch and complete on large
// batches, in its own table (`partition`), with maintenance and schedules off.
import { readFileSync } from 'node:fs';
import { PgBoss } from 'pg-boss';
import { latencyProbe } from '../latency.js';
import { appTable, openPool, submitInTransactions } from '../pools.js';
import { startProcesses } from '../processes.js';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.resolve('pg-boss')), 'utf8'));
const script = new URL('pg-boss-process.js', import.meta.url);
const queue = 'bench.noop';
const loops = (processes, perProcess, batchSize) => ({
  label: `${processes} × ${perProcess}, batch ${batchSize}`,
  processes,
  loops: perProcess,
  batchSize,
});

/** What `db` of pg-boss wants, on a pool or on a client within a transaction. */
export const executor = (db) => ({ executeSql: (text, values) => db.query(text, values) });

export function pgBoss({ timed }) {
  let url;
  let pool;
  let boss;

  async function runUntilEmpty({ processes, loops: perProcess, batchSize }) {
    const workers = await startProcesses(script, processes, { url, queue, loops: perProcess, batchSize });
    try {
      return await timed(() => workers.run());
    } finally {
      await workers.stop();
    }
  }

  return {
    name: 'pg-boss',
    version,
    async setup(databaseUrl) {
      url = databaseUrl;
      pool = await openPool(url, 16);
      boss = new PgBoss({ db: executor(pool), supervise: false, schedule: false, registerInstance: false });
      boss.on('error', (error) => process.stderr.write(`pg-boss: ${error.message}\n`));
      await boss.start();
      await boss.createQueue(queue, { partition: true });
      await pool.query(appTable);
    },
    submitBatch: (n, batch) =>
      timed(async () => {
        for (let i = 1; i <= n; i += batch) {
          await boss.insert(
            queue,
            Array.from({ length: Math.min(batch, n - i + 1) }, (_, k) => ({ data: { i: i + k } })),
          );
        }
      }),
    submitInTransaction: (n) =>
      timed(() => submitInTransactions(pool, n, (client, i) => boss.send(queue, { i }, { db: executor(client) }))),
    drainVariants: [loops(1, 2, 1000), loops(1, 3, 5000), loops(2, 2, 5000)],
    drain: (_n, variant) => runUntilEmpty(variant),
    singleVariants: [loops(1, 24, 1), loops(2, 12, 1)],
    drainOneAtATime: (_n, variant) => runUntilEmpty(variant),
    async remaining() {
      const { rows } = await pool.query(
        "select count(*)::int as n from pgboss.job where name = $1 and state < 'completed'",
        [queue],
      );
      return rows[0].n;
    },
    async latency(n) {
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
      await listening.createQueue('bench.wake', { partition: true, notify: true });
      await listening.work(
        'bench.wake',
        { batchSize: 1, pollingIntervalSeconds: 0.5, localConcurrency: 4 },
        async ([job]) => probe.started(job.data.i),
      );
      try {
        return await probe.sample(n, (i) => listening.send('bench.wake', { i }));
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
