import { setTimeout as sleep } from 'node:timers/promises';
import { sideBySide } from '../benchmark.js';
import { pace } from '../live.js';

export const sizes = {
  full: { perSecond: 1000, seconds: 30, rounds: 2 },
  whole: { perSecond: 1000, seconds: 5, rounds: 1 },
  quick: { perSecond: 1000, seconds: 3, rounds: 1 },
};

const lookEveryMs = 5;
const warmUpMs = 1000;

/**
 * From the call of submit until the database no longer has the task as unfinished, which is looked at every 5 ms, for everybody
 * by a look at the very tasks that are missing.
 */
async function endToEnd(peer, _n, variant, { perSecond, seconds }) {
  const runners = await peer.start(variant);
  const missing = new Map();
  const samples = [];
  let arriving = true;
  const submit = async (count) => {
    const at = performance.now();
    for (const id of await peer.submitSome(count)) missing.set(String(id), at);
  };
  const watching = async () => {
    while (arriving || missing.size > 0) {
      const asked = [...missing.keys()];
      const left = new Set((await peer.unfinished(asked)).map(String));
      const now = performance.now();
      for (const id of asked) {
        if (left.has(id)) continue;
        samples.push(now - missing.get(id));
        missing.delete(id);
      }
      await sleep(lookEveryMs);
    }
  };
  try {
    await runners.work();
    const watched = watching();
    watched.catch(() => undefined); // thrown where it is awaited
    await pace(perSecond, warmUpMs, submit);
    samples.length = 0;
    const [done, spent] = [runners.completed(), runners.cpuSeconds()];
    const timing = await peer.timed(async () => {
      await pace(perSecond, seconds * 1000, submit);
      return { tasks: runners.completed() - done, childCpuSeconds: runners.cpuSeconds() - spent };
    });
    arriving = false;
    await watched;
    return { ...timing, samples };
  } finally {
    arriving = false;
    await runners.stop();
  }
}

export const measure = sideBySide((size) => [
  {
    id: 'arrival',
    title: `submit → completed, ${size.perSecond} tasks/s arriving in a call every 10 ms`,
    unit: 'ms',
    tasks: size.perSecond * size.seconds,
    variants: ({ arrivalVariants }) => arrivalVariants,
    run: (peer, n, variant) => endToEnd(peer, n, variant, size),
  },
]);
