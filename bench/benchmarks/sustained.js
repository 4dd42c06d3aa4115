import { sideBySide } from '../benchmark.js';
import { allDone, waiting } from './all-done.js';
import { submitBatchSize } from './sizes.js';

export const sizes = {
  full: { tasks: 100_000, rounds: 3 },
  whole: { tasks: 60_000, rounds: 2, tries: 1, few: true },
  quick: { tasks: 10_000, rounds: 1, few: true },
};

const common = (tasks) => ({
  unit: 'tasks/s',
  tasks,
  prepare: waiting(submitBatchSize),
  run: (peer, n, variant) => (peer.sustained ?? peer.drain)(n, variant),
  check: allDone,
});

/** The drain with everything that makes the history provable and searchable, until the last event is where it belongs. */
export const measure = sideBySide(({ tasks, few }) => [
  {
    ...common(tasks),
    id: 'sealed',
    title: 'drain, sealed and projected to the end',
    // Whoever keeps no history has nothing more to do than to drain.
    variants: (peer) => peer.sustainedVariants ?? (few ? peer.likelyVariants : peer.drainVariants),
    goals: [{ id: 'P15', against: 'graphile-worker', ratio: 1.2 }],
  },
  {
    ...common(tasks),
    id: 'peer-site',
    title: 'the same with a peer site on this machine, until all is proven and projected there too',
    variants: (peer) => peer.peerSiteVariants,
  },
  {
    ...common(tasks),
    id: 'unsealed',
    title: 'the same drain without a daemon beside it',
    variants: (peer) => peer.unsealedVariants,
  },
]);
