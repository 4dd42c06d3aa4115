import { submitBatchSize } from './sizes.js';

const measure = (quick) => ({
  unit: 'tasks/s',
  tasks: quick ? 20_000 : 100_000,
  prepare: (peer, n) => peer.submitBatch(n, submitBatchSize),
  run: (peer, n, variant) => (peer.sustained ?? peer.drain)(n, variant),
});

/** The drain with everything that makes the history provable and searchable, until the last event is sealed and projected. */
export const sustained = (quick) => [
  {
    ...measure(quick),
    title: 'drain, sealed and projected to the end',
    variants: (peer) => peer.sustainedVariants ?? (peer.name === 'graphile-worker' ? peer.drainVariants : undefined),
    goals: [{ id: 'P15', against: 'graphile-worker', ratio: 1.2 }],
  },
  {
    ...measure(quick),
    title: 'the same drain without a daemon beside it',
    variants: (peer) => peer.unsealedVariants,
    goals: [],
  },
];
