import { PgBoss } from 'pg-boss';
import { openPool } from '../pools.js';
import { serve } from '../processes.js';

const handle = () => {};

serve(async ({ url, queue, loops, batchSize }) => {
  const pool = await openPool(url, loops);
  const boss = new PgBoss({
    db: { executeSql: (text, values) => pool.query(text, values) },
    supervise: false,
    schedule: false,
    migrate: false,
    registerInstance: false,
  });
  await boss.start();
  await boss.getQueue(queue);

  async function loop() {
    for (;;) {
      const jobs = await boss.fetch(queue, { batchSize });
      if (jobs.length === 0) return;
      for (const job of jobs) handle(job);
      await boss.complete(
        queue,
        jobs.map((job) => job.id),
      );
    }
  }
  return {
    run: () => Promise.all(Array.from({ length: loops }, loop)),
    async close() {
      await boss.stop({ graceful: false });
      await pool.end();
    },
  };
});
