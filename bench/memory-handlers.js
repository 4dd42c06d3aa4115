// What the runner of `npm run bench -- memory` runs: nothing at all, and a task that only waits.
import { setTimeout as sleep } from 'node:timers/promises';
import { defineTask } from '../dist/index.js';

export const small = defineTask({ name: 'bench.small' }).handle(() => undefined);

export const long = defineTask({ name: 'bench.long' }).handle(({ input, signal }) =>
  sleep(input.ms, undefined, { signal }),
);
