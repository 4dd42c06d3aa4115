// What `npm run bench -- hostile` runs: tasks that mean harm, each with the limit that ends it, and their neighbours. Copied into
// a project that has taskledger among its packages.
import { writeFileSync } from 'node:fs';
import { defineTask } from 'taskledger';

const module = import.meta.url;
const forever = () => new Promise(() => setInterval(() => {}, 60_000));
const task = (name, isolation, run) =>
  defineTask({ name: `bench.${name}`, retry: { attempts: 1 } }).handle(run, { module, ...isolation });
const fresh = (name, run, options) => task(name, { isolation: 'process', ...options }, run);

export const neighbour = task('neighbour', { isolation: 'pool', maxTasks: 100_000 }, ({ input }) => input);
export const next = fresh('next', ({ input }) => input);

/** Ends as soon as it is told to. */
export const cooperative = fresh('cooperative', ({ input, signal }) => {
  const told = new Promise((resolve) => {
    const timer = setInterval(() => {}, 60_000);
    signal.addEventListener('abort', () => resolve(clearInterval(timer)), { once: true });
  });
  writeFileSync(input.file, String(process.pid));
  return told;
});
export const stubbornGraceMs = 1000;
/** Hears neither its signal nor SIGTERM. */
export const stubborn = fresh(
  'stubborn',
  ({ input }) => {
    process.on('SIGTERM', () => {});
    writeFileSync(input.file, String(process.pid));
    return forever();
  },
  { graceMs: stubbornGraceMs },
);

/** Meant well: what its process costs where it starts and ends is all that anybody notices of it. */
export const harmless = fresh('harmless', () => new Promise((resolve) => setTimeout(resolve, 500)), {
  limits: { cpu: '1m', memory: '1GB', output: '64MB' },
});

export const loops = fresh(
  'loops',
  () => {
    for (;;);
  },
  { limits: { cpu: '500ms' } },
);

export const allocates = fresh(
  'allocates',
  () => {
    const kept = [];
    for (;;) kept.push(Buffer.alloc(16 * 2 ** 20, 1));
  },
  { limits: { memory: '256MB' } },
);

export const floods = fresh(
  'floods',
  async () => {
    const chunk = 'x'.repeat(2 ** 20);
    for (;;) await new Promise((resolve) => process.stdout.write(chunk, resolve));
  },
  { limits: { output: '64MB' } },
);
