import { setTimeout as sleep } from 'node:timers/promises';
import { PgBoss } from 'pg-boss';
import { openPool } from '../pools.js';
import { serve } from '../processes.js';

let handled = 0;
const handle = () => {};

serve(async ({ url, queue, loops, batchSize, fetch = {}, restMs, listen }) => {
  const pool = await openPool(url, loops);
  const common = { supervise: false, schedule: false, migrate: false, registerInstance: false };
  const boss = new PgBoss(
    listen
      ? { ...common, connectionString: url, max: loops + 1, useListenNotify: true }
      : { ...common, db: { executeSql: (text, values) => pool.query(text, values) } },
  );
  boss.on('error', (error) => process.stderr.write(`pg-boss: ${error.message}\n`));
  await boss.start();
  await boss.getQueue(queue);
  let stopping = false;

  async function once() {
    const jobs = await boss.fetch(queue, { batchSize, ...fetch });
    for (const job of jobs) handle(job);
    if (jobs.length > 0)
      await boss.complete(
        queue,
        jobs.map((job) => job.id),
      );
    handled += jobs.length;
    return jobs.length;
  }
  async function untilEmpty() {
    while ((await once()) > 0);
  }
  /** Rests where it got less than it could take: whoever fetches again at once gets crumbs. */
  async function onAndOn() {
    while (!stopping) if ((await once()) < batchSize) await sleep(restMs);
  }
  const each = (loop) => Promise.all(Array.from({ length: loops }, loop));
  let working;
  return {
    run: () => each(untilEmpty),
    async work() {
      if (!listen) working = each(onAndOn);
      else
        await boss.work(
          queue,
          { batchSize, pollingIntervalSeconds: 0.5, burstWhenBatchFull: true, localConcurrency: loops },
          async (jobs) => {
            for (const job of jobs) handle(job);
            handled += jobs.length; // its completion follows
          },
        );
    },
    completed: () => handled,
    async close() {
      stopping = true;
      await working;
      await boss.stop({ graceful: false });
      await pool.end();
    },
  };
});
