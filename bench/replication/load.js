// Events for ams: tasks submitted with submitMany, one event each, which nobody runs.
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineTask } from '../../dist/index.js';

const small = defineTask({ name: 'bench.small' });

const batchOf = (count) =>
  Array.from({ length: count }, (_, i) => ({ input: { order: i, to: 'somebody@example.org' } }));

/** Records so many events as fast as it goes. */
export async function recordMany(ledger, count) {
  const batch = batchOf(5000);
  const each = async (from) => {
    for (let i = from; i < count; i += 2 * batch.length) await ledger.submitMany(small, batch.slice(0, count - i));
  };
  await Promise.all([each(0), each(batch.length)]);
}

/**
 * Records events at a steady rate, in calls of 1/100 of it, until told to stop. A call that is late delays those behind it: the
 * rate is then what the site could take.
 * @returns `recorded()` so far; `stop()`; `onRecorded` is called with the last event of each call and when its commit was known
 */
export function recordSteadily(ledger, perSecond, onRecorded = () => undefined) {
  const turnMs = 10;
  const batch = batchOf(Math.round((perSecond * turnMs) / 1000));
  let recorded = 0;
  let stopped = false;
  const submit = async () => {
    const submitted = await ledger.submitMany(small, batch);
    recorded += batch.length;
    onRecorded(submitted.at(-1).seq, performance.now());
  };
  const running = (async () => {
    const underWay = new Set();
    for (let next = performance.now(); !stopped; next += turnMs) {
      await sleep(Math.max(0, next - performance.now()));
      if (underWay.size >= 4) await Promise.race(underWay);
      const call = submit().finally(() => underWay.delete(call));
      underWay.add(call);
    }
    await Promise.all(underWay);
  })();
  return {
    recorded: () => recorded,
    async stop() {
      stopped = true;
      await running;
    },
  };
}

/**
 * Records as fast as the sites stand it: held back while `lag()`, in events, is above `most`. Then the rate is the highest that
 * goes on without a growing lag.
 * @returns `recorded()` so far; `stop()`
 */
export function recordHeldBack(ledger, lag, most) {
  const batch = batchOf(1000);
  let recorded = 0;
  let stopped = false;
  const each = async () => {
    while (!stopped) {
      if (lag() > most) {
        await sleep(5);
        continue;
      }
      await ledger.submitMany(small, batch);
      recorded += batch.length;
    }
  };
  const running = Promise.all([each(), each()]);
  return {
    recorded: () => recorded,
    async stop() {
      stopped = true;
      await running;
    },
  };
}
