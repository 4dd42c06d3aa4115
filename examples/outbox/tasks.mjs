import { appendFile } from 'node:fs/promises';
import { defineTask } from 'taskledger';
import { z } from 'zod';

/** Shared by who submits (place-order.mjs) and who handles: the name, the shape of the input, the policy. */
export const confirmOrder = defineTask({
  name: 'orders.confirm',
  input: z.object({ orderId: z.string(), email: z.email() }),
  retry: { attempts: 5, backoff: { kind: 'exponential', delay: '1s', cap: '1m' } },
});

/** Stands for a mail server. One line, appended in one write: lines of several runners never mix. */
export const handler = confirmOrder.handle(async ({ input }) => {
  await appendFile('mails.txt', `to ${input.email}: your order ${input.orderId}\n`);
});
