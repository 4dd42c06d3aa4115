import { setTimeout as sleep } from 'node:timers/promises';
import { defineTask } from 'taskledger';
import { z } from 'zod';

/** Shared by the application (order-report.mjs) and by who handles it. */
export const makeReport = defineTask({
  name: 'reports.make',
  input: z.object({ title: z.string(), month: z.string() }),
  output: z.object({ pages: z.number() }),
});

const pages = 20;
const pageMs = Number(process.env.PAGE_MS ?? 250);

/** Stands for work that takes a while. `sleep` ends at once, by a throw, when the attempt is told to stop. */
export const handler = makeReport.handle(async ({ input, progress, log, signal }) => {
  log.info('making a report', { month: input.month });
  for (let page = 1; page <= pages; page += 1) {
    await sleep(pageMs, undefined, { signal });
    await progress({ fraction: page / pages, message: `page ${page} of ${pages}` });
    if (page % 5 === 0) log.debug('written', { page });
  }
  return { pages };
});
