// A runner that takes leases and never ends an attempt, to be killed. Says so once it holds all of them.
import { defineTask, openLedger } from '../dist/index.js';

process.once('message', async ({ url, tasks }) => {
  const ledger = await openLedger({ connectionString: url });
  let holding = 0;
  const handler = defineTask({ name: 'bench.held' }).handle(() => {
    holding += 1;
    if (holding === tasks) process.send('holding');
    return new Promise(() => {});
  });
  await ledger.runner({ handlers: [handler], concurrency: tasks }).start();
});
