import { setTimeout as sleep } from 'node:timers/promises';
import { sideBySide } from '../benchmark.js';
import { feed, rateBetween } from '../live.js';

export const sizes = {
  full: { seconds: 600, freeSeconds: 120, rounds: 1 },
  whole: { seconds: 9, freeSeconds: 9, rounds: 1 },
  quick: { seconds: 4, freeSeconds: 4, rounds: 1 },
};

const warmUpMs = 1500;

/** As a forgotten session has it: a snapshot and a transaction id, both older than everything that follows. */
async function holdTransaction(peer) {
  const client = await peer.pool().connect();
  await client.query('begin isolation level repeatable read');
  await client.query('select pg_current_xact_id(), count(*) from app_orders');
  return async () => {
    await client.query('rollback');
    client.release();
  };
}

const deadRows = 'select coalesce(sum(n_dead_tup), 0)::int as dead from pg_stat_user_tables';

async function underLoad(peer, _n, variant) {
  const runners = await peer.start(variant);
  const release = variant.held ? await holdTransaction(peer) : undefined;
  try {
    await runners.work();
    const submitted = await feed(peer, runners, warmUpMs);
    const spent = runners.cpuSeconds();
    const before = runners.completed();
    const timing = await peer.timed(async () => {
      await feed(peer, runners, variant.seconds * 1000, submitted);
      return { tasks: runners.completed() - before, childCpuSeconds: runners.cpuSeconds() - spent };
    });
    await sleep(600); // what was counted becomes visible
    const { rows } = await peer.query(deadRows);
    return { ...timing, figures: { lastThirdByFirst: lastThirdByFirst(runners.samples), deadRows: rows[0].dead } };
  } finally {
    await release?.();
    await runners.stop();
  }
}

function lastThirdByFirst(samples) {
  const [from, to] = [samples[0].at + warmUpMs, samples.at(-1).at];
  const third = (to - from) / 3;
  return rateBetween(samples, to - third, to) / rateBetween(samples, from, from + third);
}

export const measure = sideBySide(({ seconds, freeSeconds }) => [
  {
    id: 'held',
    title: `submit and drain, as fast as it goes, for ${seconds} s beside an old transaction`,
    unit: 'tasks/s',
    figures: ['perSecond', 'lastThirdByFirst', 'deadRows'],
    tasks: 0,
    secondsPerTurn: seconds + 120,
    everyVariant: true,
    variants: ({ liveVariants: [base] = [] }) =>
      base && [
        { ...base, label: 'no old transaction', seconds: freeSeconds },
        { ...base, label: 'an old transaction', seconds, held: true },
      ],
    run: underLoad,
  },
]);
