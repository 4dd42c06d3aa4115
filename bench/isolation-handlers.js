// What `npm run bench -- isolation` runs at each level: next to nothing, so that what is left is what the level costs. It is
// copied into a project that has taskledger among its packages, as those of users do.
import { defineTask } from 'taskledger';

const module = import.meta.url;
const task = (name, isolation) =>
  defineTask({ name: `bench.${name}` }).handle(({ input }) => ({ next: input + 1 }), isolation);

export const inline = task('inline');
export const pool = task('pool', { isolation: 'pool', module, maxTasks: 100_000 });
export const fresh = task('process', { isolation: 'process', module });
