// The daemon of a site beside the runners: seals and projects all the time. It is done when no task is open and everything
// that was recorded is sealed and projected.
import pg from 'pg';
import { serve } from '../processes.js';

const hour = 3_600_000;

serve(async ({ tree, url }) => {
  const from = (file) => import(new URL(`dist/${file}`, tree).href);
  const [{ systemClock }, { openDaemon }, { addSiteKey }, { temporarySiteKey }, { whenCaughtUp }, { createSignals }] =
    await Promise.all(
      ['clock.js', 'daemon/open-daemon.js', 'events/blocks/known-key.js', 'events/blocks/site-key.js']
        .concat(['projections/caught-up.js', 'index.js'])
        .map(from),
    );
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  const key = temporarySiteKey();
  await addSiteKey(pool, key);
  const stopping = new AbortController();
  const opened = await openDaemon({
    connectionString: url,
    key,
    clock: systemClock,
    signals: createSignals(),
    random: Math.random,
    stopped: stopping.signal,
  });
  opened.daemon.start();
  // The submissions are not what is measured.
  await whenCaughtUp(pool, systemClock, { timeoutMs: hour });
  return {
    async run() {
      for (;;) {
        const { rows } = await pool.query('select exists (select from taskledger.open_tasks) as busy');
        if (!rows[0].busy) break;
        await systemClock.sleep(50);
      }
      await whenCaughtUp(pool, systemClock, { timeoutMs: hour });
    },
    work: async () => {},
    completed: () => 0,
    async close() {
      await opened[Symbol.asyncDispose]();
      await pool.end();
    },
  };
});
