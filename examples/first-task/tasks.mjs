import { defineTask } from 'taskledger';

export const hello = defineTask({ name: 'greetings.say' }).handle(async ({ input, attempt, progress }) => {
  await progress({ fraction: 0.5, message: `looking up ${input.name}` });
  if (input.name === 'nobody') throw new Error(`attempt ${attempt}: there is nobody to greet`);
  return { greeting: `Hello ${input.name}!` };
});
