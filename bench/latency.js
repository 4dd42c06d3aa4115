import { setTimeout as sleep } from 'node:timers/promises';

const warmUp = 50;

/**
 * Submits one task at a time, waits until its handler starts, then a random gap of up to 20 ms so that no poller can
 * fall into step.
 * @param submit `(i)` → promise; the handler of task i must call `started(i)` of the returned object.
 */
export function latencyProbe() {
  const waiting = new Map();
  return {
    started(i) {
      const now = performance.now();
      waiting.get(i)?.(now);
    },
    async sample(n, submit) {
      await sleep(500); // idle means idle
      const samples = [];
      for (let i = 1; i <= warmUp + n; i++) {
        const start = performance.now();
        const handlerStart = new Promise((resolve) => waiting.set(i, resolve));
        await submit(i);
        const milliseconds = (await handlerStart) - start;
        waiting.delete(i);
        if (i > warmUp) samples.push(milliseconds);
        await sleep(Math.random() * 20);
      }
      return samples;
    },
  };
}
