import { setTimeout as sleep } from 'node:timers/promises';

const warmUp = 50;

/**
 * Submits one task at a time, waits until its handler starts, then a random gap of up to 20 ms so that no poller can
 * fall into step. The handler of task i must call `started(i)` of the returned object.
 */
export function latencyProbe() {
  const waiting = new Map();
  async function sample(n, submit) {
    await sleep(500); // idle means idle
    const samples = [];
    for (let i = 1; i <= warmUp + n; i++) {
      const start = performance.now();
      const handlerStart = new Promise((resolve) => waiting.set(i, resolve));
      await submit(i);
      const milliseconds = (await handlerStart) - start;
      waiting.delete(i);
      if (i > warmUp) samples.push(milliseconds);
      await sleep(Math.random() * 20);
    }
    return samples;
  }
  return {
    started(i) {
      const now = performance.now();
      waiting.get(i)?.(now);
    },
    /**
     * @param way `typescript`: a call of the library by itself. `transaction`: within one of the app's, of which begin, its row
     *   and commit count too. `sql`: a statement as psql would send it.
     * @param ways for each way `(i, client)` → promise
     */
    async sampleWay(n, way, pool, ways) {
      const client = await pool.connect();
      try {
        if (way !== 'transaction') return await sample(n, (i) => ways[way](i, client));
        return await sample(n, async (i) => {
          await client.query('begin');
          await client.query({
            name: 'app-order',
            text: 'insert into app_orders (note) values ($1)',
            values: ['an order'],
          });
          await ways.transaction(i, client);
          await client.query('commit');
        });
      } finally {
        client.release();
      }
    },
  };
}
