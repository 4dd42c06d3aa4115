import { runOnce } from 'graphile-worker';
import { openPool } from '../pools.js';
import { serve } from '../processes.js';
import { quiet } from './graphile-worker-quiet.js';

const taskList = { 'bench.noop': () => {} };

serve(async ({ url, worker }) => {
  const pool = await openPool(url, worker.maxPoolSize);
  return {
    // Runs until there is nothing left, and ends when all completions are committed.
    run: () =>
      runOnce({ pgPool: pool, preset: { worker: { ...worker, logger: quiet } }, taskList, noHandleSignals: true }),
    close: () => pool.end(),
  };
});
