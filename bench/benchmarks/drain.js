import { sideBySide } from '../benchmark.js';
import { allDone, waiting } from './all-done.js';
import { submitBatchSize } from './sizes.js';

export const sizes = {
  full: { tasks: 100_000, single: 10_000, rounds: 3 },
  whole: { tasks: 50_000, single: 4_000, rounds: 3, tries: 1 },
  quick: { tasks: 20_000, single: 2_000, rounds: 1 },
};

export const measure = sideBySide(({ tasks, single }) => [
  {
    id: 'batches',
    title: 'drain, tuned batches',
    unit: 'tasks/s',
    tasks,
    variants: (peer) => peer.drainVariants,
    prepare: waiting(submitBatchSize),
    run: (peer, n, variant) => peer.drain(n, variant),
    check: allDone,
    goals: [
      { id: 'P1', against: 'graphile-worker', ratio: 3 },
      { id: 'P1', against: 'bare-log', ratio: 0.5 },
      { id: 'P2', against: 'pg-boss', ratio: 3 },
    ],
  },
  {
    id: 'singly',
    title: 'drain, one at a time, 24 connections',
    unit: 'tasks/s',
    tasks: single,
    variants: (peer) => peer.singleVariants,
    prepare: waiting(submitBatchSize),
    run: (peer, n, variant) => peer.drainOneAtATime(n, variant),
    check: allDone,
    goals: [
      { id: 'P3', against: 'graphile-worker', ratio: 2.5 },
      { id: 'P3', against: 'pg-boss', ratio: 2.5 },
    ],
  },
]);
