import { setTimeout as sleep } from 'node:timers/promises';
import { sideBySide } from '../benchmark.js';

export const sizes = {
  full: { tasks: 100_000, pending: 1_000_000, finished: 10_000_000, rounds: 2 },
  whole: { tasks: 30_000, pending: 100_000, finished: 150_000, rounds: 2 },
  quick: { tasks: 10_000, pending: 30_000, finished: 30_000, rounds: 1 },
};

const inWords = (n) => n.toLocaleString('en');

function* variantsOf({ name, liveVariants, drainVariants, fillFinished, fill }, { pending, finished }) {
  if (name === 'bare-log') return yield { ...drainVariants[0], label: 'nothing else' };
  const [base] = liveVariants;
  yield { ...base, label: 'nothing else' };
  if (fill) yield { ...base, label: `${inWords(pending)} pending`, pending };
  if (fillFinished)
    yield { ...base, label: `${inWords(pending)} pending, ${inWords(finished)} finished`, pending, finished };
}

/** The first n of the waiting tasks, by what the runners say of themselves. */
async function drainSome(peer, n, variant) {
  if (peer.name === 'bare-log') return await peer.drain(n, variant);
  const runners = await peer.start(variant);
  try {
    return await peer.timed(async () => {
      await runners.work();
      while (runners.completed() < n) await sleep(5);
      const begun = runners.samples[0];
      const ended = runners.samples.find(({ completed }) => completed >= n);
      return { tasks: ended.completed, seconds: (ended.at - begun.at) / 1000, childCpuSeconds: runners.cpuSeconds() };
    });
  } finally {
    await runners.stop();
  }
}

export const measure = sideBySide((size) => [
  {
    id: 'growth',
    title: `drain of ${inWords(size.tasks)}, with other tasks behind and before them`,
    unit: 'tasks/s',
    tasks: size.tasks,
    secondsPerTurn: 1800, // most of it is filling
    everyVariant: true,
    variants: (peer) => [...variantsOf(peer, size)],
    async prepare(peer, n, { pending, finished }) {
      if (finished !== undefined) await peer.fillFinished(finished);
      if (peer.name !== 'bare-log') await peer.fill(n + (pending ?? 0));
    },
    run: drainSome,
  },
]);
