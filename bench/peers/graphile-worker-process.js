import { run, runOnce } from 'graphile-worker';
import { openPool } from '../pools.js';
import { serve } from '../processes.js';
import { quiet } from './graphile-worker-quiet.js';

let handled = 0;
const taskList = {
  'bench.noop': () => {
    handled += 1;
  },
};

serve(async ({ url, worker }) => {
  const pool = await openPool(url, worker.maxPoolSize);
  const options = { pgPool: pool, preset: { worker: { ...worker, logger: quiet } }, taskList, noHandleSignals: true };
  let runner;
  return {
    // Runs until there is nothing left, and ends when all completions are committed.
    run: () => runOnce(options),
    async work() {
      runner = await run(options);
    },
    // Those whose completion is on its way in a batch are counted too.
    completed: () => handled,
    async close() {
      await runner?.stop();
      await pool.end();
    },
  };
});
