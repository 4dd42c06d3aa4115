// taskledger itself, as its users run it: one process, or two, with whole batches. Its full history stays in the log.
import { readFileSync } from 'node:fs';
import { latencyProbe } from '../latency.js';
import { appTable, openPool, submitInTransactions } from '../pools.js';
import { startProcesses } from '../processes.js';

const thisTree = new URL('../../', import.meta.url);
const script = new URL('taskledger-process.js', import.meta.url);
const daemonScript = new URL('taskledger-daemon-process.js', import.meta.url);
const submitOne = "select id from taskledger.submit('bench.noop', $1::json)";

/** @param tree the checkout whose dist/ is measured; another one than this compares two of our own. */
export function taskledger({ timed, name = 'taskledger', tree = thisTree }) {
  const { version } = JSON.parse(readFileSync(new URL('package.json', tree), 'utf8'));
  const built = new URL('dist/index.js', tree).href;
  let url;
  let pool;
  let ledger;

  async function runUntilEmpty({ processes, runner }) {
    const children = await startProcesses(script, processes, { built, url, runner });
    try {
      return await timed(() => children.run());
    } finally {
      await children.stop();
    }
  }

  /** A daemon that seals and projects beside the runner; without one, only the runner's part. */
  async function runSustained({ daemon, runner }) {
    const beside = daemon ? await startProcesses(daemonScript, 1, { url }) : undefined;
    const children = await startProcesses(script, 1, { built, url, runner });
    try {
      return await timed(async () => {
        const parts = await Promise.all([children.run(), beside?.run()]);
        return { childCpuSeconds: parts.reduce((sum, part) => sum + (part?.childCpuSeconds ?? 0), 0) };
      });
    } finally {
      await children.stop();
      await beside?.stop();
    }
  }

  return {
    name,
    version,
    async setup(databaseUrl) {
      url = databaseUrl;
      const { migrate, openLedger } = await import(built);
      await migrate({ connectionString: url });
      pool = await openPool(url, 16);
      await pool.query(appTable);
      ledger = await openLedger({ connectionString: url });
    },
    submitBatch: (n, batch) =>
      timed(async () => {
        for (let i = 1; i <= n; i += batch) {
          const items = Array.from({ length: Math.min(batch, n - i + 1) }, (_, k) => ({ input: { i: i + k } }));
          await ledger.submitMany('bench.noop', items);
        }
      }),
    submitInTransaction: (n) =>
      timed(() =>
        submitInTransactions(pool, n, (client, i) =>
          client.query({ name: 'submit', text: submitOne, values: [JSON.stringify({ i })] }),
        ),
      ),
    drainVariants: [
      { label: '1 process, 2 connections', processes: 1, runner: { concurrency: 24, connections: 2 } },
      { label: '1 process, 3 connections', processes: 1, runner: { concurrency: 24, connections: 3 } },
      { label: '2 processes, 2 connections', processes: 2, runner: { concurrency: 24, connections: 2 } },
    ],
    sustainedVariants: [{ label: 'sealed, projected', daemon: true, runner: { concurrency: 24, connections: 3 } }],
    unsealedVariants: [{ label: 'no daemon', daemon: false, runner: { concurrency: 24, connections: 3 } }],
    sustained: (_n, variant) => runSustained(variant),
    drain: (_n, variant) => runUntilEmpty(variant),
    singleVariants: [
      // 24 places, no task leased before there is a place for it, each recorded as soon as it ends; what ends within the
      // same two milliseconds shares a statement, as it does for every user of the runner.
      {
        label: '1 × 24, shared statements',
        processes: 1,
        runner: { concurrency: 24, connections: 2, prefetch: false },
      },
      // The same with a statement of its own for every task.
      { label: '1 × 24', processes: 1, runner: { concurrency: 24, connections: 24, maxBatch: 1 } },
      { label: '2 × 12', processes: 2, runner: { concurrency: 12, connections: 12, maxBatch: 1 } },
    ],
    drainOneAtATime: (_n, variant) => runUntilEmpty(variant),
    async remaining() {
      const { rows } = await pool.query('select count(*)::int as n from taskledger.open_tasks');
      return rows[0].n;
    },
    async latency(n) {
      const probe = latencyProbe();
      const { defineTask } = await import(built);
      const noop = defineTask({ name: 'bench.noop' });
      const runner = ledger.runner({ handlers: [noop.handle(({ input }) => probe.started(input.i))], concurrency: 4 });
      await runner.start();
      try {
        const client = await pool.connect();
        try {
          return await probe.sample(n, (i) =>
            client.query({ name: 'submit', text: submitOne, values: [JSON.stringify({ i })] }),
          );
        } finally {
          client.release();
        }
      } finally {
        await runner.stop();
      }
    },
    async close() {
      await ledger?.close();
      await pool?.end();
    },
  };
}
