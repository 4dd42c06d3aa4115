import { sideBySide } from '../benchmark.js';
import { waiting } from './all-done.js';
import { submitBatchSize } from './sizes.js';

export const sizes = {
  full: { tasks: 100_000, rounds: 1 },
  whole: { tasks: 30_000, rounds: 1 },
  quick: { tasks: 10_000, rounds: 1 },
};

const submitted = waiting(submitBatchSize);
const position = "select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 as at";
const size = 'select pg_database_size(current_database())::float8 as bytes';

async function bytes(peer, n, variant) {
  const wal = async () => (await peer.query(position)).rows[0].at;
  const disk = async () => {
    await peer.query('vacuum');
    return (await peer.query(size)).rows[0].bytes;
  };
  const [empty, begun] = [await disk(), await wal()];
  await submitted(peer, n);
  const waitingAt = await wal();
  const timing = await (variant.daemon ? peer.sustained : peer.drain)(n, variant);
  const ended = await wal();
  return {
    ...timing,
    figures: {
      walToSubmit: (waitingAt - begun) / n,
      walToRun: (ended - waitingAt) / n,
      walInAll: (ended - begun) / n,
      diskWhenFinished: ((await disk()) - empty) / n,
    },
  };
}

/** Bytes per task, of one configuration each; the bare log has no submission, and its two events are what running records. */
export const measure = sideBySide(({ tasks }) => [
  {
    id: 'footprint',
    title: 'bytes per task: of WAL, and on disk once it is finished',
    unit: 'bytes',
    figures: ['walToSubmit', 'walToRun', 'walInAll', 'diskWhenFinished'],
    tasks,
    everyVariant: true,
    variants: ({ drainVariants: [drain], sustainedVariants: [sustained] = [] }) =>
      [drain, sustained].filter((variant) => variant !== undefined),
    run: bytes,
  },
]);
