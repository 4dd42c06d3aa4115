import { sideBySide } from '../benchmark.js';

export const sizes = {
  full: { tasks: 100_000, single: 20_000, batches: [500, 1_000, 5_000], rounds: 3 },
  whole: { tasks: 60_000, single: 4_000, batches: [5_000], rounds: 2 },
  quick: { tasks: 20_000, single: 4_000, batches: [5_000], rounds: 1 },
};

export const measure = sideBySide(({ tasks, single, batches }) => [
  {
    id: 'batches',
    title: 'submit, batches',
    unit: 'tasks/s',
    tasks,
    variants: ({ submit }) => submit && batches.map((batch) => ({ label: `batch ${batch}`, batch })),
    run: (peer, n, { batch }) => peer.timed(() => peer.submit(n, batch)),
    goals: [{ id: 'P4', against: 'graphile-worker', ratio: 1.2 }],
  },
  {
    id: 'singly',
    title: 'submit singly, each with a row of the app in one transaction, 16 connections',
    unit: 'tasks/s',
    tasks: single,
    variants: () => [{ label: '16 connections' }],
    run: (peer, n) => peer.submitInTransaction(n),
    goals: [{ id: 'P4', against: 'bare-log', ratio: 0.9 }],
  },
]);
