/* What the manifest of a plugin may name; plain JavaScript from the compiled package, since a child process imports it. */
import { z } from 'zod';
import { defineTask } from '../../../dist/ledger/define-task.js';

export const number = 7;

export async function adds({ input, name }) {
  return { sum: input.reduce((sum, each) => sum + each, 0), task: name };
}

export const typed = defineTask({
  name: 'plugin.typed',
  input: z.number(),
  retryable: (error) => !(error instanceof RangeError),
}).handle(({ input }) => {
  if (input === 0) throw new RangeError('nothing');
  return `n=${input}`;
});
