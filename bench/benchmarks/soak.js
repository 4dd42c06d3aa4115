import { sideBySide } from '../benchmark.js';
import { feed, pace } from '../live.js';
import { residentOf } from '../resident.js';

export const sizes = {
  full: { seconds: 1200, findSeconds: 10, samples: 60, rounds: 1 },
  whole: { seconds: 14, findSeconds: 4, samples: 7, rounds: 1 },
  quick: { seconds: 6, findSeconds: 2, samples: 4, rounds: 1 },
};

const state = `
  select coalesce(sum(s.n_dead_tup), 0)::float8 as dead, coalesce(sum(pg_indexes_size(s.relid)), 0)::float8 / 1048576 as indexes,
         coalesce(sum(pg_table_size(s.relid)), 0)::float8 / 1048576 as tables, coalesce(sum(s.autovacuum_count), 0)::int as vacuums
    from pg_stat_user_tables s`;

/** What it can do for long: as much as it takes for a while, and then until all of it is done, with a daemon until it is projected. */
async function findRate(peer, runners, seconds) {
  const startedAt = performance.now();
  const submitted = await feed(peer, runners, seconds * 1000);
  await runners.settled();
  return (submitted / (performance.now() - startedAt)) * 1000;
}

async function soak(peer, _n, variant, { seconds, findSeconds, samples: count }) {
  const runners = await peer.start(variant);
  try {
    await runners.work();
    const perSecond = (await findRate(peer, runners, findSeconds)) / 2;
    const series = [];
    const look = async () => {
      const { rows } = await peer.query(state);
      const resident = Object.entries(runners.processes).map(([name, pid]) => [`${name}Mb`, residentOf(pid)]);
      series.push({ ...rows[0], ...Object.fromEntries(resident) });
    };
    const [done, spent] = [runners.completed(), runners.cpuSeconds()];
    await look();
    const timing = await peer.timed(async () => {
      for (let i = 0; i < count; i += 1) {
        await pace(perSecond, (seconds * 1000) / count, (some) => peer.submit(some, some));
        await look();
      }
      return { tasks: runners.completed() - done, childCpuSeconds: runners.cpuSeconds() - spent };
    });
    const behindAt = performance.now();
    await runners.settled();
    return {
      ...timing,
      series,
      figures: { ...change(series), askedPerSecond: perSecond, secondsBehind: (performance.now() - behindAt) / 1000 },
    };
  } finally {
    await runners.stop();
  }
}

function change(series) {
  const [first, last] = [series[0], series.at(-1)];
  return {
    mostDeadRows: Math.max(...series.map(({ dead }) => dead)),
    indexMbBefore: first.indexes,
    indexMbAfter: last.indexes,
    tableMbAfter: last.tables,
    runnerMbBefore: first.runnerMb,
    runnerMbAfter: last.runnerMb,
  };
}

export const measure = sideBySide((size) => [
  {
    id: 'soak',
    title: `${size.seconds} s at half of what each can do`,
    unit: 'tasks/s',
    compared: false,
    figures: ['perSecond', 'askedPerSecond', 'mostDeadRows', 'indexMbBefore', 'indexMbAfter', 'tableMbAfter'].concat([
      'runnerMbBefore',
      'runnerMbAfter',
      'secondsBehind',
    ]),
    tasks: 0,
    secondsPerTurn: size.seconds + 240,
    variants: ({ soakVariants }) => soakVariants,
    run: (peer, n, variant) => soak(peer, n, variant, size),
  },
]);
