import { systemClock } from '../../clock.ts';
import { durationText } from '../duration-text.ts';
import type { Chapter, Narrator } from './chapter.ts';
import type { DemoSite } from './demo-site.ts';
import { issueTicket } from './demo-tasks.ts';
import { until } from './until.ts';

const batchSize = 1000;

/** Many small tasks: submitted in batches, then run to the end by the demo's runner. */
export async function runManyTickets({ ledger, app }: DemoSite, tasks: number, tell: Narrator): Promise<Chapter> {
  const startedAtMs = systemClock.monotonic();
  for (let from = 0; from < tasks; from += batchSize) {
    const items = Array.from({ length: Math.min(batchSize, tasks - from) }, (_, i) => ({
      input: { seat: from + i + 1 },
    }));
    await ledger.submitMany(issueTicket, items);
  }
  await until('every ticket issued', async () => {
    const { rows } = await app.query('select from taskledger.open_tasks where name = $1 limit 1', [issueTicket.name]);
    return rows.length === 0 ? true : undefined;
  });
  const tookMs = systemClock.monotonic() - startedAtMs;
  const rate = Math.round((tasks / tookMs) * 1000);
  tell(`${tasks} tickets were submitted and issued in ${durationText(tookMs)}, each with its history.`);
  return { what: 'Tickets issued', tasks, state: 'completed', note: `about ${rate} a second, from submit to done` };
}
