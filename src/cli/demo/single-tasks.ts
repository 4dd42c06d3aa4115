import { systemClock } from '../../clock.ts';
import type { TaskState } from '../../events/task-state.ts';
import type { Chapter, Narrator } from './chapter.ts';
import type { DemoSite } from './demo-site.ts';
import { buildReport, fetchRates, renderStatement, sendReminder } from './demo-tasks.ts';
import { until } from './until.ts';

const windowMs = 800;
const ended: readonly string[] = ['completed', 'failed', 'aborted', 'missed'];

/** A long task that reports how far it is. */
export async function runLongTask(site: DemoSite, tell: Narrator): Promise<Chapter> {
  const { id } = await site.ledger.submit(renderStatement, { customer: 'C-77', pages: 12 });
  const { state } = await whenEnded(site, id);
  const events = await site.ledger.history(id);
  const reports = events.filter((event) => event.type === 'task.progressed').length;
  tell('A statement of 12 pages was rendered, with progress.');
  return {
    what: 'Statement rendered',
    tasks: 1,
    state,
    note: `long; ${reports} progress reports in its history`,
    taskId: id,
  };
}

/** A task whose first attempts fail. */
export async function runFailingTask(site: DemoSite, tell: Narrator): Promise<Chapter> {
  const { id } = await site.ledger.submit(fetchRates, { base: 'USD' });
  const { state, attempt } = await whenEnded(site, id);
  tell(`Exchange rates were fetched in attempt ${attempt}: the ones before had failed.`);
  return { what: 'Exchange rates', tasks: 1, state, note: `failed ${attempt - 1} times, then succeeded`, taskId: id };
}

/** A running task that an operator aborts. */
export async function runAbortedTask(site: DemoSite, tell: Narrator): Promise<Chapter> {
  const { id } = await site.ledger.submit(buildReport, { year: 2025 });
  await until('the report being built', async () =>
    (await site.ledger.get(id)).state === 'leased' ? true : undefined,
  );
  const askedAtMs = systemClock.monotonic();
  await site.ledger.abort(id, { reason: 'wrong year, the customer called' });
  const { state } = await whenEnded(site, id);
  const tookMs = Math.round(systemClock.monotonic() - askedAtMs);
  tell(`A report was aborted while it was being built: it had stopped ${tookMs} ms later.`);
  return {
    what: 'Annual report',
    tasks: 1,
    state,
    note: `aborted while running, stopped within ${tookMs} ms`,
    taskId: id,
  };
}

/** A task that is of no use after its window, which passes. */
export async function runMissedTask(site: DemoSite, tell: Narrator): Promise<Chapter> {
  const startBefore = new Date(systemClock.now() + windowMs);
  const { id } = await site.ledger.submit(sendReminder, { to: 'ada@example.com' }, { startBefore });
  const { state } = await whenEnded(site, id);
  tell('A reminder missed its window, since no runner offers it: it will not be sent late.');
  return { what: 'Reminder', tasks: 1, state, note: 'its window passed; it is not sent too late', taskId: id };
}

function whenEnded({ ledger }: DemoSite, id: string): Promise<TaskState> {
  return until(`the end of task ${id}`, async () => {
    const task = await ledger.get(id);
    return ended.includes(task.state) ? task : undefined;
  });
}
