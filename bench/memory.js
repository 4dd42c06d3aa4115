// How much memory the processes of a site hold: a daemon that seals and projects, a runner, the verification of their log.
// Each is the command line as users start it, the load comes from here; see resident.js for what is read.
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { systemClock } from '../dist/clock.js';
import { defineTask, migrate, openLedger } from '../dist/index.js';
import { whenCaughtUp } from '../dist/projections/caught-up.js';
import { measured, startCommand } from './command.js';
import { residentDuring } from './resident.js';
import { startServer } from './server.js';
import { temporaryDirectory } from './undo.js';

const goalMb = 150;
const handlers = fileURLToPath(new URL('memory-handlers.js', import.meta.url));
const small = defineTask({ name: 'bench.small' });
const long = defineTask({ name: 'bench.long' });
export const sizes = {
  full: { seconds: 60, queued: 100_000, long: 2000, longMs: 30_000 },
  whole: { seconds: 10, queued: 30_000, long: 2000, longMs: 5000 },
  quick: { seconds: 5, queued: 20_000, long: 2000, longMs: 3000 },
};
const warmUpSeconds = 3;
const idleMs = 5000;
const perSecond = 2000;
const turnMs = 10;

const startRunner = (url, ...args) =>
  startCommand(['run', '--handlers', handlers, ...args], url, (line) => line.includes('runner.started'));

/** Submits at a steady rate, in single calls of twenty tasks. */
async function steadily(ledger, seconds) {
  const until = performance.now() + seconds * 1000;
  const calls = [];
  for (let next = performance.now(); next < until; next += turnMs) {
    await sleep(Math.max(0, next - performance.now()));
    const items = Array.from({ length: (perSecond * turnMs) / 1000 }, (_, i) => ({ input: i }));
    calls.push(ledger.submitMany(small, items));
  }
  await Promise.all(calls);
}

/** All of them due at the same later moment, so that they wait together. */
async function queue(ledger, count, dueInMs) {
  const startAfter = new Date(Date.now() + dueInMs);
  for (let i = 0; i < count; i += 5000) {
    const part = Math.min(5000, count - i);
    await ledger.submitMany(
      small,
      Array.from({ length: part }, (_, k) => ({ input: { number: i + k }, startAfter })),
    );
  }
}

async function untilDone(pool) {
  while ((await pool.query('select from taskledger.open_tasks limit 1')).rowCount > 0) await sleep(100);
  await whenCaughtUp(pool, systemClock, { timeoutMs: 600_000 });
}

async function untilLeased(pool, count) {
  const leased = `select count(*)::int as n from taskledger.open_tasks where state = 'leased'`;
  while ((await pool.query(leased)).rows[0].n < count) await sleep(100);
}

/** The phases, one after the other, on the same daemon. */
async function phases({ ledger, pool, url, keyFile, load, tell }) {
  const daemon = await startCommand(['serve', '--key', keyFile, '--json'], url, (line) =>
    line.includes('"ready":true'),
  );
  const runner = await startRunner(url, '--concurrency', '24');
  const both = { daemon: daemon.pid, runner: runner.pid };
  tell('idle', await residentDuring(both, () => sleep(idleMs)));
  await steadily(ledger, warmUpSeconds);
  const steady = `${perSecond} tasks/s for ${load.seconds} s`;
  tell(steady, await residentDuring(both, () => steadily(ledger, load.seconds).then(() => untilDone(pool))));
  await queue(ledger, load.queued, 10_000);
  tell(`drain of ${load.queued} tasks`, await residentDuring(both, () => untilDone(pool)));
  await runner.stop();
  const holder = await startRunner(url, '--concurrency', String(load.long));
  const items = Array.from({ length: load.long }, () => ({ input: { ms: load.longMs } }));
  tell(
    `${load.long} tasks at once`,
    await residentDuring({ daemon: daemon.pid, runner: holder.pid }, async () => {
      await ledger.submitMany(long, items);
      await untilLeased(pool, load.long);
      await untilDone(pool);
    }),
  );
  await holder.stop();
  await daemon.stop();
}

export async function measure({ size, tell: say }) {
  const server = await startServer();
  const { directory, remove } = temporaryDirectory('memory');
  const measures = [];
  const tell = (phase, megabytes) => {
    measures.push({ phase, megabytes });
    for (const [name, { max, mean, end }] of Object.entries(megabytes))
      say(
        `${phase.padEnd(26)}${name.padEnd(14)}max ${max} MB${mean === undefined ? '' : `, mean ${mean}, at the end ${end}`}`,
      );
  };
  try {
    const url = await server.createDatabase('memory');
    const keyFile = path.join(directory, 'site-key.pem');
    await migrate({ connectionString: url });
    await measured(['site', 'init', '--key', keyFile], url);
    const pool = new pg.Pool({ connectionString: url, max: 2 });
    const ledger = await openLedger({ connectionString: url });
    await phases({ ledger, pool, url, keyFile, load: size, tell });
    const { rows } = await pool.query('select sum(event_count)::int as events from taskledger.blocks');
    const { text, status, peak_mb: max } = await measured(['audit', 'verify', '--json'], url);
    if (status !== 0) throw new Error(`audit verify ended with ${status}: ${text}`);
    tell(`${rows[0].events} events`, { 'audit verify': { max } });
    await ledger.close();
    await pool.end();
    const worst = Math.max(
      ...measures.flatMap(({ megabytes }) => Object.values(megabytes).map(({ max: most }) => most)),
    );
    say(`Most of all: ${worst} MB`);
    return { postgres: server.described, goalMb, worst, measures };
  } finally {
    await server.stop();
    await remove();
  }
}
