import { sideBySide } from '../benchmark.js';
import { allDone, waiting } from './all-done.js';
import { submitBatchSize } from './sizes.js';

export const sizes = {
  full: { tasks: 100_000, processes: [1, 2, 3, 4], rounds: 3 },
  whole: { tasks: 30_000, processes: [1, 2, 3, 4], rounds: 1 },
  quick: { tasks: 10_000, processes: [1, 4], rounds: 1 },
};

/** The same drain by more and more processes; the bare log has two connections for each. */
export const measure = sideBySide(({ tasks, processes }) => [
  {
    id: 'runners',
    title: 'drain, by the number of processes',
    unit: 'tasks/s',
    tasks,
    everyVariant: true,
    variants: ({ byProcesses }) =>
      processes.map((count) => ({ ...byProcesses(count), label: `${count} ${count === 1 ? 'process' : 'processes'}` })),
    prepare: waiting(submitBatchSize),
    run: (peer, n, variant) => peer.drain(n, variant),
    check: allDone,
  },
]);
