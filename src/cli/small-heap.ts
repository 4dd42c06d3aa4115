import { setFlagsFromString } from 'node:v8';

/**
 * Left alone, V8 lets the place for new objects grow with everything that ever lived through a collection, up to 2 × 64 MB
 * (Node 24) in a process that does the same small things all day, and fills it before it looks for what is dead.
 */
const flags = [
  // Collect new objects, between two turns of the event loop, when a tenth of their place is taken; by itself at 80 %.
  '--minor-gc-task-trigger=10',
  // Old ones when they are twice as many as those that lived last time; by itself up to four times.
  '--heap-growing-percent=100',
] as const;

/**
 * Keeps the memory of this process near what lives in it. To be called once the command is loaded: Node's own modules come
 * with compiled code that V8 takes only under the flags it was made with.
 */
export function keepHeapSmall(): void {
  for (const flag of flags) setFlagsFromString(flag);
}
