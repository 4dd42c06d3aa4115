import { sideBySide } from '../benchmark.js';

export const sizes = {
  full: { samples: 300, rounds: 3 },
  whole: { samples: 200, rounds: 1 },
  quick: { samples: 50, rounds: 1 },
};

const ways = {
  typescript: 'from TypeScript alone',
  transaction: "within the app's transaction, from its begin",
  sql: 'by an SQL statement as psql sends it',
};

export const measure = sideBySide(({ samples }) =>
  Object.entries(ways).map(([way, what]) => ({
    id: way,
    title: `submit → start of the handler, idle, ${what}`,
    unit: 'ms',
    tasks: samples,
    variants: ({ submitWays }) => (submitWays?.includes(way) ? [{ label: 'LISTEN' }] : undefined),
    run: async (peer, n) => ({ samples: await peer.latency(n, way) }),
    goals: [{ id: 'P5', against: 'graphile-worker', ratio: 0.7 }],
  })),
);
