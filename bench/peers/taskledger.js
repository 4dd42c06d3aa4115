// taskledger itself, as its users run it: one process, or two, with whole batches. Its full history stays in the log.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { latencyProbe } from '../latency.js';
import { appTable, openPool, submitInTransactions } from '../pools.js';
import { startProcesses } from '../processes.js';
import { fillHistory } from './bare-log.js';
import { inBatches } from './in-batches.js';
import { joinPeerSite } from './taskledger-site.js';

const thisTree = new URL('../../', import.meta.url);
const script = new URL('taskledger-process.js', import.meta.url);
const daemonScript = new URL('taskledger-daemon-process.js', import.meta.url);
const submitOne = "select id from taskledger.submit('bench.noop', $1::json)";
const fillBatch = 20_000;
const fillSome = `select count(*) from taskledger.submit_many(
  (select json_agg(json_build_object('input', json_build_object('i', g))) from generate_series($1::int, $2::int) g),
  '{"name":"bench.noop"}', strict => false)`;

const drainWith = (processes, connections) => ({
  label: `${processes} ${processes === 1 ? 'process' : 'processes'}, ${connections} connections`,
  processes,
  runner: { concurrency: 24, connections },
});
const alone = { processes: 1, runner: { concurrency: 24, connections: 3 } };
const singly = (label, processes, runner) => ({ label, processes, runner });

const variants = {
  drainVariants: [drainWith(1, 2), drainWith(1, 3), drainWith(2, 2)],
  byProcesses: (count) => drainWith(count, 2),
  sustainedVariants: [{ label: 'sealed, projected', daemon: true, ...alone }],
  peerSiteVariants: [{ label: 'sealed, projected, a peer site', daemon: true, peerSite: true, ...alone }],
  unsealedVariants: [{ label: 'no daemon', ...alone }],
  liveVariants: [{ label: '1 process, 3 connections', ...alone }],
  soakVariants: [{ label: '1 process and a daemon', daemon: true, ...alone }],
  arrivalVariants: [{ label: '1 process, 3 connections', ...alone }],
  singleVariants: [
    // 24 places, no task leased before there is a place for it, each recorded as soon as it ends; what ends within the
    // same two milliseconds shares a statement, as it does for every user of the runner.
    singly('1 × 24, shared statements', 1, { concurrency: 24, connections: 2, prefetch: false }),
    // The same with a statement of its own for every task.
    singly('1 × 24', 1, { concurrency: 24, connections: 24, maxBatch: 1 }),
    singly('2 × 12', 2, { concurrency: 12, connections: 12, maxBatch: 1 }),
  ],
};

/** @param tree the checkout whose dist/ is measured; another one than this compares two of our own. */
export function taskledger(server, { name = 'taskledger', tree = thisTree } = {}) {
  const { timed } = server;
  const { version } = JSON.parse(readFileSync(new URL('package.json', tree), 'utf8'));
  const built = new URL('dist/index.js', tree).href;
  let url;
  let pool;
  let ledger;
  let site;

  /** Runners, and beside them a daemon that seals and projects, where the variant has one; not at work yet. */
  async function open({ processes, runner, daemon }) {
    const beside = daemon ? await startProcesses(daemonScript, 1, { tree: tree.href, url }) : undefined;
    const runners = await startProcesses(script, processes, { built, url, runner });
    const stop = async () => {
      await runners.stop();
      await beside?.stop();
    };
    return { runners, beside, stop };
  }

  async function runUntilDone(variant) {
    const { runners, beside, stop } = await open(variant);
    try {
      if (variant.peerSite) {
        site = await joinPeerSite(server, { built, tree, url, pool });
        await site.whenEqual();
      }
      return await timed(
        async () => {
          const before = site?.cpuSeconds() ?? 0;
          const parts = await Promise.all([runners.run(), beside?.run()]);
          await site?.whenEqual();
          const own = parts.reduce((sum, part) => sum + (part?.childCpuSeconds ?? 0), 0);
          return { childCpuSeconds: own + (site?.cpuSeconds() ?? 0) - before };
        },
        site === undefined ? {} : { 'postgres of the peer site': site.postmaster },
      );
    } finally {
      await stop();
    }
  }

  const batchOf = (from, count) => Array.from({ length: count }, (_, k) => ({ input: { i: from + k } }));

  return {
    name,
    version,
    ...variants,
    async setup(databaseUrl) {
      url = databaseUrl;
      const { migrate, openLedger } = await import(built);
      await migrate({ connectionString: url });
      pool = await openPool(url, 16);
      await pool.query(appTable);
      ledger = await openLedger({ connectionString: url });
    },
    timed,
    pool: () => pool,
    query: (text, values) => pool.query(text, values),
    submit: (n, batch) => inBatches(n, batch, (from, count) => ledger.submitMany('bench.noop', batchOf(from, count))),
    submitSome: async (count) => (await ledger.submitMany('bench.noop', batchOf(1, count))).map(({ id }) => id),
    fill: (n) => inBatches(n, fillBatch, (from, count) => pool.query(fillSome, [from, from + count - 1])),
    fillFinished: (n) => fillHistory(pool, n),
    submitInTransaction: (n) =>
      timed(() =>
        submitInTransactions(pool, n, (client, i) =>
          client.query({ name: 'submit', text: submitOne, values: [JSON.stringify({ i })] }),
        ),
      ),
    drain: (_n, variant) => runUntilDone(variant),
    sustained: (_n, variant) => runUntilDone(variant),
    drainOneAtATime: (_n, variant) => runUntilDone(variant),
    async start(variant) {
      const { runners, beside, stop } = await open(variant);
      return {
        ...runners,
        processes: { runner: runners.pids[0], ...(beside === undefined ? {} : { daemon: beside.pids[0] }) },
        async settled() {
          while ((await this.waiting()) > 0) await sleep(20);
          if (beside !== undefined) await ledger.whenCaughtUp({ timeoutMs: 120_000 });
        },
        waiting: async () =>
          (await pool.query('select count(*)::int as n from (select from taskledger.open_tasks limit 1) x')).rows[0].n,
        work: () => Promise.all([runners.work(), beside?.work()]),
        cpuSeconds: () => runners.cpuSeconds() + (beside?.cpuSeconds() ?? 0),
        stop,
      };
    },
    async remaining() {
      const { rows } = await pool.query('select count(*)::int as n from taskledger.open_tasks');
      return rows[0].n;
    },
    async unfinished(ids) {
      const { rows } = await pool.query({
        name: 'unfinished',
        text: 'select task_id as id from taskledger.open_tasks where task_id = any($1::uuid[])',
        values: [ids],
      });
      return rows.map(({ id }) => id);
    },
    submitWays: ['typescript', 'transaction', 'sql'],
    async latency(n, way) {
      const probe = latencyProbe();
      const { defineTask } = await import(built);
      const noop = defineTask({ name: 'bench.noop' });
      const runner = ledger.runner({ handlers: [noop.handle(({ input }) => probe.started(input.i))], concurrency: 4 });
      const sql = (i) => `select id from taskledger.submit(name => 'bench.noop', input => '{"i":${i}}')`;
      await runner.start();
      try {
        return await probe.sampleWay(n, way, pool, {
          typescript: (i) => ledger.submit(noop, { i }),
          transaction: (i, client) => ledger.submit(noop, { i }, { tx: client }),
          sql: (i, client) => client.query(sql(i)),
        });
      } finally {
        await runner.stop();
      }
    },
    async close() {
      await ledger?.close();
      await site?.close();
      await pool?.end();
    },
  };
}
