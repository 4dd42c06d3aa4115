import { submitBatchSize } from './sizes.js';

const prepare = (peer, n) =>
  peer.drainVariants === undefined || peer.name === 'bare-log' ? undefined : peer.submitBatch(n, submitBatchSize);

async function allDone(peer, n) {
  const left = await peer.remaining(n);
  if (left !== 0) throw new Error(`${peer.name} left ${left} of ${n} tasks unfinished`);
}

export const drain = (quick) => [
  {
    title: 'drain, tuned batches',
    unit: 'tasks/s',
    tasks: quick ? 20_000 : 100_000,
    variants: (peer) => peer.drainVariants,
    prepare,
    run: (peer, n, variant) => peer.drain(n, variant),
    check: allDone,
    goals: [
      { id: 'P1', against: 'graphile-worker', ratio: 3 },
      { id: 'P1', against: 'bare-log', ratio: 0.5 },
      { id: 'P2', against: 'pg-boss', ratio: 3 },
    ],
  },
  {
    title: 'drain, one at a time, 24 connections',
    unit: 'tasks/s',
    tasks: quick ? 2_000 : 10_000,
    variants: (peer) => peer.singleVariants,
    prepare,
    run: (peer, n, variant) => peer.drainOneAtATime(n, variant),
    check: allDone,
    goals: [
      { id: 'P3', against: 'graphile-worker', ratio: 2.5 },
      { id: 'P3', against: 'pg-boss', ratio: 2.5 },
    ],
  },
];
