import { systemClock } from '../../clock.ts';
import type { DemoSite } from './demo-site.ts';
import { issueTicket } from './demo-tasks.ts';
import { until } from './until.ts';

const ticketsAtOnce = 10;
const pauseMs = 100;

/**
 * Submits tickets at each of these sites, a few ten times a second, until `done` has ended, and waits until all are issued.
 * @returns how many at each site @throws what `done` throws
 */
export async function workMeanwhile(sites: readonly DemoSite[], done: Promise<unknown>): Promise<number[]> {
  const over = new AbortController();
  const ended = done.finally(() => over.abort());
  const submitted = sites.map((site) => submitUntil(over.signal, site));
  const [counts] = await Promise.all([Promise.all(submitted), ended]);
  await Promise.all(sites.map(whenIssued));
  return counts;
}

/** Until no ticket of this site waits. */
async function whenIssued({ app }: DemoSite): Promise<void> {
  await until('every ticket issued', async () => {
    const { rows } = await app.query('select from taskledger.open_tasks where name = $1 limit 1', [issueTicket.name]);
    return rows.length === 0 ? true : undefined;
  });
}

async function submitUntil(over: AbortSignal, { ledger }: DemoSite): Promise<number> {
  let count = 0;
  while (!over.aborted) {
    const seats = Array.from({ length: ticketsAtOnce }, (_, i) => ({ input: { seat: count + i + 1 } }));
    await ledger.submitMany(issueTicket, seats);
    count += seats.length;
    await systemClock.sleep(pauseMs, over);
  }
  return count;
}
